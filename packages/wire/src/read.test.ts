import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEntry, encodeMessage, encodeSignedEnvelope } from './encode.ts';
import { PAYLOAD_BYTES } from './limits.ts';
import type { Entry, MessageKind, MessageOf, Source } from './messages.ts';
import { readEntry, readMessage, readSignedEnvelope } from './read.ts';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: length, maxLength: length });
const id = hex(32);
const digest = hex(64);
const uint = fc.nat();
const time = fc.integer({ min: 0, max: 2 ** 42 });
const bytes = fc.uint8Array({ maxLength: 200 });
const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/);
const state = fc.constantFrom('accepted' as const, 'downloading' as const, 'committed' as const, 'timed_out' as const);
const text = fc.string({ minLength: 1, maxLength: 40 });

const slot = fc.record(
  {
    slot: name,
    running: digest,
    previous: digest,
    deployment: fc.record({
      deploymentId: id,
      manifest: digest,
      state,
      revision: uint,
      enteredAt: time,
      code: text,
      detail: text,
      bytesDone: uint,
      bytesTotal: uint,
    }),
  },
  { requiredKeys: ['slot'] },
);
const metadataName = fc.constantFrom('timestamp.json', '3.root.json', '1732531200.hub~wear.json');
const signed = fc.record({
  payloadType: text,
  payload: bytes,
  signatures: fc.array(fc.record({ keyid: hex(16), sig: fc.uint8Array({ maxLength: 64 }) }), { maxLength: 3 }),
});

const nonEmpty = text.filter((value) => value !== '');

const source: fc.Arbitrary<Source> = fc.oneof(
  fc.record({ kind: fc.constant('mirror' as const), url: text }),
  fc.record({ kind: fc.constant('neighbour' as const), device: fc.constantFrom('press-1', 'd-2'), url: text }),
  fc.record(
    { kind: fc.constant('delta' as const), base: digest, recipe: digest, size: time, chunkList: digest },
    { requiredKeys: ['kind', 'base', 'recipe', 'size'] },
  ),
  fc.record(
    {
      kind: fc.constant('sealed' as const),
      digest,
      size: time,
      chunkList: digest,
      encapsulated: bytes,
      wrappedKey: bytes,
    },
    { requiredKeys: ['kind', 'digest', 'size', 'encapsulated', 'wrappedKey'] },
  ),
);

const messages: { [K in MessageKind]: fc.Arbitrary<MessageOf[K]> } = {
  hello: fc.record({
    outboxId: id, bootId: id, sessionId: id, agentVersion: text,
    cacheUrl: nonEmpty, features: fc.array(fc.string({ maxLength: 32 }), { minLength: 1, maxLength: 16 }),
    capabilities: fc.record({
      runtime: fc.constantFrom('native' as const, 'wasm' as const, '' as const), runtimeVersion: text, arch: text, platform: text,
      maxOpset: uint, maxMlOpset: uint, maxIr: uint, memoryBytes: time,
    }),
    generation: time, slots: fc.array(slot, { maxLength: 3 }), oldestSeq: time, nextSeq: time,
  }, { requiredKeys: ['outboxId', 'bootId', 'sessionId', 'agentVersion', 'capabilities', 'generation', 'slots', 'oldestSeq', 'nextSeq'] }),
  state: fc.record(
    {
      bootId: id, revision: time, generation: time, slots: fc.array(slot, { maxLength: 3 }),
      health: fc.record({
        rssBytes: time, cpuRatio: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }), diskFreeBytes: time, uptimeMs: time,
        outboxEntries: uint, outboxBytes: time, outboxDropped: uint,
        answerReasons: fc.array(fc.record({ code: text, count: time }), { minLength: 1, maxLength: 32 }),
        readings: fc.array(fc.record({ name: text, value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0) }), { minLength: 1, maxLength: 32 }),
      }, { requiredKeys: ['rssBytes', 'cpuRatio', 'diskFreeBytes', 'uptimeMs', 'outboxEntries', 'outboxBytes', 'outboxDropped'] }),
      desiredRefusal: fc.record({ code: text, detail: text }),
    },
    { requiredKeys: ['bootId', 'revision', 'generation', 'slots', 'health'] },
  ),
  up: fc.record({
    outboxId: id, bootId: id, oldestSeq: time, items: fc.array(fc.record({ seq: time, body: bytes }), { maxLength: 5 }),
  }),
  gone: fc.record({ sessionId: id, bootId: id }),
  req: fc.record(
    { digest, first: uint, count: fc.integer({ min: 0, max: 16 }), request: uint, bitmap: fc.uint8Array({ minLength: 1, maxLength: 896 }) },
    { requiredKeys: ['digest', 'first', 'count', 'request'] },
  ),
  desired: fc.record({
    document: signed,
    manifests: fc.array(signed, { maxLength: 2 }),
    releases: fc.array(fc.record({ manifest: digest, path: text }), { maxLength: 2 }),
    offers: fc.array(fc.record({ digest, sources: fc.array(source, { maxLength: 3 }) }), { maxLength: 2 }),
  }),
  ack: fc.record({
    outboxId: id, lastSeq: time, refused: fc.array(fc.record({ seq: time, code: text, detail: text }), { maxLength: 3 }), paceMs: uint,
  }),
  cmd: fc.record({
    id, expiresAt: time,
    body: fc.oneof(
      fc.constant({ kind: 'requestState' as const }),
      fc.record({ kind: fc.constant('chunkRefused' as const), digest, code: text, detail: text }),
      fc.record({ kind: fc.constant('chunkBusy' as const), digest, retryAfterMs: fc.integer({ min: 0, max: 600_000 }) }),
      fc.record({ kind: fc.constant('listen' as const), digest }),
      fc.record({ kind: fc.constant('unlisten' as const), digest }),
      fc.record({ kind: fc.constant('offer' as const), digest, sources: fc.array(source, { maxLength: 3 }) }),
      fc.record({
        kind: fc.constant('pushLabels' as const),
        labels: fc.array(
          fc.record({ predictionId: text, truth: fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })) }),
          { maxLength: 4 },
        ),
      }),
    ),
  }),
  beat: fc.record({ hubId: id, at: time }),
  metadataReq: fc.record({ name: metadataName, request: uint, mostBytes: fc.nat(512 * 1024) }),
  metadata: fc.record(
    { name: metadataName, request: uint, content: bytes, refusal: fc.record({ code: text, detail: text }) },
    { requiredKeys: ['name', 'request', 'content'] },
  ),
}; // biome-ignore format: tables

