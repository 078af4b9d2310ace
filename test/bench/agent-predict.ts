// Measures the agent's whole prediction path in process (named fields in, model run, window counted, prediction
// remembered and logged, answer out) against ONNX Runtime's public `session.run` alone, and its HTTP door against bare node:http.
// Both sides take turns in one process, so that a busy machine slows both. Asserts nothing.
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeClock } from '@drover/agent/clock';
import { openDecisionLog } from '@drover/agent/decisions/log';
import { openLabelBook } from '@drover/agent/observe/labels';
import { PredictionRing } from '@drover/agent/observe/predictions';
import { DEFAULT_WINDOWS, openWindowBook } from '@drover/agent/observe/windows';
import { makeReadings } from '@drover/agent/sense/readings';
import { loadBundle } from '@drover/agent/serve/bundle';
import { startServer } from '@drover/agent/serve/http';
import { type ServedModel, serveModel } from '@drover/agent/serve/served-model';
import { makeServedSlots } from '@drover/agent/serve/slots';
import { openBlobStore } from '@drover/agent/store/blobs';
import { openDatabase } from '@drover/agent/store/database';
import { openDecisionStore } from '@drover/agent/store/decision-store';
import { openLabelStore } from '@drover/agent/store/label-store';
import { openOutbox } from '@drover/agent/store/outbox';
import { makeId } from '@drover/core/ids';
import { refuse } from '@drover/core/reasons';
import { openNative } from '@drover/infer/native';
import { checkModel } from '@drover/onnx/check';
import { remove, scratch } from '@drover/testkit/fleet';
import type { Manifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type BenchReport, type BenchRow, below, ratioAtMost } from './report.ts';
import {
  CLASSES,
  featureNames,
  makeForest,
  makeLiveRows,
  makePerceptron,
  type SampleModel,
  WIDTH,
} from './sample-models.ts';
import { measureInTurn, quantile } from './turns.ts';

/** As an agent has it that nobody configured. */
const LOG_BYTES = 16 * 1024 * 1024;

const EVERY_RULE: NonNullable<Manifest['rules']> = {
  limits: { action: 'abstain', fields: featureNames.map((field) => ({ field, low: -1e6, high: 1e6 })) },
  novelty: { action: 'flag', share: 0.001 },
  confidence: { action: 'flag', least: 0.501 },
  latency: { action: 'flag', mostMs: 1000 },
  fallback: { label: CLASSES[0] ?? '' },
};

const newId = (): string => makeId(Date.now(), randomBytes(10));

function must<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string },
): T {
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

function describe({ model, baseline, vectors }: SampleModel): Manifest {
  const info = must(checkModel(model));
  const ref = (bytes: Uint8Array) => ({ sha256: digestOf(bytes), size: bytes.length });
  const specs = (values: typeof info.inputs) =>
    values.map(({ name, dtype, shape }) => ({ name, dtype: dtype as 'float32', shape: [...(shape ?? [])] }));
  return {
    type: 'drover.manifest/1',
    project: 'default',
    model: 'bench',
    version: 1,
    createdAt: '2026-01-02T03:04:05Z',
    release: 1,
    blobs: { model: ref(model), baseline: ref(baseline), ...(vectors && { vectors: ref(vectors) }) },
    inputs: specs(info.inputs),
    outputs: specs(info.outputs),
    features: featureNames.map((name, index) => ({ name, kind: 'numeric', input: 'x', index })),
    task: { kind: 'classification', classes: [...CLASSES], label: 'label', probabilities: 'probabilities' },
    runtime: { irVersion: info.irVersion, opset: info.opsets['ai.onnx'] ?? 0, mlOpset: info.opsets['ai.onnx.ml'] ?? 0 },
    lineage: { source: 'uploaded' },
  };
}

/** The parts of an agent that take part in a prediction, put together as its process does. */
async function openParts(data: string, sample: SampleModel) {
  const blobs = openBlobStore(data);
  const manifest = describe(sample);
  for (const bytes of [sample.model, sample.baseline, sample.vectors]) {
    if (!bytes) continue;
    const part = await blobs.openPart({ sha256: digestOf(bytes), size: bytes.length });
    part.write(0, bytes);
    must(await part.finish());
  }
  const db = must(openDatabase(data));
  const clock = makeClock();
  const bootId = newId();
  const outbox = openOutbox(db, newId);
  const windows = openWindowBook({ clock, bootId, outbox, policy: DEFAULT_WINDOWS });
  const ring = new PredictionRing();
  const labels = openLabelBook({ clock, bootId, ring, outbox, store: openLabelStore(db) });
  const digest = digestOf(Buffer.from(JSON.stringify(manifest)));
  const loaded = must(await loadBundle({ digest, manifest }, blobs, must(await openNative())));
  if (!loaded.predictor || !loaded.reference) throw new Error('the bundle has no predictor or no baseline');
  labels.register(digest, loaded.predictor.layout.answer, loaded.reference.prefix);
  const stream = windows.open('default', 'active', digest, loaded.reference);
  const served = makeServedSlots();
  const open = () => openDecisionStore(data, { bytes: LOG_BYTES, entries: 1_000_000 }, () => undefined);
  const decisions = openDecisionLog({ bootId, now: clock.now, policy: 'inputs', open, entryBytes: LOG_BYTES >> 3 });
  const model = serveModel(loaded, stream, { bootId, ring, mono: clock.mono, decisions });
  served.put('default', model);
  const ruledDigest = digestOf(Buffer.from('with rules'));
  const again = { digest: ruledDigest, manifest: { ...manifest, rules: EVERY_RULE } };
  const ruledModel = must(await loadBundle(again, blobs, must(await openNative())));
  const ruledStream = windows.open('ruled', 'active', ruledDigest, ruledModel.reference);
  const ruled = serveModel(ruledModel, ruledStream, { bootId, ring, mono: clock.mono, decisions });
  return { db, clock, labels, served, model, ruled, decisions };
}

const REFERENCE = 'public session.run';

function compare(name: string, ours: Float64Array, theirs: Float64Array, isBudgeted = true): BenchRow[] {
  const row = (what: string, share: number, budget: BenchRow['budget']): BenchRow => ({
    name: `${name}: ${what}`,
    value: quantile(ours, share),
    unit: 'µs',
    reference: { name: REFERENCE, value: quantile(theirs, share) },
    ...(isBudgeted && budget && { budget }),
  });
  return [row('median', 0.5, ratioAtMost(1.15)), row('p99', 0.99, below(1000))];
}

async function benchPath(sample: SampleModel, model: ServedModel, ruled: ServedModel): Promise<BenchRow[]> {
  const live = makeLiveRows();
  const fields = live.map((row) => Object.fromEntries(featureNames.map((name, i) => [name, row[i] ?? 0])));
  const tensors = live.map((row) => ({ x: new Tensor('float32', row, [1, WIDTH]) }));
  const values = live.map((data) => ({ x: { dtype: 'float32', data, dims: [1, WIDTH] } as const }));
  const session = await InferenceSession.create(sample.model, { intraOpNumThreads: 1 });
  let turn = 0;
  const next = <T>(list: readonly T[]): T => list[turn++ % list.length] as T;
  const failLoudly = (answer: { readonly ok: boolean; readonly detail?: string }): void => {
    if (!answer.ok) throw new Error(answer.detail);
  };
  const [sensed = none, predicted = none, judged = none, tensorsIn = none, theirs = none] = await measureInTurn([
    async () => failLoudly(await model.sense(next(fields))),
    async () => failLoudly(await model.predict(next(fields))),
    async () => failLoudly(await ruled.predict(next(fields))),
    async () => failLoudly(await model.infer(next(values))),
    () => session.run(next(tensors)),
  ]);
  await session.release();
  return [
    ...compare(`${sample.name}, a sensor reading`, sensed, theirs),
    ...compare(`${sample.name}, named fields with an answer by class`, predicted, theirs),
    ...compare(`${sample.name}, the same with rules of every kind`, judged, theirs, false),
    ...compare(`${sample.name}, raw tensors (does not hold up other work)`, tensorsIn, theirs, false),
  ];
}

const none = new Float64Array(0);

/** One request at a time over one kept connection. */
function makeClient(port: number, path: string, agent: http.Agent) {
  return (body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const request = http.request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (response) => {
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve(size);
          else reject(new Error(`${path} answered ${response.statusCode}`));
        });
      });
      request.on('error', reject);
      request.end(body);
    });
}

