// A hub small enough to misbehave on purpose: it speaks the real wire with real signatures and decides nothing. Tests only.
import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { type DesiredDoc, encodeDocument, PAYLOAD_TYPES } from '@drover/trust/documents';
import { makeKey, type Signer, signerFromPem, signPayload } from '@drover/trust/dsse';
import { signRoot } from '@drover/trust/root';
import { encodeMessage } from '@drover/wire/encode';
import { CHUNK_BYTES, CHUNKS_PER_REQ } from '@drover/wire/limits';
import type {
  Ack,
  Cmd,
  Desired,
  Entry,
  Gone,
  Hello,
  MessageOf,
  Metadata,
  MetadataReq,
  Req,
  SignedEnvelope,
  State,
  Up,
} from '@drover/wire/messages';
import { readEntry, readMessage } from '@drover/wire/read';
import { chunkTopic, type DownKind, downTopic, HUB_TOPIC, parseTopic } from '@drover/wire/topics';
import { startBroker, type TestBroker } from './broker.ts';
import { buildTinyBundle, type TinyBundle, type TinyOptions } from './tiny-bundle.ts';
import { makeRepoKey, type RepoKey, TufRepo } from './tuf-repo.ts';

export interface TinyHub {
  readonly broker: TestBroker;
  readonly hubId: string;
  /** What a device is handed at join: the release root, or the root of 0.1. */
  readonly roots: { readonly release: Uint8Array };
  readonly legacy: SignedEnvelope;
  /** The release metadata; a test changes it to misbehave. */
  readonly repo: TufRepo;
  readonly release: Signer;
  readonly director: Signer;
  /** A new root with another director, whose key signs from now on; the old key is given back. */
  rotateDirector(): Signer;
  /** Everything that came, in order. */
  readonly hellos: Hello[];
  readonly states: State[];
  readonly ups: Up[];
  readonly gones: Gone[];
  readonly reqs: Req[];
  readonly metadataReqs: MetadataReq[];
  /** Entries by sequence number, the first body that came for each. */
  readonly entries: Map<number, Entry>;
  /** Answers Up with Ack; replace it to lose, delay or forge. */
  onUp: (device: string, up: Up) => void;
  /** Answers Req with chunks; replace it to lose, repeat or damage. */
  onReq: (device: string, req: Req) => void;
  /** Answers MetadataReq from the repository; replace it to lose, delay or forge. */
  onMetadataReq: (device: string, req: MetadataReq) => void;
  sendMetadata(device: string, metadata: Metadata): Promise<void>;
  bundle(options?: TinyOptions): Promise<TinyBundle>;
  /** Adds bytes that may be fetched. */
  hold(bundle: TinyBundle): void;
  blob(digest: string): Uint8Array | undefined;
  signDesired(document: DesiredDoc, signer?: Signer): Promise<SignedEnvelope>;
  send<K extends Exclude<DownKind, 'meta'>>(device: string, kind: K, message: MessageOf[K]): Promise<void>;
  sendChunk(device: string, digest: string, index: number, bytes?: Uint8Array): Promise<void>;
  /** Lists the bundle in the release metadata, and says where. */
  approve(bundle: TinyBundle): string;
  /** Approves the bundle (unless `path` says where it is said to be), signs and sends a document for one slot; sent again on each hello until another one is. */
  desire(
    device: string,
    bundle: TinyBundle,
    options?: Partial<DesiredDoc> & { slot?: string; deploymentId?: string; path?: string },
  ): Promise<Desired>;
  ack(device: string, ack: Partial<Ack>): Promise<void>;
  cmd(device: string, body: Cmd['body'], expiresAt?: number): Promise<string>;
  beat(): Promise<void>;
  close(): Promise<void>;
}

