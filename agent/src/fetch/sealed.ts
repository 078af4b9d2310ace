// Brings a confidential artifact: its ciphertext like any artifact, then its key, which opens it in memory once before it is
// kept. Never writes the plaintext, and never takes another way: there is none.
import { type Result, refuse } from '@drover/core/reasons';
import { sealedSize } from '@drover/trust/sealed/artifact';
import type { Source } from '@drover/wire/messages';
import type { BlobRef, BlobStore } from '../store/blobs.ts';

export type SealedSource = Extract<Source, { kind: 'sealed' }>;

export interface SealedDeps {
  readonly blobs: BlobStore;
  /** Brings the ciphertext. */
  readonly fetch: (ref: BlobRef, signal: AbortSignal) => Promise<Result<undefined>>;
}

export async function bringSealed(
  { blobs, fetch }: SealedDeps,
  ref: BlobRef,
  { digest, size, chunkList, encapsulated, wrappedKey }: SealedSource,
  signal: AbortSignal,
): Promise<Result<undefined>> {
  if (size !== sealedSize(ref.size))
    return refuse('sealed_malformed', `${ref.sha256.slice(0, 12)}… is offered with ${size} bytes.`);
  const fetched = await fetch({ sha256: digest, size, chunkList }, signal);
  if (!fetched.ok) return fetched;
  return blobs.keepSealed({
    sha256: ref.sha256,
    size: ref.size,
    sealed: digest,
    encapsulated: Buffer.from(encapsulated).toString('base64url'),
    wrappedKey: Buffer.from(wrappedKey).toString('base64url'),
  });
}
