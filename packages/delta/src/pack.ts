// Packs and unpacks one piece with Zstandard, within bounds. Never decides whether packing is worth it.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { WINDOW_LOG } from './recipe.ts';

const logOf = (bytes: number): number => Math.max(10, Math.min(WINDOW_LOG, Math.ceil(Math.log2(Math.max(2, bytes)))));

/** `level`: 1 to 19. Without the window and tables named, zstd would not see a dictionary of more than a few hundred KiB. */
export function pack(bytes: Uint8Array, level: number, dictionary?: Uint8Array): Uint8Array {
  const reach = logOf(bytes.length + (dictionary?.length ?? 0));
  const params: Record<number, number> = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_windowLog]: reach,
    // Every payload is under the digest of the whole target.
    [constants.ZSTD_c_checksumFlag]: 0,
  };
  if (dictionary !== undefined && level < 16) {
    params[constants.ZSTD_c_hashLog] = reach;
    params[constants.ZSTD_c_chainLog] = reach;
  }
  return zstdCompressSync(bytes, dictionary === undefined ? { params } : { params, dictionary });
}

/** At most `most` bytes; undefined when the bytes are no frame, need a larger window, or hold more. */
export function unpack(bytes: Uint8Array, most: number, dictionary?: Uint8Array): Uint8Array | undefined {
  const params = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG };
  const maxOutputLength = Math.max(1, most);
  const chunkSize = Math.max(64, Math.min(most, 1024 * 1024));
  const options = { params, maxOutputLength, chunkSize };
  try {
    const found = zstdDecompressSync(bytes, dictionary === undefined ? options : { ...options, dictionary });
    return found.length <= most ? found : undefined;
  } catch {
    // zstd says no in many ways; for a recipe they are one: these are not the bytes that were made.
    return undefined;
  }
}
