// Starts the hub and the agent as child processes and ends with them. Never imports either.
import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

const ENTRIES = {
  hub: fileURLToPath(new URL('../../../hub/src/main.ts', import.meta.url)),
  agent: fileURLToPath(new URL('../../../agent/src/main.ts', import.meta.url)),
} as const;
export type Program = keyof typeof ENTRIES;

/** A small young generation: a hub takes less memory for the same work (measured idle: 155 MB, not 200; with 4 MB ingest took more CPU). */
export const NODE_FLAGS: Readonly<Record<Program, readonly string[]>> = {
  hub: ['--max-semi-space-size=8'],
  agent: [],
};

/** What Node is started with to run a program. */
export const nodeArguments = (program: Program, args: readonly string[]): string[] => [
  ...NODE_FLAGS[program],
  ENTRIES[program],
  ...args,
];

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
    const child = spawn(process.execPath, nodeArguments(program, args), { stdio: 'inherit' });
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

const CAPTURED_BYTES = 2 ** 20;

/** Runs a program to its end and returns what it wrote, as far as a short answer may be long. */
export function runCaptured(program: Program, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, nodeArguments(program, args), { maxBuffer: CAPTURED_BYTES }, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') reject(error);
      else resolve({ stdout, stderr });
    });
  });
}
