// The process that loads a model which nobody has tried yet: a crash or a loop inside the runtime ends this process and
// not the hub. Reads one TrialRequest on standard input, writes one TrialAnswer on standard output.
import { readFile } from 'node:fs/promises';
import { accept, refuse } from '@drover/core/reasons';
import { openRuntime } from '@drover/infer/open';
import { createPredictor } from '@drover/infer/predictor';
import { parseVectors, type Vectors } from '@drover/trust/vectors';
import { replayVectors } from './replay.ts';
import type { TrialAnswer, TrialReport, TrialRequest } from './trial-request.ts';

type Line = TrialReport['runtimes'][number];

async function tryRuntime(
  name: 'native' | 'wasm',
  model: Uint8Array,
  request: TrialRequest,
  vectors: Vectors | undefined,
): Promise<{ readonly ok: true; readonly value: Line } | Exclude<TrialAnswer, { ok: true }>> {
  const runtime = await openRuntime(name);
  if (!runtime.ok) return runtime;
  const started = performance.now();
  const session = await runtime.value.load(model);
  if (!session.ok) return session;
  const loadMs = Math.round(performance.now() - started);
  if (request.layout === undefined) return accept({ name, loadMs, worst: 0, rows: 0 });
  const predictor = createPredictor(session.value, request.layout);
  if (!predictor.ok) return predictor;
  if (vectors === undefined) {
    const { numericCount, categoricalCount } = predictor.value;
    const texts = Array.from({ length: categoricalCount }, () => '');
    // All values missing: what counts is that one prediction comes out in the promised form.
    const answer = await predictor.value.predictRow(new Float32Array(numericCount).fill(0), texts);
    return answer.ok ? accept({ name, loadMs, worst: 0, rows: 1 }) : answer;
  }
  const replayed = await replayVectors(predictor.value, vectors);
  if (!replayed.ok) return refuse(replayed.code, `${replayed.detail} (${name})`);
  return accept({ name, loadMs, worst: replayed.value, rows: vectors.x.length });
}

async function runTrial(request: TrialRequest): Promise<TrialAnswer> {
  const model = await readFile(request.model);
  let vectors: Vectors | undefined;
  if (request.vectors !== undefined) {
    const parsed = parseVectors(await readFile(request.vectors));
    if (!parsed.ok) return parsed;
    vectors = parsed.value;
  }
  const lines: Line[] = [];
  for (const name of request.runtimes) {
    const line = await tryRuntime(name, model, request, vectors);
    if (!line.ok) return line;
    lines.push(line.value);
  }
  return accept({ runtimes: lines });
}

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

const answer = await runTrial(JSON.parse(await readInput()) as TrialRequest);
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
