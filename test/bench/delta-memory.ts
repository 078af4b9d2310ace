// Measures the memory and time of a recipe for a model of 500 MB, made and applied in processes of their own. Never asserts.
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { writeLargePair } from '@drover/testkit/large-model';
import { start } from '@drover/testkit/program';
import { type BenchReport, type BenchRow, below } from './report.ts';

const TENSORS = 10;
const VALUES = 12_500_000;
const LIMIT_MS = 200_000;

interface Side {
  readonly size: number;
  readonly ms: number;
  readonly beforeMb: number;
  readonly peakMb: number;
}

async function run(what: 'make' | 'apply', files: readonly string[]): Promise<Side> {
  const program = start(path.join(import.meta.dirname, 'delta-process.ts'), [what, ...files]);
  const exit = await program.waitForExit(LIMIT_MS);
  if (exit !== 0) throw new Error(`${what} ended with ${exit}: ${program.output().slice(-1000)}`);
  return JSON.parse(program.output().trim().split('\n').at(-1) ?? '') as Side;
}

export async function bench(): Promise<BenchReport> {
  const folder = scratch('bench-delta');
  try {
    const [base, target, recipe] = ['base', 'target', 'recipe'].map((name) => path.join(folder, name));
    if (!base || !target || !recipe) throw new Error('three files are named');
    writeLargePair(base, target, TENSORS, VALUES);
    const made = await run('make', [base, target, recipe]);
    const applied = await run('apply', [base, target, recipe]);
    const rowsOf = (name: string, side: Side): BenchRow[] => [
      { name: `${name}: peak RSS`, value: side.peakMb, unit: 'MB', budget: below(256) },
      { name: `${name}: RSS before`, value: side.beforeMb, unit: 'MB' },
      { name: `${name}: time`, value: side.ms / 1000, unit: 's' },
    ];
    return {
      title: 'Recipes: memory and time for a model of 500 MB, all of whose weights changed a little',
      rows: [
        { name: 'size of the recipe', value: (100 * made.size) / applied.size, unit: '%' },
        ...rowsOf('make', made),
        ...rowsOf('apply', applied),
      ],
    };
  } finally {
    remove(folder);
  }
}
