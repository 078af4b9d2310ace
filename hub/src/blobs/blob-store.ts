// Owns what the hub needs of a place for bytes known by their SHA-256. Never says where they lie.
import type { Digest } from '@drover/core/ids';
import type { Result } from '@drover/core/reasons';

export interface StoredBlob {
  readonly sha256: Digest;
  readonly size: number;
}

export interface BlobStore {
  has(digest: Digest): Promise<boolean>;
  /** Undefined when the blob is not there. */
  size(digest: Digest): Promise<number | undefined>;
  /** Up to `length` bytes from `offset`, fewer at the end; undefined when the blob is not there. */
  read(digest: Digest, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Stores a stream of at most `limit` bytes, whole and synced, or nothing. Refused by `blob_too_large`, `blob_quota`, `disk_full`. */
  put(source: AsyncIterable<Uint8Array>, limit: number): Promise<Result<StoredBlob>>;
  /** Forgets a blob that nobody names any more; nothing when it is not there. */
  remove(digest: Digest): Promise<void>;
  /** Where the bytes of a blob lie on this machine, for programs that open a file themselves. */
  path(digest: Digest): string;
}
