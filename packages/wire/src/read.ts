// Turns arrived bytes into checked messages or a refusal. Never throws and never allocates beyond the payload limits.
import { DEVICE_STATES, HUB_STATES } from '@drover/core/deployment/table';
import { type Result, refuse } from '@drover/core/reasons';
import { SCHEMA } from './encode.ts';
import { FieldCheck } from './fields.ts';
import { readAgreement } from './read-agreement.ts';
import { readSample } from './read-sample.ts';
import './protobuf.ts';
import { drover } from './gen/drover.js';
import * as limits from './limits.ts';
import type {
  Cmd,
  Entry,
  EntryBody,
  MessageKind,
  MessageOf,
  Offer,
  SignedEnvelope,
  SlotReport,
  Source,
  Stamp,
} from './messages.ts';

const pb = drover.v1;
const NO_BYTES = new Uint8Array(0);
const STATES = [...DEVICE_STATES, ...HUB_STATES] as const;

function readSlot(f: FieldCheck, s: drover.v1.SlotReport.$Properties): SlotReport {
  const running = f.optionalDigest('slots.running', s.running ?? NO_BYTES);
  const previous = f.optionalDigest('slots.previous', s.previous ?? NO_BYTES);
  const base = { slot: f.name('slots.slot', s.slot), ...(running && { running }), ...(previous && { previous }) };
  if (!s.deploymentId) return base;
  return {
    ...base,
    deployment: {
      deploymentId: f.id('slots.deploymentId', s.deploymentId),
      manifest: f.digest('slots.deploymentManifest', s.deploymentManifest ?? NO_BYTES),
      state: f.oneOf('slots.state', s.state, STATES),
      revision: f.uint('slots.revision', s.revision),
      enteredAt: f.uint('slots.enteredAt', s.enteredAt),
      ...(s.code && { code: f.text('slots.code', s.code) }),
      ...(s.detail && { detail: f.text('slots.detail', s.detail) }),
      bytesDone: f.uint('slots.bytesDone', s.bytesDone),
      bytesTotal: f.uint('slots.bytesTotal', s.bytesTotal),
    },
  };
}

function readEnvelope(f: FieldCheck, e: drover.v1.Dsse.$Properties | null | undefined): SignedEnvelope {
  return {
    payloadType: f.text('payloadType', e?.payloadType, 128),
    payload: f.bytes('payload', e?.payload, limits.SIGNED_PAYLOAD_BYTES),
    signatures: f.list('signatures', e?.signatures, limits.SIGNATURES, (s) => ({
      keyid: f.text('keyid', s.keyid, 64),
      sig: f.bytes('sig', s.sig, 128),
    })),
  };
}

/** One way to an artifact; a kind from a newer hub is none for this agent. */
function readSource(f: FieldCheck, s: drover.v1.Source.$Properties): Source | undefined {
  if (s.mirror) return { kind: 'mirror', url: f.text('mirror.url', s.mirror.url, limits.URL_CHARS) };
  if (s.neighbour) {
    const { device, url } = s.neighbour;
    return {
      kind: 'neighbour',
      device: f.subject('neighbour.device', device),
      url: f.text('neighbour.url', url, limits.URL_CHARS),
    };
  }
  if (s.delta) {
    const chunkList = f.optionalDigest('delta.chunkList', s.delta.chunkList);
    return {
      kind: 'delta',
      base: f.digest('delta.base', s.delta.base),
      recipe: f.digest('delta.recipe', s.delta.recipe),
      size: f.uint('delta.size', s.delta.size),
      ...(chunkList && { chunkList }),
    };
  }
  if (!s.sealed) return undefined;
  const chunkList = f.optionalDigest('sealed.chunkList', s.sealed.chunkList);
  return {
    kind: 'sealed',
    digest: f.digest('sealed.digest', s.sealed.digest),
    size: f.uint('sealed.size', s.sealed.size),
    ...(chunkList && { chunkList }),
    encapsulated: f.bytes('sealed.encapsulated', s.sealed.encapsulated, 256),
    wrappedKey: f.bytes('sealed.wrappedKey', s.sealed.wrappedKey, 256),
  };
}

