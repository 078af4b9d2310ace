import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRuntime } from '@drover/infer/open';
import { parseBaseline } from '@drover/sketch/baseline';
import { afterEach, describe, expect, it } from 'vitest';
import { type JobLine, jobMain, runJob } from './job.ts';
import { createRandom } from './random.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function makeJob(files: { job?: unknown; hyper?: unknown; table?: string }): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-job-'));
  dirs.push(dir);
  mkdirSync(path.join(dir, 'in/data'), { recursive: true });
  if (files.job !== undefined) writeFileSync(path.join(dir, 'in/job.json'), JSON.stringify(files.job));
  if (files.hyper !== undefined) writeFileSync(path.join(dir, 'in/hyperparameters.json'), JSON.stringify(files.hyper));
  if (files.table !== undefined) writeFileSync(path.join(dir, 'in/data/table.csv'), files.table);
  return dir;
}

const read = (dir: string, file: string): string => readFileSync(path.join(dir, 'out', file), 'utf8');
const json = (dir: string, file: string): Record<string, unknown> =>
  JSON.parse(read(dir, file)) as Record<string, unknown>;
const quiet = new AbortController().signal;

/** A pump that fails when hot and loaded; one text column, some values missing, rare failures. */
function makePumps(rows: number): string {
  const random = createRandom(11);
  const lines = Array.from({ length: rows }, (_, i) => {
    const heat = 60 + random.normal() * 10;
    const load = random.next();
    const fails = heat > 70 && load > 0.6 ? 1 : 0;
    return [
      i + 1,
      random.next() < 0.05 ? '' : heat.toFixed(2),
      load.toFixed(3),
      load > 0.5 ? 'north' : 'south',
      fails,
    ].join(',');
  });
  return `row,heat [C],load,site,fail\n${lines.join('\n')}\n`;
}

