// What the hub gives of a confidential model, to a device that can unseal it and to one that cannot.
import { randomBytes } from 'node:crypto';
import { encodeDocument, type Manifest, PAYLOAD_TYPES } from '@drover/trust/documents';
import { digestOf, makeKey, signPayload } from '@drover/trust/dsse';
import { HEADER_BYTES, makeUnsealer, placeOfChunk, unwrapKey } from '@drover/trust/sealed/artifact';
import { makeSealingKey, rawPublicKey } from '@drover/trust/sealed/hpke';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { chunkTopic } from '@drover/wire/topics';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureModel, insertVersion } from '../../hub/src/db/models.ts';
import { markConfidential } from '../../hub/src/db/sealed.ts';
import { createRollout } from '../../hub/src/rollouts/create.ts';
import { type Reconciler, startReconciler } from '../../hub/src/rollouts/tick.ts';
import { until } from '../../packages/testkit/src/until.ts';
import { CAPABILITIES, connectDevice, type Side, startSide } from './mqtt-bench.ts';

const PLAIN = Buffer.concat([Buffer.from('the marker of this model'), randomBytes(2000)]);
const { signer } = makeKey();

let side: Side;
let reconciler: Reconciler;
beforeEach(async () => {
  side = await startSide((device) => reconciler.poke(device));
  reconciler = startReconciler({
    store: side.store,
    director: signer,
    policy: { windowMs: 5000, windowEpochAt: 0, probationMs: 0 },
    now: Date.now,
    log: pino({ level: 'silent' }),
    measureArms: async () => new Map(),
    onDesired: (device) => void side.mqtt.sendDesired(device),
  });
  await side.join('d1');
  await side.join('d2');
});
afterEach(async () => {
  await reconciler.close();
  await side.close();
});

async function register(): Promise<string> {
  async function* stream() {
    yield PLAIN;
  }
  const put = await side.blobs.put(stream(), 1e9);
  if (!put.ok) throw new Error(put.detail);
  const document: Manifest = {
    type: 'drover.manifest/1',
    project: 'default',
    model: 'pump',
    version: 1,
    createdAt: '2026-01-01T00:00:00Z',
    release: 1,
    blobs: { model: put.value },
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    features: [{ name: 'load', kind: 'numeric', input: 'x', index: 0 }],
    runtime: { irVersion: 10, opset: 21, mlOpset: 3 },
    lineage: { source: 'uploaded' },
  };
  const payload = encodeDocument(document);
  const done = await side.store.commit([
    ensureModel({ name: 'pump', project: 'default', createdAt: 1 }),
    insertVersion({
      model: 'pump', version: 1, manifest: digestOf(payload), documentJson: JSON.stringify(document), source: 'uploaded',
      envelope: encodeSignedEnvelope(await signPayload(PAYLOAD_TYPES.manifest, payload, [signer])),
      sizeBytes: PLAIN.length, run: null, metricsJson: '{}', createdAt: 1,
    }), // biome-ignore format: one row
    markConfidential('pump', 'tester', 1),
  ]);
  expect(done.ok).toBe(true);
  return put.value.sha256;
}

it('is a ciphertext and a key for this device alone; the plaintext is refused to all', async () => {
  const digest = await register();
  const key = makeSealingKey();
  const able = {
    capabilities: { ...CAPABILITIES, sealingKey: rawPublicKey(key).toString('base64url') },
    features: ['sealed/1'],
  };
  const d1 = await connectDevice(side.mqtt.port, 'd1', able);
  const d2 = await connectDevice(side.mqtt.port, 'd2');
  const deps = { store: side.store, now: Date.now, reconciler, pathsOf: async () => ['local/pump/1.json'] };
  expect(await createRollout(deps, { model: 'pump', version: 1, devices: ['d1', 'd2'] }, 'tester')).toMatchObject({
    ok: true,
  });
  for (const device of [d1, d2]) await until('the wish', () => device.all('desired').length > 0);
  expect(d2.all('desired').at(-1)?.offers).toEqual([]);
  const source = d1
    .all('desired')
    .at(-1)
    ?.offers.find((offer) => offer.digest === digest)?.sources[0];
  if (source?.kind !== 'sealed') throw new Error('no sealed offer came');

  const ask = (device: typeof d1, what: string) =>
    device.send('req', { digest: what, first: 0, count: 4, request: 1, bitmap: Uint8Array.of(255) });
  for (const device of [d1, d2]) {
    ask(device, digest);
    await until('the refusal', () =>
      device.all('cmd').some(({ body }) => body.kind === 'chunkRefused' && body.code === 'sealed_required'),
    );
  }
  ask(d2, source.digest);
  await until('the refusal of the ciphertext to who was not offered it', () =>
    d2.all('cmd').some(({ body }) => body.kind === 'chunkRefused' && body.code === 'artifact_not_entitled'),
  );
  ask(d1, source.digest);
  const topic = chunkTopic('d1', source.digest, 0);
  const sealed = await until('the ciphertext', () => d1.received.find((message) => message.topic === topic)?.payload);
  expect(sealed.length).toBe(source.size);
  for (const device of [d1, d2])
    for (const { payload } of device.received) expect(payload.includes('the marker of this model')).toBe(false);

  const message = { encapsulated: source.encapsulated, ciphertext: source.wrappedKey };
  expect(unwrapKey(key, message, { device: 'd2', digest })).toMatchObject({ code: 'sealed_key_refused' });
  const content = unwrapKey(key, message, { device: 'd1', digest });
  const artifact = { digest, size: PLAIN.length };
  const unsealer = content.ok && makeUnsealer(content.value, artifact, sealed.subarray(0, HEADER_BYTES));
  if (!unsealer || !unsealer.ok) throw new Error('it does not open');
  const { offset, length } = placeOfChunk(PLAIN.length, 0);
  expect(PLAIN.equals(unsealer.value.open(0, sealed.subarray(offset, offset + length)) ?? Buffer.of())).toBe(true);
  await d1.end();
  await d2.end();
});
