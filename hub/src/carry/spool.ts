// Takes the bytes of one carried report: the signed index, then the files that it names. Checks each against the index and
// keeps them on the disk, so that nothing is applied before everything was seen. Never reads what a file means.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { CarriedFile, ReportIndex } from '@drover/trust/carrier/report';
import { SIGNED_PAYLOAD_BYTES } from '@drover/wire/limits';

const ENVELOPE_BYTES = SIGNED_PAYLOAD_BYTES + 4096;

/** Reads exact numbers of bytes from a stream of pieces. */
interface ByteReader {
  /** Undefined when the stream ends before. */
  take(count: number): Promise<Uint8Array | undefined>;
  isAtEnd(): Promise<boolean>;
  /** Lets go of the stream: who gave it may read what is left. */
  close(): Promise<void>;
}

function readBytes(source: AsyncIterable<Uint8Array>): ByteReader {
  const pieces = source[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array(0);
  return {
    async take(count) {
      const parts = [held];
      let size = held.length;
      while (size < count) {
        const next = await pieces.next();
        if (next.done) return undefined;
        parts.push(next.value);
        size += next.value.length;
      }
      const all = parts.length === 1 ? held : Buffer.concat(parts);
      held = all.subarray(count);
      return all.subarray(0, count);
    },
    async isAtEnd() {
      while (held.length === 0) {
        const next = await pieces.next();
        if (next.done) return true;
        held = next.value;
      }
      return false;
    },
    async close() {
      await pieces.return?.();
    },
  };
}

export interface SpooledReport {
  readonly index: ReportIndex;
  /** SHA-256 of the signed index. */
  readonly digest: string;
  /** The files in order; each is read from the disk when it is asked for. */
  files(): Generator<{ readonly file: CarriedFile; readonly bytes: Uint8Array }, void, undefined>;
  /** Removes what was kept. */
  drop(): void;
}

const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export interface SpoolDeps {
  /** A folder of the hub's own; emptied at its start. */
  readonly folder: string;
  readonly newId: () => string;
  /** Who wrote the index, and what it says: nothing else of the body is read before. */
  readonly believe: (envelope: Uint8Array) => Result<{ readonly index: ReportIndex; readonly digest: string }>;
}

/** What an earlier process left is worth nothing: it was not acknowledged. */
export function emptySpool(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** `body`: four bytes with the length of the envelope, most significant first, the envelope, then the files as they are. */
export async function spoolReport(body: AsyncIterable<Uint8Array>, deps: SpoolDeps): Promise<Result<SpooledReport>> {
  const reader = readBytes(body);
  try {
    return await spoolFrom(reader, deps);
  } finally {
    await reader.close();
  }
}

async function spoolFrom(reader: ByteReader, deps: SpoolDeps): Promise<Result<SpooledReport>> {
  const head = await reader.take(4);
  const length = head && Buffer.from(head).readUInt32BE();
  if (length === undefined || length > ENVELOPE_BYTES)
    return refuse('report_invalid', 'It does not begin with an index of a size that one has.');
  const envelope = await reader.take(length);
  if (!envelope) return refuse('carrier_torn', 'It ends within its index.');
  const believed = deps.believe(envelope);
  if (!believed.ok) return believed;
  const { index, digest } = believed.value;
  const spool = path.join(deps.folder, deps.newId());
  const fd = openSync(spool, 'wx+', 0o600);
  const drop = (): void => {
    closeSync(fd);
    rmSync(spool, { force: true });
  };
  let isKept = false;
  try {
    const kept = await keepFiles(reader, index.files, fd);
    if (!kept.ok) return kept;
    isKept = true;
    return accept({ index, digest, drop, files: () => listFiles(fd, index.files) });
  } finally {
    if (!isKept) drop();
  }
}

async function keepFiles(reader: ByteReader, files: readonly CarriedFile[], fd: number): Promise<Result<undefined>> {
  for (const { name, size, sha256 } of files) {
    const bytes = await reader.take(size);
    if (!bytes) return refuse('carrier_torn', `"${name}" is missing or cut short.`);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256)
      return refuse('carrier_altered', `"${name}" has other bytes than its index says.`);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (FULL.has(code)) return refuse('disk_full', `${message}.`);
      throw error;
    }
  }
  return (await reader.isAtEnd()) ? accept(undefined) : refuse('report_invalid', 'There is more than its index names.');
}

function* listFiles(
  fd: number,
  files: readonly CarriedFile[],
): Generator<{ file: CarriedFile; bytes: Uint8Array }, void, undefined> {
  if (fstatSync(fd).size !== files.reduce((sum, { size }) => sum + size, 0))
    throw new Error('the spooled report has another size than what was written');
  let at = 0;
  for (const file of files) {
    const bytes = Buffer.allocUnsafe(file.size);
    for (let done = 0; done < file.size; ) {
      const n = readSync(fd, bytes, done, file.size - done, at + done);
      if (n === 0) throw new Error('the spooled report ends early');
      done += n;
    }
    at += file.size;
    yield { file, bytes };
  }
}
