// What a test needs from the machine and may not get: a file system of a fixed size, a Debian program. Never pretends:
// without it the test fails where CI is set, and elsewhere says aloud that it did not run.
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { until } from './until.ts';

/** What a test may tell the runner. */
interface NotRun {
  skip(note: string): never;
}

/** Ends the test as not run, or as failed where CI is set. */
export function missOut(context: NotRun, what: string): never {
  const note = `NOT RUN: ${what}`;
  if (process.env['CI'] !== undefined && process.env['CI'] !== '')
    throw new Error(`${note} (CI is set: this must be there)`);
  process.stderr.write(`\n${note}\n`);
  return context.skip(note);
}

export interface SmallDisk {
  readonly dir: string;
  unmount(): void;
}

/** A file system of exactly so many bytes, or why there is none. */
export function mountSmallDisk(dir: string, bytes: number): SmallDisk | string {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', dir], { stdio: 'pipe' });
  } catch (error) {
    const said = String(error instanceof Error ? error.message : error).trim();
    return `tmpfs cannot be mounted here (${said.split('\n').at(-1) ?? ''})`;
  }
  return { dir, unmount: () => void execFileSync('umount', ['-l', dir], { stdio: 'pipe' }) };
}

/** The full path of a program, also where services live and a user's PATH does not reach. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    // Not there, or not ours to run: the next folder may have it.
    return false;
  }
}

/** A port that was free a moment ago. */
export function findFreePort(): Promise<number> {
  const server = net.createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

export interface Mosquitto {
  readonly url: string;
  stop(): Promise<void>;
}

/** Debian's broker on loopback, for sensors; undefined when it is not installed. */
export async function startMosquitto(): Promise<Mosquitto | undefined> {
  const program = findProgram('mosquitto');
  if (program === undefined) return undefined;
  const port = await findFreePort();
  // Without a configuration file it listens on loopback only and lets local clients in.
  const child = spawn(program, ['-p', String(port)], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await until('mosquitto to listen', () => canConnect(port), 10_000);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    stop: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

/** The most resident memory that a process ever had, in bytes, as the kernel counts it (proc(5), VmHWM). */
export function readPeakRss(pid: number): number {
  const kb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kb === undefined) throw new Error(`the kernel does not say how much memory process ${pid} has`);
  return Number(kb) * 1024;
}
