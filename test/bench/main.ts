// Runs benches one after the other, prints each beside its reference and its budget, and never fails because something
// was slow: the exit code is 1 only when a bench could not run.
//
//   npm run bench [-- NAME ...] [--json FILE] [--doc FILE]
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { MODULES } from './modules.ts';
import { type BenchReport, judge, ratioOf, renderMarkdown, renderText } from './report.ts';

const LIMIT_MS = 240_000;
/** Benches that need longer. */
const LIMITS_MS: Readonly<Record<string, number>> = { delivery: 360_000 };
/** After being asked to end, a bench has this long to end what it started. */
const GRACE_MS = 5_000;

const describeMachine = (): Record<string, string | number> => ({
  cores: os.availableParallelism(),
  processor: os.cpus()[0]?.model.trim() ?? 'unknown',
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  system: `${os.type()} ${os.release()} ${os.arch()}`,
  node: process.version,
  loadBefore: Number((os.loadavg()[0] ?? 0).toFixed(2)),
  startedAt: new Date().toISOString(),
});

/** The report of one bench, or why there is none. */
function runBench(name: string): Promise<BenchReport | string> {
  return new Promise((resolve) => {
    const child = fork(path.join(import.meta.dirname, 'run-one.ts'), [name], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let report: BenchReport | undefined;
    let complaint = '';
    const limitMs = LIMITS_MS[name] ?? LIMIT_MS;
    const timer = setTimeout(() => {
      complaint += `ended after ${limitMs / 1000} s`;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    }, limitMs);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-4000);
    });
    child.on('message', (message) => {
      report = message as BenchReport;
    });
    child.on('error', (error) => {
      complaint += error.message;
    });
    child.on('close', () => {
      clearTimeout(timer);
      resolve(report ?? (complaint.trim() || 'it ended without a report'));
    });
  });
}

const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

/** Puts the reports between the two marks of a page. */
function writeDoc(file: string, machine: ReturnType<typeof describeMachine>, reports: readonly BenchReport[]): void {
  const page = readFileSync(file, 'utf8');
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${file} has no "${BEGIN}" and "${END}"`);
  const facts = Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`);
  const body = [...facts, '', reports.map(renderMarkdown).join('\n\n')].join('\n');
  writeFileSync(file, `${page.slice(0, start)}${BEGIN}\n\n${body}\n\n${page.slice(end)}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, doc: { type: 'string' } },
});
const unknown = positionals.find((name) => !(name in MODULES));
if (unknown !== undefined) {
  process.stderr.write(`There is no bench "${unknown}". There are: ${Object.keys(MODULES).join(', ')}.\n`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals : Object.keys(MODULES);
const machine = describeMachine();
process.stdout.write(
  `${Object.entries(machine)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')}\n`,
);

const reports: { name: string; report: BenchReport }[] = [];
const failed: { name: string; why: string }[] = [];
for (const name of names) {
  const startAt = performance.now();
  const outcome = await runBench(name);
  if (typeof outcome === 'string') {
    failed.push({ name, why: outcome });
    process.stdout.write(`\n${name}: could not run:\n${outcome}\n`);
    continue;
  }
  // Benches do not know who else is busy; the reader must.
  const load = `Load average when it ended: ${(os.loadavg()[0] ?? 0).toFixed(1)}.`;
  const report = { ...outcome, notes: [...(outcome.notes ?? []), load] };
  reports.push({ name, report });
  process.stdout.write(
    `\n${renderText(report)}\n  (${name}: ${((performance.now() - startAt) / 1000).toFixed(0)} s)\n`,
  );
}

const rows = reports.flatMap(({ report }) => report.rows);
const count = (verdict: string): number => rows.filter((row) => judge(row) === verdict).length;
process.stdout.write(
  `\nBudgets: ${count('met')} met, ${count('missed')} missed, ${count('not judged')} not judged; ` +
    `${failed.length} of ${names.length} benches could not run.\n`,
);
if (values.json !== undefined) {
  const judged = reports.map(({ name, report }) => ({
    name,
    ...report,
    rows: report.rows.map((row) => ({ ...row, ratio: ratioOf(row), verdict: judge(row) })),
  }));
  writeFileSync(values.json, `${JSON.stringify({ machine, reports: judged, failed }, null, 1)}\n`);
}
if (values.doc !== undefined)
  writeDoc(
    values.doc,
    machine,
    reports.map(({ report }) => report),
  );
process.exitCode = failed.length > 0 ? 1 : 0;
