// Owns how a small file is replaced so that a power cut leaves the old or the new one, whole. Never knows its content.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

export function syncDir(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes beside, flushes, renames over, flushes the folder. Mode 0600. */
export function replaceFile(file: string, content: string | Uint8Array): void {
  const beside = `${file}.new`;
  const fd = openSync(beside, 'w', 0o600);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(beside, file);
  syncDir(path.dirname(file));
}

export function removeFile(file: string): void {
  rmSync(file, { force: true });
  syncDir(path.dirname(file));
}