const kinds = Object.keys(messages) as MessageKind[];
/** Bytes as hex, so that a Buffer and a Uint8Array with the same bytes are equal; -0 travels as 0 in proto3. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value === 0 ? 0 : value;
}

describe('readMessage', () => {
  it.each(kinds)('gives back what encodeMessage took: %s', (kind) => {
    fc.assert(
      fc.property(messages[kind] as fc.Arbitrary<MessageOf[typeof kind]>, time, time, (message, sentAt, sentMono) => {
        const arrived = readMessage(kind, encodeMessage(kind, message, { sentAt, sentMono }));
        expect(arrived.ok && plain(arrived.value)).toEqual(plain({ stamp: { sentAt, sentMono }, message }));
      }),
      { numRuns: 60 },
    );
  });

  it('never throws on any bytes, for any kind', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 4096 }), (kind, payload) => {
        expect(readMessage(kind, payload)).toHaveProperty('ok');
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on a valid message with damaged bytes', () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(...kinds),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(),
      )
      .chain(([kind, edits, cut]) =>
        fc.tuple(fc.constant(kind), messages[kind] as fc.Arbitrary<never>, fc.constant(edits), fc.constant(cut)),
      );
    fc.assert(
      fc.property(damaged, ([kind, message, edits, cut]) => {
        const payload = Uint8Array.from(encodeMessage(kind, message, { sentAt: 1, sentMono: 1 }));
        for (const [at, value] of edits) payload[at % payload.length] = value;
        expect(readMessage(kind, payload.subarray(0, cut % (payload.length + 1)))).toHaveProperty('ok');
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses by code what is too large, of another schema or of another kind', () => {
    const beat = encodeMessage('beat', { hubId: 'a'.repeat(32), at: 5 }, { sentAt: 1, sentMono: 1 });
    expect(readMessage('gone', beat)).toMatchObject({ ok: false, code: 'wire_kind_mismatch' });
    expect(readMessage('beat', new Uint8Array(PAYLOAD_BYTES.beat + 1))).toMatchObject({
      ok: false,
      code: 'wire_too_large',
    });
    const other = Uint8Array.from(beat);
    expect(other[0]).toBe(8);
    other[1] = 9;
    expect(readMessage('beat', other)).toMatchObject({ ok: false, code: 'wire_schema' });
    expect(readMessage('beat', new Uint8Array([255, 255]))).toMatchObject({ ok: false, code: 'wire_malformed' });
  });

  it('refuses a metadata name that is no plain file name', () => {
    for (const name of [
      '',
      '.json',
      '../root.json',
      'a/b.json',
      '1.Root.json',
      'root.json.gz',
      `${'a'.repeat(200)}.json`,
    ]) {
      const req = encodeMessage('metadataReq', { name, request: 1, mostBytes: 1 }, { sentAt: 1, sentMono: 1 });
      expect(readMessage('metadataReq', req)).toMatchObject({ ok: false, code: 'wire_field_invalid' });
    }
  });

  it('refuses a 64-bit number that a double cannot hold exactly', () => {
    const beat = encodeMessage('beat', { hubId: 'a'.repeat(32), at: 2 ** 60 }, { sentAt: 1, sentMono: 1 });
    expect(readMessage('beat', beat)).toMatchObject({ ok: false, code: 'wire_field_invalid' });
  });
});

const agreement = fc
  .record({ agreed: uint, more: uint, skipped: uint, gap: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }) })
  .map(({ agreed, more, skipped, gap }) => ({ compared: agreed + more, agreed, skipped, gap: gap + 0 }));

const window = fc.record({
  kind: fc.constant('window' as const), slot: name, role: fc.constantFrom('active' as const, 'shadow' as const), manifest: digest, bootId: id,
  number: uint, revision: uint, startAt: time, endAt: time, firstMono: time, lastMono: time, rows: uint, errors: uint,
  closedBy: fc.constantFrom('boundary' as const, 'version' as const, 'shutdown' as const, 'count' as const), stats: bytes, agreement,
}, { requiredKeys: ['kind', 'slot', 'role', 'manifest', 'bootId', 'number', 'revision', 'startAt', 'endAt', 'firstMono', 'lastMono', 'rows', 'errors', 'closedBy', 'stats'] }); // biome-ignore format: table

describe('readEntry', () => {
  const entry: fc.Arbitrary<Entry> = fc.record({
    subject: fc.constantFrom('', 'mcu-1'),
    at: time,
    body: fc.oneof(
      window,
      fc.record({
        kind: fc.constant('samples' as const), slot: name, manifest: digest, withheld: fc.array(text, { maxLength: 3 }),
        samples: fc.array(fc.record({
          predictionId: fc.string({ maxLength: 64 }), at: time, why: fc.constantFrom('unsure' as const, 'novel' as const, 'random' as const, 'disagree' as const),
          score: fc.double({ noNaN: true, noDefaultInfinity: true }), numbers: fc.array(fc.float(), { maxLength: 5 }),
          texts: fc.array(fc.string(), { maxLength: 3 }), classIndex: fc.integer({ min: -1, max: 999 }),
          scores: fc.array(fc.double(), { maxLength: 3 }), value: fc.double(),
        }), { maxLength: 3 }),
      }), // biome-ignore format: one kind
      fc.record({ kind: fc.constant('log' as const), level: fc.nat(60), message: text, code: text }),
      fc.record({ kind: fc.constant('gap' as const), fromSeq: time, toSeq: time, entries: uint, bytes: uint }),
      fc.record({ kind: fc.constant('cmdResult' as const), cmdId: id, ok: fc.boolean(), code: text, detail: text }),
      fc.record({
        kind: fc.constant('deployment' as const),
        deploymentId: id,
        slot: name,
        manifest: digest,
        state,
        revision: uint,
        generation: time,
      }),
    ),
  });

  it('gives back what encodeEntry took', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const read = readEntry(encodeEntry(value));
        expect(read.ok && plain(read.value)).toEqual(plain(value));
      }),
    );
  });

  it('refuses agreement that cannot be: a gate is decided by it', () => {
    fc.assert(
      fc.property(window, (given) => {
        const send = (over: object) => {
          const body = { ...given, agreement: { compared: 2, agreed: 1, skipped: 0, gap: 1, ...over } };
          return readEntry(encodeEntry({ subject: '', at: 1, body }));
        };
        expect(send({}).ok).toBe(true);
        for (const wrong of [{ agreed: 3 }, { gap: -1 }, { gap: Number.NaN }, { gap: Number.POSITIVE_INFINITY }])
          expect(send(wrong)).toMatchObject({ ok: false, code: 'wire_field_invalid' });
      }),
      { numRuns: 20 },
    );
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (b) => {
        expect(readEntry(b)).toHaveProperty('ok');
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (b) => {
        expect(readSignedEnvelope(b)).toHaveProperty('ok');
      }),
      { numRuns: 500 },
    );
  });

  it('names a kind from a newer agent', () => {
    expect(readEntry(new Uint8Array([0xfa, 0x07, 1, 1]))).toMatchObject({ ok: false, code: 'wire_unknown_kind' });
  });

  it('keeps a signed envelope byte for byte', () => {
    fc.assert(
      fc.property(signed, (value) => {
        const read = readSignedEnvelope(encodeSignedEnvelope(value));
        expect(read.ok && plain(read.value)).toEqual(plain(value));
      }),
    );
  });
});