const signerOf = ({ privateKey }: RepoKey): Signer => {
  const signer = signerFromPem(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  if (!signer) throw new Error('an Ed25519 key that is none');
  return signer;
};

const newId = (): string => makeId(Date.now(), randomBytes(10));

/** Which chunks a request asks for: a few at a time, none twice under one number of the asking. */
function makeFlying() {
  const sent = new Map<string, { request: number; chunks: Set<number> }>();
  return {
    next(device: string, { digest, first, count, request, bitmap }: Req): number[] {
      if (!bitmap) return Array.from({ length: count }, (_, i) => first + i);
      const key = `${device}/${digest}`;
      let own = sent.get(key);
      if (own?.request !== request) own = { request, chunks: new Set() };
      sent.set(key, own);
      const missing = [...bitmap.keys()].filter((i) => bitmap[i] !== 0).map((i) => first + i);
      const flying = missing.filter((index) => own.chunks.has(index)).length;
      const next = missing.filter((index) => !own.chunks.has(index)).slice(0, Math.max(0, CHUNKS_PER_REQ - flying));
      for (const index of next) own.chunks.add(index);
      return next;
    },
  };
}

export async function startTinyHub(port = 0): Promise<TinyHub> {
  const broker = await startBroker(port);
  const [rootKey, directorKey] = [makeRepoKey(), makeRepoKey()];
  const keys = { root: signerOf(rootKey), release: makeKey().signer, director: signerOf(directorKey) };
  const legacy = await signRoot(1, { root: [keys.root], release: [keys.release], director: [keys.director] });
  const repo = new TufRepo({ director: directorKey, root: { keys: [rootKey], threshold: 1 } });
  const release = repo.files.get('1.root.json');
  if (!release) throw new Error('the repository has no first root');
  const blobs = new Map<string, Uint8Array>();
  const wished = new Map<string, Desired>();
  const flying = makeFlying();
  let generation = 0;
  const stamp = () => ({ sentAt: Date.now(), sentMono: Math.floor(performance.now()) });

  const hub: TinyHub = {
    broker,
    hubId: newId(),
    roots: { release },
    legacy,
    repo,
    release: keys.release,
    get director() {
      return keys.director;
    },
    rotateDirector() {
      const [key, old] = [makeRepoKey(), keys.director];
      repo.director = { keys: [key], threshold: 1 };
      repo.publishRoot();
      keys.director = signerOf(key);
      return old;
    },
    hellos: [],
    states: [],
    ups: [],
    gones: [],
    reqs: [],
    metadataReqs: [],
    entries: new Map(),
    onUp: (device, up) => void hub.ack(device, { outboxId: up.outboxId, lastSeq: up.items.at(-1)?.seq ?? 0 }),
    onReq: (device, req) => {
      for (const index of flying.next(device, req)) void hub.sendChunk(device, req.digest, index);
    },
    onMetadataReq: (device, { name, request }) => {
      const content = repo.files.get(name);
      const refusal = { code: 'metadata_not_found', detail: `"${name}".` };
      void hub.sendMetadata(
        device,
        content ? { name, request, content } : { name, request, content: new Uint8Array(0), refusal },
      );
    },
    sendMetadata: (device, metadata) =>
      broker.publish(downTopic(device, 'meta'), encodeMessage('metadata', metadata, stamp())),
    async bundle(options) {
      const made = await buildTinyBundle(keys.release, options);
      hub.hold(made);
      return made;
    },
    hold(bundle) {
      for (const [digest, bytes] of bundle.blobs) blobs.set(digest, bytes);
    },
    blob: (digest) => blobs.get(digest),
    signDesired: (document, signer = keys.director) =>
      signPayload(PAYLOAD_TYPES.desired, encodeDocument(document), [signer]),
    send: (device, kind, message) =>
      broker.publish(downTopic(device, kind), encodeMessage(kind, message, stamp()), kind === 'ack' ? 0 : 1),
    async sendChunk(device, digest, index, bytes) {
      const blob = blobs.get(digest);
      const chunk = bytes ?? blob?.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
      if (chunk && chunk.length > 0) await broker.publish(chunkTopic(device, digest, index), chunk);
    },
    approve({ manifest, envelope, digest }) {
      const path = `hub/${manifest.model}/${manifest.version}.json`;
      const listed = repo.teams['hub']?.models[manifest.model]?.entries[path]?.sha256;
      if (listed !== digest) repo.approve('hub', manifest.model, manifest.version, envelope.payload, manifest.release);
      return path;
    },
    async desire(device, bundle, options = {}) {
      const { slot = 'default', deploymentId = newId(), path = hub.approve(bundle), ...rest } = options;
      generation = Math.max(generation + 1, rest.generation ?? 0);
      const document: DesiredDoc = {
        type: 'drover.desired/1',
        device,
        generation,
        issuedAt: new Date().toISOString(),
        expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
        slots: { [slot]: { deploymentId, manifest: bundle.digest } },
        policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 0 },
        ...rest,
      };
      const desired = {
        document: await hub.signDesired(document),
        manifests: [bundle.envelope],
        releases: [{ manifest: bundle.digest, path }],
        offers: [],
      };
      wished.set(device, desired);
      await hub.send(device, 'desired', desired);
      return desired;
    },
    ack: (device, ack) => hub.send(device, 'ack', { outboxId: '', lastSeq: 0, refused: [], paceMs: 0, ...ack }),
    async cmd(device, body, expiresAt = Date.now() + 60_000) {
      const id = newId();
      await hub.send(device, 'cmd', { id, expiresAt, body });
      return id;
    },
    beat: () => broker.publish(HUB_TOPIC, encodeMessage('beat', { hubId: hub.hubId, at: Date.now() }, stamp())),
    close: () => broker.close(),
  };

  const read = <K extends 'hello' | 'state' | 'up' | 'gone' | 'req'>(kind: K, payload: Buffer): MessageOf[K] => {
    const arrived = readMessage(kind, payload);
    if (!arrived.ok) throw new Error(`the agent sent a bad ${kind}: ${arrived.code}: ${arrived.detail}`);
    return arrived.value.message;
  };
  broker.onPublish = (topic, payload) => {
    const parsed = parseTopic(topic);
    if (!parsed.ok || parsed.value.to !== 'hub') return;
    const { device, kind } = parsed.value;
    switch (kind) {
      case 'hello': {
        hub.hellos.push(read('hello', payload));
        const wish = wished.get(device);
        if (wish) void hub.send(device, 'desired', wish);
        return;
      }
      case 'state':
        hub.states.push(read('state', payload));
        return;
      case 'gone':
        hub.gones.push(read('gone', payload));
        return;
      case 'req': {
        const req = read('req', payload);
        hub.reqs.push(req);
        hub.onReq(device, req);
        return;
      }
      case 'up': {
        const up = read('up', payload);
        hub.ups.push(up);
        for (const { seq, body } of up.items) {
          const entry = readEntry(body);
          if (!entry.ok) throw new Error(`the agent sent a bad entry: ${entry.code}: ${entry.detail}`);
          if (!hub.entries.has(seq)) hub.entries.set(seq, entry.value);
        }
        hub.onUp(device, up);
        return;
      }
      case 'meta': {
        const asked = readMessage('metadataReq', payload);
        if (!asked.ok) throw new Error(`the agent sent a bad request for metadata: ${asked.code}: ${asked.detail}`);
        hub.metadataReqs.push(asked.value.message);
        hub.onMetadataReq(device, asked.value.message);
        return;
      }
      default:
        kind satisfies never;
    }
  };
  return hub;
}
