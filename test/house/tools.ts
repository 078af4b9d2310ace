// Runs the tools that judge the house (Biome, oxlint, tsc, dependency-cruiser, knip) and reads out what they really looked at.
// Each judges a canary first: a file that it must complain about.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { judgeCruise } from './boundaries.ts';
import type { Check, Outcome } from './report.ts';
import { HOUSE, isSource, isTest, listFiles } from './tree.ts';

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const require = createRequire(import.meta.url);
const LIMIT_MS = 120_000;

/**
 * Runs a JavaScript tool with this Node: `node_modules/.bin` would take the first node of PATH, which may be too old.
 * Rejects when the tool cannot start or does not end in time; its exit code is for the caller to judge.
 */
export function runTool(entry: string, args: readonly string[], cwd: string = HOUSE): Promise<Run> {
  const file = path.isAbsolute(entry)
    ? entry
    : path.join(path.dirname(require.resolve('typescript/package.json')), '..', entry);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === null) reject(new Error(`${entry} was ended by ${signal} (limit ${LIMIT_MS / 1000} s)`));
      else resolve({ code, out, err });
    });
  });
}

const BIOME = '@biomejs/biome/bin/biome';
const OXLINT = 'oxlint/bin/oxlint';
const TSC = 'typescript/bin/tsc';
const CRUISER = 'dependency-cruiser/bin/dependency-cruiser.mjs';
const KNIP = 'knip/bin/knip.js';

const countIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
/** What a failed tool said, or that it said nothing. */
const complaintsOf = (run: Run): string[] => {
  if (run.code === 0) return [];
  const lines = linesOf(`${run.out}\n${run.err}`);
  return lines.length > 0 ? lines : [`exit code ${run.code} without a word`];
};
/** The canary sentence: silence on a file that must be reported means that the tool checks nothing. */
export const missed = (canary: string, expected: readonly string[], run: Run): string[] =>
  expected
    .filter((sign) => !`${run.out}\n${run.err}`.includes(sign))
    .map((sign) => `the canary ${canary} was not reported (${sign}): this check would let anything pass`);

const sources = (): string[] => listFiles().filter(isSource);

async function checkFormat(): Promise<Outcome> {
  const run = await runTool(BIOME, ['check', '--colors=off', '--max-diagnostics=20', '.']);
  const checked = countIn(`${run.out}\n${run.err}`, /Checked (\d+) files?/);
  const problems = complaintsOf(run);
  const expected = listFiles().filter((name) => name.endsWith('.ts')).length;
  if (problems.length === 0 && checked < expected)
    problems.push(`Biome saw ${checked} files; there are ${expected} .ts files.`);
  return { checked, what: 'files in Biome format, imports in order', problems };
}

async function checkLint(): Promise<Outcome> {
  const canary = 'test/house/canary/lint';
  const roots = listRoots();
  const [proof, run] = [
    await runTool(OXLINT, ['--type-aware', '-c', `${canary}/oxlintrc.json`, canary]),
    await runTool(OXLINT, ['--type-aware', '--quiet', ...roots]),
  ];
  const checked = countIn(run.out, /on (\d+) files?/);
  const problems = [
    ...missed(canary, ['no-floating-promises', 'no-non-null-assertion', 'no-explicit-any'], proof),
    ...complaintsOf(run),
  ];
  if (checked < sources().length)
    problems.push(`oxlint saw ${checked} files; there are ${sources().length} source files.`);
  return { checked, what: `files linted with types (${roots.join(', ')})`, problems };
}

/** The folders that hold code, so that a tool never wanders into what was installed. */
function listRoots(): string[] {
  const names = listFiles().filter((name) => name.endsWith('.ts') && name.includes('/'));
  return [...new Set(names.map((name) => name.split('/')[0] ?? ''))].toSorted();
}

async function checkTypes(project: string, canary: string, sign: string, mustSee: readonly string[]): Promise<Outcome> {
  const [proof, run] = [
    await runTool(TSC, ['-p', canary]),
    await runTool(TSC, ['-p', project, '--listFiles', '--pretty', 'false']),
  ];
  const listed = new Set(
    linesOf(run.out)
      .filter((line) => path.isAbsolute(line))
      .map((line) => path.relative(HOUSE, line).replaceAll(path.sep, '/')),
  );
  const own = [...listed].filter((name) => !name.includes('node_modules/'));
  const unseen = mustSee.filter((name) => !listed.has(name));
  const complaints = linesOf(run.out).filter((line) => !path.isAbsolute(line));
  const problems = [...missed(canary, [sign], proof), ...complaints, ...linesOf(run.err)];
  if (run.code !== 0 && complaints.length === 0) problems.push(`tsc ended with ${run.code} without a complaint.`);
  if (unseen.length > 0)
    problems.push(`${project} does not see ${unseen.length} files: ${unseen.slice(0, 5).join(', ')}`);
  return { checked: own.length, what: `files in types (${project})`, problems };
}

async function checkBoundaries(): Promise<Outcome> {
  const cruise = async (cwd: string): Promise<unknown> => {
    const config = path.join(HOUSE, '.dependency-cruiser.cjs');
    const roots = cwd === HOUSE ? listRoots() : ['agent', 'hub', 'packages'];
    const run = await runTool(CRUISER, ['--config', config, '--output-type', 'json', ...roots], cwd);
    if (!run.out.startsWith('{')) throw new Error(`dependency-cruiser gave no result: ${run.err.slice(0, 500)}`);
    return JSON.parse(run.out);
  };
  const canary = await cruise(path.join(HOUSE, 'test/house/canary/boundaries'));
  const house = await cruise(HOUSE);
  return judgeCruise({ canary, house, sources: sources() });
}

async function checkDeadCode(): Promise<Outcome> {
  const canary = 'test/house/canary/dead';
  const [proof, run] = [
    await runTool(KNIP, ['--directory', canary, '--no-progress']),
    await runTool(KNIP, ['--no-progress', '--no-config-hints']),
  ];
  const signs = ['src/dead.ts', 'unused', 'never-imported', 'never-declared'];
  const looked = sources().filter((name) => !isTest(name)).length;
  const problems = [...missed(canary, signs, proof), ...complaintsOf(run)];
  return { checked: looked, what: 'source files: no dead file or export, every import declared', problems };
}

async function checkGenerated(): Promise<Outcome> {
  const run = await runTool(path.join(HOUSE, 'test/house/generate.ts'), ['--check']);
  return {
    checked: countIn(run.out, /generated code of (\d+)/),
    what: '.proto files, generated code fresh',
    problems: complaintsOf(run),
  };
}

const typed = (name: string): boolean => isSource(name) && !name.startsWith('packages/console/');
const pure = (name: string): boolean => /^packages\/(sketch|core|sim)\/src\//.test(name) && !isTest(name);

export const TOOL_CHECKS: readonly Check[] = [
  { name: 'lint', run: checkLint },
  {
    name: 'types',
    run: () => checkTypes('tsconfig.json', 'test/house/canary/types', 'TS2322', listFiles().filter(typed)),
  },
  { name: 'format', run: checkFormat },
  {
    name: 'types of pure rooms',
    run: () => checkTypes('tsconfig.pure.json', 'test/house/canary/pure', 'TS25', listFiles().filter(pure)),
  },
  { name: 'boundaries', run: checkBoundaries },
  { name: 'dead code', run: checkDeadCode },
  { name: 'generated code', run: checkGenerated },
];