async function benchHttp({ served, labels, clock }: Awaited<ReturnType<typeof openParts>>): Promise<BenchRow[]> {
  const readings = makeReadings({
    served,
    labels,
    mono: clock.mono,
    labelColumn: undefined,
    labelDelayMs: 0,
    onFirstRefusal: ({ detail }) => {
      throw new Error(detail);
    },
  });
  const server = must(
    await startServer(
      { host: '127.0.0.1', port: 0 },
      { served, labels, readings, replay: async () => refuse('decision_unknown', ''), status: () => ({}) },
    ),
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const data = [...(makeLiveRows()[0] ?? [])];
  const inputs = [{ name: 'x', shape: [1, WIDTH], datatype: 'FP32', data }];
  const infer = JSON.stringify({ inputs });
  const fields = JSON.stringify({ fields: Object.fromEntries(featureNames.map((name, i) => [name, data[i]])) });
  const askOip = makeClient(server.port ?? 0, '/v2/models/default/infer', agent);
  const askNamed = makeClient(server.port ?? 0, '/v1/predict/default', agent);
  const answer = Buffer.alloc(await askOip(infer), 'x');
  // The least that any server does: read the body, write as many bytes as ours.
  const bare = http.createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve));
  const askBare = makeClient((bare.address() as AddressInfo).port, '/', agent);
  const [oip = none, named = none, theirs = none] = await measureInTurn(
    [() => askOip(infer), () => askNamed(fields), () => askBare(infer)],
    { block: 100, rounds: 15 },
  );
  agent.destroy();
  readings.stop();
  await new Promise((resolve) => bare.close(resolve));
  await server.close();
  const row = (name: string, ours: Float64Array, share: number): BenchRow => ({
    name,
    value: quantile(ours, share),
    unit: 'µs',
    reference: { name: 'bare node:http', value: quantile(theirs, share) },
  });
  return [
    row('Open Inference Protocol over HTTP, JSON: median', oip, 0.5),
    row('Open Inference Protocol over HTTP, JSON: p99', oip, 0.99),
    row('named fields over HTTP: median', named, 0.5),
    row('named fields over HTTP: p99', named, 0.99),
  ];
}

export async function bench(): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  for (const [which, sample] of [makeForest(), makePerceptron()].entries()) {
    const data = scratch('bench');
    try {
      const parts = await openParts(data, sample);
      rows.push(...(await benchPath(sample, parts.model, parts.ruled)));
      if (which === 0) rows.push(...(await benchHttp(parts)));
      parts.served.remove('default', 'shutdown');
      parts.decisions.close();
      parts.db.close();
    } finally {
      remove(data);
    }
  }
  return {
    title: "One prediction through the agent's own path, batch 1",
    rows,
    notes: [
      'Ours: fields checked and placed, model run, window counted, prediction remembered and written to the decision log. The reference only runs the model.',
    ],
  };
}