const readOffer = (f: FieldCheck, o: drover.v1.Offer.$Properties): Offer => ({
  digest: f.digest('offers.digest', o.digest),
  sources: f
    .list('offers.sources', o.sources, limits.SOURCES_PER_OFFER, (s) => readSource(f, s))
    .filter((s) => s !== undefined),
});

type WireBody = drover.v1.Envelope;

const readers: { [K in MessageKind]: (f: FieldCheck, m: NonNullable<WireBody[K]>) => MessageOf[K] } = {
  hello: (f, m) => ({
    outboxId: f.id('outboxId', m.outboxId),
    bootId: f.id('bootId', m.bootId),
    sessionId: f.id('sessionId', m.sessionId),
    agentVersion: f.text('agentVersion', m.agentVersion, 64),
    capabilities: {
      runtime: f.oneOf('capabilities.runtime', m.capabilities?.runtime ?? '', ['', 'native', 'wasm']),
      runtimeVersion: f.text('capabilities.runtimeVersion', m.capabilities?.runtimeVersion, 64),
      arch: f.text('capabilities.arch', m.capabilities?.arch, 64),
      platform: f.text('capabilities.platform', m.capabilities?.platform, 64),
      maxOpset: f.uint('capabilities.maxOpset', m.capabilities?.maxOpset),
      maxMlOpset: f.uint('capabilities.maxMlOpset', m.capabilities?.maxMlOpset),
      maxIr: f.uint('capabilities.maxIr', m.capabilities?.maxIr),
      memoryBytes: f.uint('capabilities.memoryBytes', m.capabilities?.memoryBytes),
      ...(m.capabilities?.sealingKey && {
        sealingKey: f.text('capabilities.sealingKey', m.capabilities.sealingKey, 64),
      }),
    },
    generation: f.uint('generation', m.generation),
    slots: f.list('slots', m.slots, limits.SLOTS_PER_DEVICE, (s) => readSlot(f, s)),
    oldestSeq: f.uint('oldestSeq', m.oldestSeq),
    nextSeq: f.uint('nextSeq', m.nextSeq),
    ...(m.cacheUrl && { cacheUrl: f.text('cacheUrl', m.cacheUrl, limits.URL_CHARS) }),
    ...(m.features?.length && {
      features: f.list('features', m.features, limits.FEATURES, (name) => f.text('features', name, 32)),
    }),
  }),
  state: (f, m) => ({
    bootId: f.id('bootId', m.bootId),
    revision: f.uint('revision', m.revision),
    generation: f.uint('generation', m.generation),
    slots: f.list('slots', m.slots, limits.SLOTS_PER_DEVICE, (s) => readSlot(f, s)),
    health: {
      rssBytes: f.uint('health.rssBytes', m.health?.rssBytes),
      cpuRatio: f.finite('health.cpuRatio', m.health?.cpuRatio),
      diskFreeBytes: f.uint('health.diskFreeBytes', m.health?.diskFreeBytes),
      uptimeMs: f.uint('health.uptimeMs', m.health?.uptimeMs),
      outboxEntries: f.uint('health.outboxEntries', m.health?.outboxEntries),
      outboxBytes: f.uint('health.outboxBytes', m.health?.outboxBytes),
      outboxDropped: f.uint('health.outboxDropped', m.health?.outboxDropped),
      ...(m.health?.answerReasons?.length && {
        answerReasons: f.list('health.answerReasons', m.health.answerReasons, limits.REASON_COUNTS, (one) => ({
          code: f.text('health.answerReasons.code', one.code, 64),
          count: f.uint('health.answerReasons.count', one.count),
        })),
      }),
      ...(m.health?.readings?.length && {
        readings: f.list('health.readings', m.health.readings, limits.READINGS, (one) => ({
          name: f.text('health.readings.name', one.name, 64),
          value: f.finite('health.readings.value', one.value),
        })),
      }),
    },
    ...(m.desiredCode && {
      desiredRefusal: {
        code: f.text('desiredCode', m.desiredCode, 64),
        detail: f.text('desiredDetail', m.desiredDetail),
      },
    }),
  }),
  up: (f, m) => ({
    outboxId: f.id('outboxId', m.outboxId),
    bootId: f.id('bootId', m.bootId),
    oldestSeq: f.uint('oldestSeq', m.oldestSeq),
    items: f.list('items', m.items, limits.ENTRIES_PER_UP, (item) => ({
      seq: f.uint('items.seq', item.seq),
      body: f.bytes('items.body', item.body, limits.ENTRY_BYTES),
    })),
  }),
  gone: (f, m) => ({ sessionId: f.id('sessionId', m.sessionId), bootId: f.id('bootId', m.bootId) }),
  req: (f, m) => ({
    digest: f.digest('digest', m.digest ?? NO_BYTES),
    first: f.uint('first', m.first),
    count: f.uint('count', m.count, limits.CHUNKS_PER_REQ),
    request: f.uint('request', m.request),
    ...(m.bitmap && m.bitmap.length > 0 && { bitmap: f.bytes('bitmap', m.bitmap, limits.BITMAP_BYTES) }),
  }),
  desired: (f, m) => ({
    document: readEnvelope(f, m.document),
    manifests: f.list('manifests', m.manifests, limits.SLOTS_PER_DEVICE, (e) => readEnvelope(f, e)),
    releases: f.list('releases', m.releases, limits.SLOTS_PER_DEVICE, (r) => ({
      manifest: f.digest('releases.manifest', r.manifest),
      path: f.text('releases.path', r.path, 256),
    })),
    offers: f.list('offers', m.offers, limits.OFFERS, (o) => readOffer(f, o)),
  }),
  ack: (f, m) => ({
    outboxId: f.id('outboxId', m.outboxId),
    lastSeq: f.uint('lastSeq', m.lastSeq),
    refused: f.list('refused', m.refused, limits.ENTRIES_PER_UP, (r) => ({
      seq: f.uint('refused.seq', r.seq),
      code: f.text('refused.code', r.code, 64),
      detail: f.text('refused.detail', r.detail),
    })),
    paceMs: f.uint('paceMs', m.paceMs),
  }),
  cmd: (f, m) => ({ id: f.id('id', m.id), expiresAt: f.uint('expiresAt', m.expiresAt), body: readCmdBody(f, m) }),
  beat: (f, m) => ({ hubId: f.id('hubId', m.hubId), at: f.uint('at', m.at) }),
  metadataReq: (f, m) => ({
    name: f.metadataName('name', m.name),
    request: f.uint('request', m.request),
    mostBytes: f.uint('mostBytes', m.mostBytes, limits.METADATA_BYTES),
  }),
  metadata: (f, m) => ({
    name: f.metadataName('name', m.name),
    request: f.uint('request', m.request),
    content: f.bytes('content', m.content, limits.METADATA_BYTES),
    ...(m.code && { refusal: { code: f.text('code', m.code, 64), detail: f.text('detail', m.detail) } }),
  }),
};

