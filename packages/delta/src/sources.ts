// Reads bytes by position from an open file or from memory. Never reads a whole file, never writes.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource } from '@drover/onnx/places';

export interface FileSource extends ByteSource {
  close(): void;
}

/** Opens a file for reading by position. Throws what the file system throws. */
export function openSource(file: string): FileSource {
  const fd = openSync(file, 'r');
  const { size } = fstatSync(fd);
  return {
    size,
    read(offset, length) {
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const n = readSync(fd, bytes, done, bytes.length - done, offset + done);
        if (n === 0) break;
        done += n;
      }
      return bytes.subarray(0, done);
    },
    close: () => closeSync(fd),
  };
}

export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, Math.min(bytes.length, offset + length)),
});
