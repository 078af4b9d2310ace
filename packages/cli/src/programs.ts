// Starts the hub and the agent as child processes and ends with them. Never imports either.
import { spawn } from 'node:child_process';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

export const PROGRAMS = {
  hub: fileURLToPath(new URL('../../../hub/src/main.ts', import.meta.url)),
  agent: fileURLToPath(new URL('../../../agent/src/main.ts', import.meta.url)),
} as const;
export type Program = keyof typeof PROGRAMS;

/** The environment of a child: ours, and a cache of compiled code, which halves the time that a program takes to start. */
export const childEnv = (): NodeJS.ProcessEnv => ({
  NODE_COMPILE_CACHE: path.join(tmpdir(), 'node-compile-cache'),
  ...process.env,
});

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The options of a command that were given, as arguments for the program behind it. */
export function toArguments(command: Command): string[] {
  const args: string[] = [];
  for (const option of command.options) {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== 'cli' || !option.long) continue;
    const value: unknown = command.getOptionValue(name);
    if (value === true) args.push(option.long);
    // One word each: a value that begins with a dash is not taken for an option.
    else for (const one of Array.isArray(value) ? value : [value]) args.push(`${option.long}=${String(one)}`);
  }
  return args;
}

/**
 * Runs a program in the foreground with our streams and returns its exit code (128 + n after signal n). Signals go on to
 * it, except a Ctrl-C at a terminal, which reaches the whole process group by itself.
 */
export function runForeground(program: Program, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAMS[program], ...args], { stdio: 'inherit', env: childEnv() });
    const handlers = FORWARDED.map((signal) => {
      const handle = (): void => {
        if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal);
      };
      process.on(signal, handle);
      return () => process.off(signal, handle);
    });
    const stop = (): void => {
      for (const off of handlers) off();
    };
    child.on('error', (error) => {
      stop();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      stop();
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