function readCmdBody(f: FieldCheck, m: drover.v1.Cmd.$Properties): Cmd['body'] {
  if (m.pushLabels) {
    const labels = f.list('labels', m.pushLabels.labels, limits.LABELS_PER_CMD, (label) => ({
      predictionId: f.text('labels.predictionId', label.predictionId, 64),
      truth:
        label.class !== undefined && label.class !== null
          ? f.text('labels.class', label.class, 256)
          : f.finite('labels.value', label.value ?? undefined),
    }));
    return { kind: 'pushLabels', labels };
  }
  if (m.chunkRefused) {
    const { digest, code, detail } = m.chunkRefused;
    return {
      kind: 'chunkRefused',
      digest: f.digest('digest', digest ?? NO_BYTES),
      code: f.text('code', code, 64),
      detail: f.text('detail', detail),
    };
  }
  if (m.chunkBusy) {
    const { digest, retryAfterMs } = m.chunkBusy;
    return {
      kind: 'chunkBusy',
      digest: f.digest('digest', digest),
      retryAfterMs: f.uint('retryAfterMs', retryAfterMs, 600_000),
    };
  }
  if (m.listen) return { kind: 'listen', digest: f.digest('digest', m.listen.digest) };
  if (m.unlisten) return { kind: 'unlisten', digest: f.digest('digest', m.unlisten.digest) };
  if (m.offer) return { kind: 'offer', ...readOffer(f, m.offer) };
  if (!m.requestState) f.wrong('kind', 'is a command that this program does not know');
  return { kind: 'requestState' };
}

