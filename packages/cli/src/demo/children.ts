// Owns the demo's child processes: starts them with a log each, and ends every one by its pid. Knows no step of the demo.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CliFailure, EXIT } from '../failure.ts';
import { nodeArguments, type Program } from '../programs.ts';

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Set once it ended: its exit code, or 128 for a signal. */
  readonly ended: Promise<number>;
  /** The exit code when it already ended. */
  readonly exitCode: () => number | undefined;
}

export interface Family {
  start(name: string, program: Program, args: readonly string[]): Child;
  /** Children that ended although nobody asked them to. */
  lost(): readonly Child[];
  /** SIGTERM, then SIGKILL after `graceMs`; answers the exit codes by name. */
  stop(children: readonly Child[], graceMs: number): Promise<Map<string, number>>;
  stopAll(graceMs: number): Promise<Map<string, number>>;
}

const TAIL_LINES = 12;

/** The last lines of a log, for a failure message. */
export function readTail(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } catch {
    // A child that never started has no log.
    return '';
  }
}

export function openFamily(logDir: string, env: NodeJS.ProcessEnv): Family {
  const running = new Map<ChildProcess, Child>();
  const asked = new Set<Child>();
  const lost: Child[] = [];

  // The last resort when this process ends without stopAll: nothing of the demo may outlive it.
  process.on('exit', () => {
    for (const child of running.keys()) child.kill('SIGKILL');
  });

  const processOf = (child: Child): ChildProcess | undefined => [...running].find(([, known]) => known === child)?.[0];

  async function stop(children: readonly Child[], graceMs: number): Promise<Map<string, number>> {
    for (const child of children) {
      asked.add(child);
      processOf(child)?.kill('SIGTERM');
    }
    const timer = setTimeout(() => {
      for (const child of children) processOf(child)?.kill('SIGKILL');
    }, graceMs);
    const codes = await Promise.all(children.map(async (child) => [child.name, await child.ended] as const));
    clearTimeout(timer);
    return new Map(codes);
  }

  return {
    start(name, program, args) {
      const logFile = path.join(logDir, `${name}.log`);
      const log = openSync(logFile, 'a');
      // Its own process group: a Ctrl-C at the terminal reaches the demo alone, which then ends its children in order.
      const child = spawn(process.execPath, nodeArguments(program, args), {
        stdio: ['ignore', log, log],
        detached: true,
        env,
      });
      closeSync(log);
      let code: number | undefined;
      const { promise: ended, resolve } = Promise.withResolvers<number>();
      const view: Child = { name, pid: child.pid ?? 0, logFile, ended, exitCode: () => code };
      running.set(child, view);
      const end = (exit: number): void => {
        if (code !== undefined) return;
        code = exit;
        running.delete(child);
        if (!asked.has(view)) lost.push(view);
        resolve(exit);
      };
      child.on('error', () => end(127));
      child.on('exit', (exit) => end(exit ?? 128));
      return view;
    },
    lost: () => lost,
    stop,
    stopAll: (graceMs) => stop([...running.values()], graceMs),
  };
}

/** A child that ended when it should not have, with the end of its log. */
export function failChild(child: Child): CliFailure {
  const tail = readTail(child.logFile);
  return new CliFailure(
    EXIT.failed,
    'child_ended',
    `"${child.name}" ended with exit code ${child.exitCode() ?? '?'}.${tail === '' ? '' : `\n${tail}`}`,
    `Its log: ${child.logFile} (use --keep).`,
  );
}
