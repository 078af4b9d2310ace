// Keeps blobs as files named by their SHA-256: written aside, synced, renamed. Never overwrites or changes one.
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, isDigest } from '@drover/core/ids';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { BlobStore, StoredBlob } from './blob-store.ts';

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A full disk is an expected outcome; any other failure of the disk is not. */
function refuseIfFull(error: unknown): Refusal {
  const { code, message } = error as NodeJS.ErrnoException;
  if (FULL.has(code)) return refuse('disk_full', `${message}.`);
  throw error;
}

/** Syncs a folder, so that a rename in it survives a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

class FolderStore implements BlobStore {
  readonly #folder: string;
  readonly #incoming: string;
  readonly #quotaBytes: number;
  /** Stored bytes plus those being written. */
  #usedBytes: number;

  constructor(folder: string, incoming: string, quotaBytes: number, usedBytes: number) {
    this.#folder = folder;
    this.#incoming = incoming;
    this.#quotaBytes = quotaBytes;
    this.#usedBytes = usedBytes;
  }

  path(digest: Digest): string {
    // A path is made of a checked digest only: nothing that a caller sends can leave the folder.
    if (!isDigest(digest)) throw new Error('a blob is named by a SHA-256 in lower-case hex');
    return path.join(this.#folder, digest.slice(0, 2), digest);
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.path(digest))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async read(digest: Digest, offset: number, length: number): Promise<Uint8Array | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.path(digest), 'r');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      const { size } = await file.stat();
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    } finally {
      await file.close();
    }
  }

  async put(source: AsyncIterable<Uint8Array>, limit: number): Promise<Result<StoredBlob>> {
    const aside = path.join(this.#incoming, randomBytes(12).toString('hex'));
    let file: FileHandle;
    try {
      file = await open(aside, 'wx', 0o600);
    } catch (error) {
      return refuseIfFull(error);
    }
    let size = 0;
    let isStored = false;
    try {
      const hash = createHash('sha256');
      for await (const chunk of source) {
        size += chunk.length;
        this.#usedBytes += chunk.length;
        if (size > limit) return refuse('blob_too_large', `It has more than ${limit} bytes.`);
        if (this.#usedBytes > this.#quotaBytes) return refuse('blob_quota', `The quota is ${this.#quotaBytes} bytes.`);
        hash.update(chunk);
        await file.appendFile(chunk);
      }
      await file.sync();
      const sha256 = hash.digest('hex');
      if ((await this.size(sha256)) === undefined) {
        const target = this.path(sha256);
        await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
        await rename(aside, target);
        await syncFolder(path.dirname(target));
        await syncFolder(this.#folder);
        isStored = true;
      }
      return accept({ sha256, size });
    } catch (error) {
      return refuseIfFull(error);
    } finally {
      await file.close();
      if (!isStored) {
        this.#usedBytes -= size;
        await rm(aside, { force: true });
      }
    }
  }

  async remove(digest: Digest): Promise<void> {
    const size = await this.size(digest);
    if (size === undefined) return;
    await rm(this.path(digest), { force: true });
    this.#usedBytes -= size;
  }
}

async function sumBytes(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (entry) => (await stat(path.join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Opens `<data>/blobs`: blobs lie in `sha256/ab/<digest>`, half-written ones in `incoming`, which is emptied here because
 * what it holds was never promised to anyone.
 */
export async function openFolderStore(root: string, quotaBytes: number): Promise<BlobStore> {
  const folder = path.join(root, 'sha256');
  const incoming = path.join(root, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  return new FolderStore(folder, incoming, quotaBytes, await sumBytes(folder));
}