export interface Arrived<K extends MessageKind> {
  readonly stamp: Stamp;
  readonly message: MessageOf[K];
}

/** Reads one payload that came on a topic of `kind`. */
export function readMessage<K extends MessageKind>(kind: K, payload: Uint8Array): Result<Arrived<K>> {
  const most = limits.PAYLOAD_BYTES[kind];
  if (payload.length > most)
    return refuse('wire_too_large', `"${kind}" has ${payload.length} bytes; at most ${most} are allowed.`);
  let envelope: WireBody;
  try {
    envelope = pb.Envelope.decode(payload);
  } catch (error) {
    // protobufjs says "malformed" by throwing; nothing else can throw here.
    return refuse(
      'wire_malformed',
      `"${kind}": ${String(error instanceof Error ? error.message : error).slice(0, 120)}.`,
    );
  }
  if (envelope.schema !== SCHEMA)
    return refuse('wire_schema', `"${kind}" has schema ${envelope.schema}; this program speaks ${SCHEMA}.`);
  const body = envelope[kind];
  if (body === undefined || body === null || envelope.body !== kind) {
    return refuse('wire_kind_mismatch', `The topic says "${kind}" and the message is "${envelope.body ?? 'empty'}".`);
  }
  const f = new FieldCheck();
  const stamp = { sentAt: f.uint('sentAt', envelope.sentAt), sentMono: f.uint('sentMono', envelope.sentMono) };
  return f.finish({ stamp, message: readers[kind](f, body) });
}

type WireEntry = drover.v1.Entry;

function readWindowId(f: FieldCheck, w: drover.v1.Window.$Properties | drover.v1.Labels.$Properties) {
  return {
    slot: f.name('slot', w.slot),
    role: f.oneOf('role', w.role, ['active', 'shadow']),
    manifest: f.digest('manifest', w.manifest ?? NO_BYTES),
    bootId: f.id('bootId', w.bootId),
    number: f.uint('number', w.number),
    revision: f.uint('revision', w.revision),
    startAt: f.uint('startAt', w.startAt),
  };
}

