// Measures the built agent as a process: from its start to its first prediction while no hub can be reached, its memory
// with and without a model, and its size on disk. The data directories are made by a real hub, which is gone before anything is measured.
import net from 'node:net';
import path from 'node:path';
import { deploy, joinAgent, registerModel, remove, runAgent, scratch, startHub } from '@drover/testkit/fleet';
import { ENTRY, type Program, start, waitForReady } from '@drover/testkit/program';
import { buildAgent } from '../house/build-agent.ts';
import { readPeakRssMb, readRssMb } from './process-facts.ts';
import { atMost, type BenchReport, type BenchRow, below } from './report.ts';
import { featureNames, makeForest, makeLiveRows } from './sample-models.ts';

const STARTS = 5;
const LIMIT_MS = 30_000;
/** Memory counts as settled when it moved less than this between two looks. */
const SETTLED_MB = 0.2;
const LOOK_MS = 500;
const PREDICTIONS = 3000;
const MB = 1e6;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const pidOf = (program: Program): number => program.process.pid ?? 0;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function findFreePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

const body = JSON.stringify({
  fields: Object.fromEntries(featureNames.map((name, i) => [name, makeLiveRows()[0]?.[i] ?? 0])),
});

async function predict(port: number): Promise<boolean> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:${port}/v1/predict/default`, { method: 'POST', headers, body });
  await response.arrayBuffer();
  return response.ok;
}

/** Starts an agent; `cache` is a folder where Node keeps compiled code. */
async function startAgent(entry: string, data: string, cache?: string): Promise<{ program: Program; port: number }> {
  const port = await findFreePort();
  const args = ['run', '--data', data, '--http', `127.0.0.1:${port}`, '--log-level', 'error'];
  return { program: start(entry, args, { ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) }), port };
}

/** Milliseconds from the start of the process to its first answer. */
async function timeFirstPrediction(entry: string, data: string, cache?: string): Promise<number> {
  const startAt = performance.now();
  const { program, port } = await startAgent(entry, data, cache);
  for (;;) {
    // Nobody listens at first, and then the slot is still empty: both are asked again.
    const isAnswered = await predict(port).catch(() => false);
    const tookMs = performance.now() - startAt;
    if (isAnswered) {
      await program.stop();
      return tookMs;
    }
    if (tookMs > LIMIT_MS || program.exit() !== undefined)
      throw new Error(`no prediction:\n${program.output().slice(-2000)}`);
    await pause(5);
  }
}

async function readSettledRss(program: Program): Promise<number> {
  let last = readRssMb(pidOf(program));
  for (let looks = 0; looks < 20; looks += 1) {
    await pause(LOOK_MS);
    const now = readRssMb(pidOf(program));
    if (Math.abs(now - last) < SETTLED_MB) return now;
    last = now;
  }
  return last;
}

async function prepare(folder: string): Promise<{ withModel: string; without: string }> {
  const withModel = path.join(folder, 'with-model');
  const without = path.join(folder, 'without');
  const hub = await startHub(path.join(folder, 'hub'), ['--log-level', 'error']);
  await joinAgent(hub, withModel, 'bench-with');
  await joinAgent(hub, without, 'bench-without');
  const { model, baseline, vectors } = makeForest();
  const version = await registerModel(hub, 'bench', { model, baseline, ...(vectors && { vectors }) });
  const agent = await runAgent(withModel);
  const [deployment] = await deploy(hub, 'bench', version.version, ['bench-with']);
  if (deployment?.state !== 'committed')
    throw new Error(`the deployment ended ${deployment?.state}: ${deployment?.code}`);
  await agent.stop();
  await hub.stop();
  return { withModel, without };
}

async function timeStarts(entry: string, data: string, cache?: string): Promise<number[]> {
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i += 1) starts.push(await timeFirstPrediction(entry, data, cache));
  return starts;
}

/** MB of an agent that has joined, has no model and reaches no hub. */
async function measureIdle(entry: string, data: string, cache?: string): Promise<number> {
  const { program } = await startAgent(entry, data, cache);
  await waitForReady(program, path.join(data, 'run/agent.json'));
  const rss = await readSettledRss(program);
  await program.stop();
  return rss;
}

export async function bench(): Promise<BenchReport> {
  const folder = scratch('bench-agent');
  try {
    const { withModel, without } = await prepare(folder);
    const { entry, bytes, parts } = await buildAgent(path.join(folder, 'agent'));
    const starts = await timeStarts(entry, withModel);
    const cache = path.join(folder, 'compile-cache');
    await timeFirstPrediction(ENTRY.agent, withModel, cache);
    const sourceStarts = await timeStarts(ENTRY.agent, withModel, cache);

    const bare = start('-e', ['setInterval(() => {}, 1000)']);
    const bareRss = await readSettledRss(bare);
    await bare.kill();
    const idleRss = await measureIdle(entry, without);
    const sourceRss = await measureIdle(ENTRY.agent, without, cache);

    const serving = await startAgent(entry, withModel);
    await waitForReady(serving.program, path.join(withModel, 'run/agent.json'));
    const loadedRss = await readSettledRss(serving.program);
    for (let i = 0; i < PREDICTIONS; i += 1) {
      if (!(await predict(serving.port))) throw new Error('a prediction failed');
    }
    const busyRss = await readSettledRss(serving.program);
    const peakRss = readPeakRssMb(pidOf(serving.program));
    await serving.program.stop();

    const node = { name: 'Node that does nothing, MB', value: bareRss };
    const rows: BenchRow[] = [
      {
        name: `start to first prediction, median of ${STARTS}`,
        value: median(starts) / 1000,
        unit: 's',
        reference: { name: 'from TypeScript sources, s', value: median(sourceStarts) / 1000 },
        budget: below(2),
      },
      { name: 'start to first prediction, the slowest of them', value: Math.max(...starts) / 1000, unit: 's' },
      { name: 'RSS idle, no model', value: idleRss, unit: 'MB', reference: node, budget: atMost(80) },
      { name: 'RSS idle, no model, from TypeScript sources', value: sourceRss, unit: 'MB', reference: node },
      { name: 'RSS with the forest loaded', value: loadedRss, unit: 'MB', reference: node },
      { name: `RSS after ${PREDICTIONS} predictions over HTTP`, value: busyRss, unit: 'MB', reference: node },
      { name: 'most RSS at any time', value: peakRss, unit: 'MB', reference: node },
      { name: `disk, ${process.platform} ${process.arch}, without Node`, value: bytes / MB, unit: 'MB' },
      { name: 'of which ONNX Runtime', value: (parts['onnxruntime-node'] ?? Number.NaN) / MB, unit: 'MB' },
      { name: 'of which the bundle', value: (parts['agent.js'] ?? Number.NaN) / MB, unit: 'MB' },
    ];
    return {
      title: 'The built agent as a process, hub unreachable',
      rows,
      notes: [
        'Measured on what `npm run build` makes, started as `node agent.js run`, without a cache of compiled code and without flags of V8. The source program is started as the CLI starts it, with a cache that is warm.',
      ],
    };
  } finally {
    remove(folder);
  }
}
