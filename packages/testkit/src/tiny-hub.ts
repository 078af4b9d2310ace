// A hub small enough to misbehave on purpose: it speaks the real wire with real signatures and decides nothing. Tests only.
import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { type DesiredDoc, encodeDocument, PAYLOAD_TYPES } from '@drover/trust/documents';
import { makeKey, type Signer, signPayload } from '@drover/trust/dsse';
import { signRoot } from '@drover/trust/root';
import { encodeMessage } from '@drover/wire/encode';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type {
  Ack,
  Cmd,
  Desired,
  Entry,
  Gone,
  Hello,
  MessageOf,
  Req,
  SignedEnvelope,
  State,
  Up,
} from '@drover/wire/messages';
import { readEntry, readMessage } from '@drover/wire/read';
import { chunkTopic, type DownKind, downTopic, HUB_TOPIC, parseTopic } from '@drover/wire/topics';
import { startBroker, type TestBroker } from './broker.ts';
import { buildTinyBundle, type TinyBundle, type TinyOptions } from './tiny-bundle.ts';

export interface TinyHub {
  readonly broker: TestBroker;
  readonly hubId: string;
  readonly root: SignedEnvelope;
  readonly release: Signer;
  readonly director: Signer;
  /** Everything that came, in order. */
  readonly hellos: Hello[];
  readonly states: State[];
  readonly ups: Up[];
  readonly gones: Gone[];
  readonly reqs: Req[];
  /** Entries by sequence number, the first body that came for each. */
  readonly entries: Map<number, Entry>;
  /** Answers Up with Ack; replace it to lose, delay or forge. */
  onUp: (device: string, up: Up) => void;
  /** Answers Req with chunks; replace it to lose, repeat or damage. */
  onReq: (device: string, req: Req) => void;
  bundle(options?: TinyOptions): Promise<TinyBundle>;
  /** Adds bytes that may be fetched. */
  hold(bundle: TinyBundle): void;
  blob(digest: string): Uint8Array | undefined;
  signDesired(document: DesiredDoc, signer?: Signer): Promise<SignedEnvelope>;
  send<K extends DownKind>(device: string, kind: K, message: MessageOf[K]): Promise<void>;
  sendChunk(device: string, digest: string, index: number, bytes?: Uint8Array): Promise<void>;
  /** Signs and sends a document for one slot; sent again on each hello until another one is. */
  desire(
    device: string,
    bundle: TinyBundle,
    options?: Partial<DesiredDoc> & { slot?: string; deploymentId?: string },
  ): Promise<Desired>;
  ack(device: string, ack: Partial<Ack>): Promise<void>;
  cmd(device: string, body: Cmd['body'], expiresAt?: number): Promise<string>;
  beat(): Promise<void>;
  close(): Promise<void>;
}

const newId = (): string => makeId(Date.now(), randomBytes(10));

export async function startTinyHub(port = 0): Promise<TinyHub> {
  const broker = await startBroker(port);
  const keys = { root: makeKey().signer, release: makeKey().signer, director: makeKey().signer };
  const root = await signRoot(1, { root: [keys.root], release: [keys.release], director: [keys.director] });
  const blobs = new Map<string, Uint8Array>();
  const wished = new Map<string, Desired>();
  let generation = 0;
  const stamp = () => ({ sentAt: Date.now(), sentMono: Math.floor(performance.now()) });

  const hub: TinyHub = {
    broker,
    hubId: newId(),
    root,
    release: keys.release,
    director: keys.director,
    hellos: [],
    states: [],
    ups: [],
    gones: [],
    reqs: [],
    entries: new Map(),
    onUp: (device, up) => void hub.ack(device, { outboxId: up.outboxId, lastSeq: up.items.at(-1)?.seq ?? 0 }),
    onReq: (device, { digest, first, count }) => {
      for (let index = first; index < first + count; index++) void hub.sendChunk(device, digest, index);
    },
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
    async desire(device, bundle, options = {}) {
      const { slot = 'default', deploymentId = newId(), ...rest } = options;
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
      const desired = { document: await hub.signDesired(document), manifests: [bundle.envelope] };
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
      default:
        kind satisfies never;
    }
  };
  return hub;
}