const entryReaders: {
  [K in EntryBody['kind']]: (f: FieldCheck, m: NonNullable<WireEntry[K]>) => Extract<EntryBody, { kind: K }>;
} = {
  window: (f, w) => ({
    kind: 'window',
    ...readWindowId(f, w),
    endAt: f.uint('endAt', w.endAt),
    firstMono: f.uint('firstMono', w.firstMono),
    lastMono: f.uint('lastMono', w.lastMono),
    rows: f.uint('rows', w.rows),
    errors: f.uint('errors', w.errors),
    closedBy: f.oneOf('closedBy', w.closedBy, ['boundary', 'version', 'shutdown', 'count']),
    stats: f.bytes('stats', w.stats, limits.ENTRY_BYTES),
    ...(w.agreement && { agreement: readAgreement(f, w.agreement) }),
  }),
  labels: (f, l) => ({
    kind: 'labels',
    ...readWindowId(f, l),
    labelled: f.uint('labelled', l.labelled),
    unmatched: f.uint('unmatched', l.unmatched),
    counts: f.bytes('counts', l.counts, limits.ENTRY_BYTES),
  }),
  deployment: (f, d) => ({
    kind: 'deployment',
    deploymentId: f.id('deploymentId', d.deploymentId),
    slot: f.name('slot', d.slot),
    manifest: f.digest('manifest', d.manifest ?? NO_BYTES),
    state: f.oneOf('state', d.state, STATES),
    revision: f.uint('revision', d.revision),
    generation: f.uint('generation', d.generation),
    ...(d.code && { code: f.text('code', d.code, 64) }),
    ...(d.detail && { detail: f.text('detail', d.detail) }),
  }),
  log: (f, l) => ({
    kind: 'log',
    level: f.uint('level', l.level, 100),
    message: f.text('message', l.message),
    ...(l.code && { code: f.text('code', l.code, 64) }),
  }),
  gap: (f, g) => ({
    kind: 'gap',
    fromSeq: f.uint('fromSeq', g.fromSeq),
    toSeq: f.uint('toSeq', g.toSeq),
    entries: f.uint('entries', g.entries),
    bytes: f.uint('bytes', g.bytes),
  }),
  samples: (f, m) => ({
    kind: 'samples',
    slot: f.name('slot', m.slot),
    manifest: f.digest('manifest', m.manifest ?? NO_BYTES),
    withheld: f.list('withheld', m.withheld, limits.VALUES_PER_SAMPLE, (name) => f.text('withheld', name, 256)),
    samples: f.list('samples', m.samples, limits.SAMPLES_PER_ENTRY, (s) => readSample(f, s)),
  }),
  cmdResult: (f, c) => ({
    kind: 'cmdResult',
    cmdId: f.id('cmdId', c.cmdId),
    ok: c.ok ?? false,
    ...(c.code && { code: f.text('code', c.code, 64) }),
    ...(c.detail && { detail: f.text('detail', c.detail) }),
  }),
};

function readEntryBody(f: FieldCheck, entry: WireEntry): EntryBody | undefined {
  if (entry.window) return entryReaders.window(f, entry.window);
  if (entry.labels) return entryReaders.labels(f, entry.labels);
  if (entry.deployment) return entryReaders.deployment(f, entry.deployment);
  if (entry.log) return entryReaders.log(f, entry.log);
  if (entry.gap) return entryReaders.gap(f, entry.gap);
  if (entry.samples) return entryReaders.samples(f, entry.samples);
  if (entry.cmdResult) return entryReaders.cmdResult(f, entry.cmdResult);
  return undefined;
}

/** Reads one outbox entry; a kind from a newer agent is refused by code and the caller quarantines its bytes. */
export function readEntry(bytes: Uint8Array): Result<Entry> {
  if (bytes.length > limits.ENTRY_BYTES)
    return refuse('wire_too_large', `The entry has ${bytes.length} bytes; at most ${limits.ENTRY_BYTES}.`);
  let entry: WireEntry;
  try {
    entry = pb.Entry.decode(bytes);
  } catch (error) {
    return refuse('wire_malformed', `Entry: ${String(error instanceof Error ? error.message : error).slice(0, 120)}.`);
  }
  const f = new FieldCheck();
  const head = { subject: f.subject('subject', entry.subject), at: f.uint('at', entry.at) };
  const body = readEntryBody(f, entry);
  if (!body) return refuse('wire_unknown_kind', 'The entry holds no kind that is known here.');
  return f.finish({ ...head, body });
}

/** A signed envelope stored or sent on its own, in the same protobuf form as on the wire. */
export function readSignedEnvelope(bytes: Uint8Array): Result<SignedEnvelope> {
  if (bytes.length > limits.SIGNED_PAYLOAD_BYTES + 4096)
    return refuse('wire_too_large', `The envelope has ${bytes.length} bytes.`);
  try {
    const f = new FieldCheck();
    return f.finish(readEnvelope(f, pb.Dsse.decode(bytes)));
  } catch (error) {
    return refuse(
      'wire_malformed',
      `Envelope: ${String(error instanceof Error ? error.message : error).slice(0, 120)}.`,
    );
  }
}
