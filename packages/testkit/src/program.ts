// Runs Drover's programs as real processes on loopback and ends them, by their own id, kindly or with kill -9.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NODE_FLAGS } from '@drover/cli/programs';
import { GiveUp, until } from './until.ts';

const house = path.resolve(import.meta.dirname, '../../..');

export const ENTRY = {
  hub: path.join(house, 'hub/src/main.ts'),
  agent: path.join(house, 'agent/src/main.ts'),
  cli: path.join(house, 'packages/cli/src/main.ts'),
} as const;

export interface Program {
  readonly process: ChildProcess;
  /** Everything it printed so far, both streams. */
  output(): string;
  /** Its exit code, or the signal that ended it; undefined while it runs. */
  exit(): number | NodeJS.Signals | undefined;
  waitForExit(deadlineMs?: number): Promise<number | NodeJS.Signals>;
  /** SIGTERM and wait. */
  stop(): Promise<number | NodeJS.Signals>;
  /** kill -9 and wait. */
  kill(): Promise<void>;
}

/** Programs that still run; a test file ends them all when it is done, also when it failed. */
const running = new Set<Program>();

export function start(
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  nodeArgs: readonly string[] = [],
): Program {
  const flags = entry === ENTRY.hub ? NODE_FLAGS.hub : [];
  const child = spawn(process.execPath, [...flags, ...nodeArgs, entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/tmp',
      NODE_NO_WARNINGS: '1',
      // As the launcher sets it: a start costs half as much.
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? path.join(tmpdir(), 'drover-compiled'),
      ...env,
    },
  });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => parts.push(text));
  const program: Program = {
    process: child,
    output: () => parts.join(''),
    exit: () => child.exitCode ?? child.signalCode ?? undefined,
    async waitForExit(deadlineMs = 30_000) {
      // 0 is an exit too: wait for "known", not for "truthy".
      const [ended] = await until(
        `the end of ${path.basename(path.dirname(path.dirname(entry)))}`,
        () => {
          const exit = program.exit();
          return exit === undefined ? undefined : ([exit] as const);
        },
        deadlineMs,
      );
      running.delete(program);
      return ended;
    },
    async stop() {
      child.kill('SIGTERM');
      return program.waitForExit();
    },
    async kill() {
      child.kill('SIGKILL');
      await program.waitForExit();
    },
  };
  running.add(program);
  return program;
}

export async function killAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.kill()));
}

/** Waits for the file that a program writes when it is ready, and only believes it when it is this process's. */
export async function waitForReady<T extends { pid: number }>(
  program: Program,
  file: string,
  deadlineMs = 30_000,
): Promise<T> {
  return until(
    `${file} of process ${program.process.pid}`,
    () => {
      const exit = program.exit();
      if (exit !== undefined)
        throw new GiveUp(`it ended with ${exit} before it was ready:\n${program.output().slice(-4000)}`);
      if (!existsSync(file)) return undefined;
      const ready = JSON.parse(readFileSync(file, 'utf8')) as T;
      return ready.pid === program.process.pid ? ready : undefined;
    },
    deadlineMs,
  );
}
