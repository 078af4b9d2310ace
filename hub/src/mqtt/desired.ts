// Sends each device its newest desired document: on hello, on change, and until the device reports its generation.
// Never builds or signs one.

import type { Refusal } from '@drover/core/reasons';
import { encodeMessage } from '@drover/wire/encode';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { ReleaseHint, SignedEnvelope, Stamp } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import { downTopic } from '@drover/wire/topics';
import { type DesiredRow, readDesired } from '../db/desired.ts';
import { readDevice } from '../db/devices.ts';
import type { Store } from '../db/store.ts';
import { readRegisteredManifest } from '../registry/read-manifest.ts';
import type { WaysTo } from './offers.ts';
import type { Session, Sessions } from './sessions.ts';
import { carriersOf, fetchable, makeWares, type Named, type SealingSide, type Wares, withheld } from './wares.ts';

export interface DesiredSenderDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly stamp: () => Stamp;
  readonly now: () => number;
  /** Beside chunks over MQTT. */
  readonly ways: readonly WaysTo[];
  /** Artifacts of confidential models leave the hub only sealed; absent: there are none. */
  readonly sealing?: SealingSide;
  /** An artifact is confidential and this device cannot be given it. */
  readonly unsealable?: (device: string, refusal: Refusal) => void;
  /** Where the release metadata lists a manifest, the best path first. */
  readonly pathsOf: (manifest: string) => Promise<readonly string[]>;
  /** A stored document that cannot be sent as it is: a defect or damage on our side. */
  broken(device: string, why: string): void;
}

export interface DesiredSender {
  /** Sends the newest document if the device is there to hear it, and lets it fetch what the document names. */
  send(device: string): Promise<void>;
  /**
   * Knows what the device may fetch although its document is still on its way: one that comes back in the middle of a
   * download asks for the rest at once, and a refusal would end its deployment.
   */
  entitle(session: Session): Promise<void>;
  /** What a device may fetch by its newest document, connected or not. */
  fetchableBy(device: string): Promise<ReadonlySet<string>>;
  /** Sends again where the device has not reported the generation. */
  sendAgain(): Promise<void>;
}

const RESEND_MS = 15_000;
const KEPT_MANIFESTS = 256;
const AS_THEY_ARE: Wares = { offers: [], confidential: new Set(), sealed: new Map() };

interface NamedManifest extends Named {
  readonly envelope: SignedEnvelope;
  readonly size: number;
}

export function makeDesiredSender(deps: DesiredSenderDeps): DesiredSender {
  const { store, sessions, stamp, now, ways, pathsOf, broken } = deps;
  const manifests = new Map<string, NamedManifest>();
  const waresFor = makeWares({ ways, sealing: deps.sealing, unsealable: deps.unsealable });

  async function loadManifest(digest: string): Promise<NamedManifest | undefined> {
    const held = manifests.get(digest);
    if (held) return held;
    const registered = await readRegisteredManifest(store, digest);
    if (!registered) return undefined;
    const { envelope, manifest, size } = registered;
    const { model, baseline, vectors } = manifest.blobs;
    const blobs = [model, baseline, vectors].filter((blob) => blob !== undefined);
    const made = { digest, model: manifest.model, envelope, size, blobs };
    if (manifests.size >= KEPT_MANIFESTS) manifests.delete(manifests.keys().next().value ?? '');
    manifests.set(digest, made);
    return made;
  }

  /** The manifests that the document names. */
  async function nameManifests(device: string, row: DesiredRow): Promise<NamedManifest[] | undefined> {
    const named: NamedManifest[] = [];
    for (const digest of JSON.parse(row.manifestsJson) as string[]) {
      const manifest = await loadManifest(digest);
      if (!manifest) {
        broken(device, `manifest ${digest} is not in the registry`);
        return undefined;
      }
      named.push(manifest);
    }
    return named;
  }

  /** The label that says with whom the device shares a link. */
  async function readSite(device: string): Promise<string | undefined> {
    const row = await readDevice(store, device);
    return row && (JSON.parse(row.labelsJson) as Record<string, string>)['site'];
  }

  /** Where the release metadata lists each manifest: a hint that the device looks up and compares. */
  async function hintReleases(row: DesiredRow): Promise<ReleaseHint[]> {
    const hints: ReleaseHint[] = [];
    for (const manifest of JSON.parse(row.manifestsJson) as string[]) {
      const [path] = await pathsOf(manifest);
      if (path !== undefined) hints.push({ manifest, path });
    }
    return hints;
  }

  async function publish(session: Session, row: DesiredRow): Promise<void> {
    const document = readSignedEnvelope(row.envelope);
    if (!document.ok) return broken(session.device, document.detail);
    const named = await nameManifests(session.device, row);
    if (!named) return;
    session.site = await readSite(session.device);
    const wares = await waresFor(session, named);
    const { offers } = wares;
    session.artifacts = fetchable(named, wares);
    session.confidential = withheld(named, wares);
    session.carriers = carriersOf(named, wares);
    const releases = await hintReleases(row);
    const payload = encodeMessage(
      'desired',
      { document: document.value, manifests: named.map((m) => m.envelope), releases, offers },
      stamp(),
    );
    if (payload.length > PAYLOAD_BYTES.desired)
      return broken(session.device, `the message has ${payload.length} bytes`);
    session.sentGeneration = row.generation;
    session.sentAt = now();
    await session.connection.publish(downTopic(session.device, 'desired'), payload, 1);
  }

  async function send(device: string): Promise<void> {
    const session = sessions.live(device);
    if (!session?.isSubscribed || session.sessionId === undefined) return;
    const row = await readDesired(store, device);
    if (row) await publish(session, row);
  }

  return {
    send,
    async fetchableBy(device) {
      const artifacts = sessions.live(device)?.artifacts;
      if (artifacts) return artifacts;
      const row = await readDesired(store, device);
      const open: Named[] = [];
      for (const named of (row && (await nameManifests(device, row))) ?? []) {
        // In what form a confidential artifact leaves is decided with a session only.
        if ((await deps.sealing?.isConfidential(named.model)) !== true) open.push(named);
      }
      return fetchable(open, AS_THEY_ARE);
    },
    async entitle(session) {
      if (session.artifacts) return;
      const row = await readDesired(store, session.device);
      const named = row && (await nameManifests(session.device, row));
      session.site = await readSite(session.device);
      const wares = await waresFor(session, named ?? []);
      session.confidential = withheld(named ?? [], wares);
      session.carriers = carriersOf(named ?? [], wares);
      // A newer document may have been sent meanwhile.
      session.artifacts ??= fetchable(named ?? [], wares);
    },
    async sendAgain() {
      const before = now() - RESEND_MS;
      const late = [...sessions.all()].filter(
        (s) => s.sentGeneration > s.reportedGeneration && (s.sentAt <= before || s.sentAt > now()),
      );
      for (const { device } of late) await send(device);
    },
  };
}
