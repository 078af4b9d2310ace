// The process that makes one recipe: it may take memory and time that the hub has not, and ends by itself when it takes too
// much or the hub is gone. Reads one MakeRequest on standard input, writes one MakeAnswer on standard output.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import os from 'node:os';
import { accept, type Result } from '@drover/core/reasons';
import { type Made, type MakeInput, makeRecipe } from '@drover/delta/make';
import { NO_BYTES } from '@drover/delta/recipe';
import { bytesSource, openSource } from '@drover/delta/sources';
import type { MakeAnswer, MakeRequest } from './make-request.ts';

/** Devices that are connected come first. */
const NICE = 10;

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function makeInto(out: string, input: Omit<MakeInput, 'write'>): Result<Made> {
  const fd = openSync(out, 'wx', 0o600);
  try {
    const made = makeRecipe({
      ...input,
      write(bytes) {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      },
    });
    if (made.ok) fsyncSync(fd);
    return made;
  } finally {
    closeSync(fd);
  }
}

function work(request: MakeRequest, parent: number): MakeAnswer {
  const { pair, out, packOut, timeMs, memoryBytes } = request;
  const endAt = performance.now() + timeMs;
  const goOn = (): boolean =>
    process.ppid === parent && performance.now() < endAt && process.memoryUsage.rss() < memoryBytes;
  const none = bytesSource(new Uint8Array(0));
  const target = openSource(request.target);
  const base = request.base === undefined ? undefined : openSource(request.base);
  try {
    const made = makeInto(out, { base: base ?? none, target, pair, goOn });
    if (!made.ok || packOut === undefined) return made.ok ? accept({ made: made.value }) : made;
    const alone = { ...pair, base: NO_BYTES, baseSize: 0 };
    const packed = makeInto(packOut, { base: none, target, pair: alone, goOn });
    return packed.ok ? accept({ made: made.value, packed: packed.value }) : packed;
  } finally {
    target.close();
    base?.close();
  }
}

const parent = process.ppid;
os.setPriority(NICE);
const answer = work(JSON.parse(await readInput()) as MakeRequest, parent);
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