describe('a training job', () => {
  it.each(['gbdt', 'linear'] as const)(
    'leaves model, baseline, vectors, metrics and report that agree: %s',
    async (trainer) => {
      const dir = makeJob({ job: { contract: 'hub-trainer/1', label: 'fail', trainer }, table: makePumps(1500) });
      const lines: JobLine[] = [];
      expect(await runJob(dir, (line) => lines.push(line), quiet)).toBe(0);
      expect(lines.flatMap((line) => (line.t === 'phase' ? [line.name] : []))).toEqual([
        'read',
        'train',
        'write',
        'done',
      ]);
      const report = json(dir, 'report.json');
      expect(report).toMatchObject({
        task: 'binary',
        classes: ['0', '1'],
        features: [
          { name: 'heat [C]', kind: 'numeric', input: 'x', index: 0 },
          { name: 'load', kind: 'numeric', input: 'x', index: 1 },
          { name: 'site', kind: 'categorical', input: 'c', index: 0 },
        ],
        dropped: [{ name: 'row', reason: 'counter' }],
        rows: { table: 1500, fit: 975, validation: 225, test: 300 },
        thresholdBy: 'f1',
      });
      const metrics = json(dir, 'metrics.json') as { test: Record<string, number> };
      expect(metrics.test['auc']).toBeGreaterThan(trainer === 'gbdt' ? 0.97 : 0.9);
      const baseline = parseBaseline(readFileSync(path.join(dir, 'out/baseline.json')));
      expect(baseline.ok && [baseline.value.features.length, baseline.value.rows]).toEqual([3, 975]);

      const vectors = json(dir, 'vectors.json') as {
        x: (number | null)[][];
        c: string[][];
        expected: number[][];
        tolerance: number;
      };
      expect(vectors.expected.length).toBe(16);
      expect(vectors.x.flat()).toContain(null);
      const runtime = await openRuntime('native');
      if (!runtime.ok) throw new Error(runtime.detail);
      const session = await runtime.value.load(readFileSync(path.join(dir, 'out/model.onnx')));
      if (!session.ok) throw new Error(session.detail);
      const { probabilities } = await session.value.run({
        x: { dtype: 'float32', data: Float32Array.from(vectors.x.flat(), (v) => v ?? Number.NaN), dims: [16, 2] },
        c: { dtype: 'string', data: vectors.c.flat(), dims: [16, 1] },
      });
      const worst = Math.max(...vectors.expected.flat().map((p, i) => Math.abs(p - Number(probabilities?.data[i]))));
      expect(worst).toBeLessThanOrEqual(1e-6);
      await session.value.release();
    },
  );

  it('gives the same files for the same folder, and another model for another seed', async () => {
    const table = makePumps(600);
    const run = async (seed: number): Promise<string[]> => {
      const dir = makeJob({ job: { label: 'fail', seed }, hyper: { iterations: 20, rowShare: 0.6 }, table });
      expect(await runJob(dir, () => undefined, quiet)).toBe(0);
      return ['model.onnx', 'baseline.json', 'vectors.json', 'metrics.json', 'report.json'].map((file) =>
        read(dir, file),
      );
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect((await run(2))[0]).not.toBe(first[0]);
  });

  it('learns remaining life on whole devices, and a quantity', async () => {
    const random = createRandom(3);
    const lines: string[] = [];
    for (let unit = 1; unit <= 12; unit++) {
      const life = 40 + random.below(30);
      for (let i = 0; i < life; i++)
        lines.push(`${unit} ${(i / life + random.normal() * 0.05).toFixed(4)} ${(i - life).toFixed(0)}`);
    }
    const table = `unit wear left\n${lines.join('\n')}\n`;
    const ends = makeJob({
      job: { label: { kind: 'endsWithin', rows: 10, deviceColumn: 'unit' }, exclude: ['left'] },
      hyper: { minLeafRows: 5 },
      table,
    });
    expect(await runJob(ends, () => undefined, quiet)).toBe(0);
    expect(json(ends, 'report.json')).toMatchObject({
      split: { by: 'device' },
      devices: { test: ['11', '12'], validation: ['9', '10'] },
    });
    expect((json(ends, 'metrics.json')['test'] as Record<string, number>)['auc']).toBeGreaterThan(0.9);
    const left = makeJob({ job: { label: 'left', task: 'regression', deviceColumn: 'unit' }, table });
    expect(await runJob(left, () => undefined, quiet)).toBe(0);
    expect((json(left, 'metrics.json')['test'] as Record<string, number>)['r2']).toBeGreaterThan(0.6);
  });

  it.each([
    ['no job', {}, 11, 'params_invalid'],
    ['an unknown word', { job: { label: 'fail', sed: 1 } }, 11, 'params_invalid'],
    [
      'two device columns',
      { job: { label: { kind: 'endsWithin', rows: 5, deviceColumn: 'site' }, deviceColumn: 'row' } },
      11,
      'params_invalid',
    ],
    ['a path out of the folder', { job: { label: 'fail', data: { file: '../job.json' } } }, 11, 'params_invalid'],
    ['a parameter out of range', { job: { label: 'fail' }, hyper: { learningRate: 7 } }, 11, 'params_invalid'],
    [
      'a class that is not there',
      { job: { label: 'fail' }, hyper: { classWeights: { broken: 2 } } },
      11,
      'params_invalid',
    ],
    ['a runtime too old for the file', { job: { label: 'fail', maxMl: 3 } }, 11, 'params_invalid'],
    ['other data than announced', { job: { label: 'fail', data: { sha256: 'a'.repeat(64) } } }, 10, 'data_unreadable'],
    ['no such label', { job: { label: 'Fail' } }, 10, 'data_column_missing'],
    [
      'one class in the rows to fit',
      {
        job: { label: 'fail' },
        table: `x,fail\n${Array.from({ length: 50 }, (_, i) => `${i % 9}.5,${i > 40 ? 1 : 0}`).join('\n')}`,
      },
      10,
      'data_one_class',
    ],
    ['too little memory', { job: { label: 'fail', limits: { memMB: 0.05 } } }, 12, 'data_too_large'],
    ['too little time', { job: { label: 'fail', limits: { wallS: 1e-6 } } }, 12, 'training_timeout'],
  ])('says what is wrong: %s', async (_, files, exit, code) => {
    const dir = makeJob({ table: makePumps(300), ...files });
    expect(await runJob(dir, () => undefined, quiet)).toBe(exit);
    expect(read(dir, 'failure').split(':')[0]).toBe(code);
    expect(existsSync(path.join(dir, 'out/model.onnx'))).toBe(false);
  });

  it('stops on SIGTERM between two rounds, as a process of its own', async () => {
    const dir = makeJob({
      job: { label: 'fail' },
      hyper: { iterations: 5000, patience: 0, learningRate: 0.001 },
      table: makePumps(20_000),
    });
    const child = spawn(process.execPath, [fileURLToPath(jobMain)], {
      env: { ...process.env, DROVER_JOB_DIR: dir },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      said += text;
      if (said.includes('"metric"')) child.kill('SIGTERM');
    });
    const [exit] = (await once(child, 'exit')) as [number | null];
    expect(exit).toBe(143);
    expect(read(dir, 'failure')).toMatch(/^training_cancelled: /);
    for (const line of said.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('t');
  });
});
