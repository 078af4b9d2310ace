// Proves that the launcher runs Drover under a Node that is new enough, passes on exit codes and signals, and else says
// one sentence. An old Node is made by telling this one that it is old; a really old one in PATH is tried as well.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { HOUSE } from './tree.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'drover-launcher-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const file = path.join(scratch, name);
  writeFileSync(file, text);
  return file;
};

const LAUNCHER = path.join(HOUSE, 'packages/cli/bin/launcher.js');
const PRETEND = write(
  'old.mjs',
  `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });`,
);
const starter = (launcher: string, name: string): string =>
  write(
    name,
    `import { launch } from ${JSON.stringify(pathToFileURL(launcher).href)};\nawait launch(process.argv[2], process.argv.slice(3));\n`,
  );
const START = starter(LAUNCHER, 'start.mjs');

/** A Node in PATH that is older than 24, when there is one. */
function findOldNode(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const node = path.join(folder, 'node');
    if (!existsSync(node)) continue;
    const major = Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' }));
    if (major < 24) return node;
  }
  return undefined;
}

const oldNode = findOldNode();
const OLD: [string, string[]][] = [['one that believes to be old', [process.execPath, '--import', PRETEND]]];
if (oldNode) OLD.push(['an old one', [oldNode]]);

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

function start(
  command: readonly string[],
  ...args: string[]
): { child: ChildProcess; ready: Promise<void>; ended: Promise<Ended> } {
  const [program = process.execPath, ...before] = command;
  const child = spawn(program, [...before, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  const { promise: ready, resolve: markReady } = Promise.withResolvers<void>();
  const { promise: ended, resolve: markEnded, reject } = Promise.withResolvers<Ended>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
    if (out.includes('ready')) markReady();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  child.on('error', reject);
  child.on('close', (code, signal) => markEnded({ code, signal, out, err }));
  return { child, ready, ended };
}

const TELL = write(
  'tell.ts',
  `const seen: { version: string; args: string[] } = { version: process.versions.node, args: process.argv.slice(2) };
process.stdout.write(JSON.stringify(seen));
process.exitCode = 7;
`,
);
const STAY = write('stay.ts', `setInterval(() => {}, 1000);\nprocess.stdout.write('ready');\n`);
const LEAVE = write(
  'leave.ts',
  `process.on('SIGTERM', () => process.exit(5));\nsetInterval(() => {}, 1000);\nprocess.stdout.write('ready');\n`,
);

describe.each(OLD)('under %s', (_name, node) => {
  it('runs the installed Node, with the arguments, and passes on its exit code', async () => {
    const ended = await start(node, START, TELL, 'a b', '--c').ended;
    expect(ended.err).toBe('');
    const seen: unknown = JSON.parse(ended.out);
    expect(seen).toMatchObject({ args: ['a b', '--c'], version: expect.stringMatching(/^(2[4-9]|[3-9]\d)\./) });
    expect(ended.code).toBe(7);
  });

  it('passes a signal on and the exit code back', async () => {
    const { child, ready, ended } = start(node, START, LEAVE);
    await ready;
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 5, signal: null });
  });

  it('dies of the signal that its child died of', async () => {
    const { child, ready, ended } = start(node, START, STAY);
    await ready;
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('says what to install when there is no newer one', async () => {
    const lonely = path.join(scratch, 'launcher.js');
    copyFileSync(LAUNCHER, lonely);
    write('package.json', '{ "type": "module" }');
    const ended = await start(node, starter(lonely, 'start-lonely.mjs'), TELL).ended;
    expect(ended.code).toBe(1);
    expect(ended.out).toBe('');
    expect(ended.err).toMatch(/^drover needs Node 24\.15 or newer and this is 2\d\.\d+\.\d+: run "npm ci".*\n$/);
  });
});

describe('under a Node that is new enough', () => {
  it('stays in its process', async () => {
    const pid = write('pid.ts', 'process.stdout.write(String(process.pid));\n');
    const { child, ended } = start([process.execPath], START, pid);
    expect((await ended).out).toBe(String(child.pid));
  });
});
