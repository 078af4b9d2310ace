// Sends each device its newest desired document: on hello, on change, and until the device reports its generation.
// Never builds or signs one.

import { parseManifest } from '@drover/trust/documents';
import { encodeMessage } from '@drover/wire/encode';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { SignedEnvelope, Stamp } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import { downTopic } from '@drover/wire/topics';
import { type DesiredRow, readDesired } from '../db/desired.ts';
import { readVersionByManifest } from '../db/models.ts';
import type { Store } from '../db/store.ts';
import type { Session, Sessions } from './sessions.ts';

export interface DesiredSenderDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly stamp: () => Stamp;
  readonly now: () => number;
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
  /** Sends again where the device has not reported the generation. */
  sendAgain(): Promise<void>;
}

const RESEND_MS = 15_000;
const KEPT_MANIFESTS = 256;

interface NamedManifest {
  readonly envelope: SignedEnvelope;
  readonly size: number;
  readonly blobs: readonly string[];
}

const blobsOf = (named: readonly NamedManifest[]): ReadonlySet<string> =>
  new Set(named.flatMap((manifest) => manifest.blobs));

export function makeDesiredSender({ store, sessions, stamp, now, broken }: DesiredSenderDeps): DesiredSender {
  const manifests = new Map<string, NamedManifest>();

  async function loadManifest(digest: string): Promise<NamedManifest | undefined> {
    const held = manifests.get(digest);
    if (held) return held;
    const row = await readVersionByManifest(store, digest);
    const envelope = row && readSignedEnvelope(row.envelope);
    const manifest = envelope?.ok ? parseManifest(envelope.value.payload) : undefined;
    if (!row || !envelope?.ok || !manifest?.ok) return undefined;
    const { model, baseline, vectors } = manifest.value.blobs;
    const blobs = [model, baseline, vectors].flatMap((blob) => (blob ? [blob.sha256] : []));
    const made = { envelope: envelope.value, size: row.envelope.length, blobs };
    if (manifests.size >= KEPT_MANIFESTS) manifests.delete(manifests.keys().next().value ?? '');
    manifests.set(digest, made);
    return made;
  }

  /** The manifests that the document names. */
  async function nameManifests(session: Session, row: DesiredRow): Promise<NamedManifest[] | undefined> {
    const named: NamedManifest[] = [];
    for (const digest of JSON.parse(row.manifestsJson) as string[]) {
      const manifest = await loadManifest(digest);
      if (!manifest) {
        broken(session.device, `manifest ${digest} is not in the registry`);
        return undefined;
      }
      named.push(manifest);
    }
    return named;
  }

  async function publish(session: Session, row: DesiredRow): Promise<void> {
    const document = readSignedEnvelope(row.envelope);
    if (!document.ok) return broken(session.device, document.detail);
    const named = await nameManifests(session, row);
    if (!named) return;
    session.artifacts = blobsOf(named);
    const payload = encodeMessage(
      'desired',
      { document: document.value, manifests: named.map((m) => m.envelope) },
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
    async entitle(session) {
      if (session.artifacts) return;
      const row = await readDesired(store, session.device);
      const named = row && (await nameManifests(session, row));
      // A newer document may have been sent meanwhile.
      session.artifacts ??= blobsOf(named ?? []);
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
