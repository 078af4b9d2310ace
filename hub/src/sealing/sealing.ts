// Makes the one ciphertext of a confidential artifact and gives its key to devices, wrapped for each. Never gives a plaintext,
// and never decides which models are confidential.
import { randomBytes } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { BlobRef } from '@drover/trust/documents';
import {
  CONTENT_KEY_BYTES,
  countSealedChunks,
  makeSealer,
  PLAIN_CHUNK_BYTES,
  sealedSize,
  wrapKey,
} from '@drover/trust/sealed/artifact';
import { openGcm, sealGcm } from '@drover/trust/sealed/hpke';
import type { Capabilities, Source } from '@drover/wire/messages';
import type { BlobStore } from '../blobs/blob-store.ts';
import { storeChunkList } from '../blobs/chunk-lists.ts';
import { readDevice } from '../db/devices.ts';
import { isConfidential, readSealed, type SealedRow, storeSealed } from '../db/sealed.ts';
import type { Store } from '../db/store.ts';

export type SealedSource = Extract<Source, { kind: 'sealed' }>;

export interface SealingDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  /** 32 bytes that wrap every content key in the database. */
  readonly hubKey: Uint8Array;
  readonly now: () => number;
}

export interface Sealing {
  isConfidential(model: string): Promise<boolean>;
  /** The ciphertext of `blob` and its key for `device`. Refused when the device named no key, or the hub cannot seal. */
  offer(device: string, blob: BlobRef): Promise<Result<SealedSource>>;
}

const NONCE_BYTES = 12;
const PURPOSE = Buffer.from('drover content key');
const contextOf = (plain: string): Buffer => Buffer.concat([PURPOSE, Buffer.from(plain, 'hex')]);

export function openSealing({ store, blobs, hubKey, now }: SealingDeps): Sealing {
  /** One at a time for each artifact: two ciphertexts of one artifact would be one too many. */
  const making = new Map<string, Promise<Result<SealedRow>>>();

  function hide(key: Uint8Array, plain: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    return Buffer.concat([nonce, sealGcm(hubKey, nonce, contextOf(plain), key)]);
  }

  function reveal({ plain, wrappedKey }: SealedRow): Result<Uint8Array> {
    const bytes = Buffer.from(wrappedKey);
    const key = openGcm(hubKey, bytes.subarray(0, NONCE_BYTES), contextOf(plain), bytes.subarray(NONCE_BYTES));
    return key
      ? accept(key)
      : refuse('key_invalid', 'The key of the hub for sealed artifacts is not the one they were made with.');
  }

  async function* cipherOf({ sha256, size }: BlobRef, key: Uint8Array): AsyncGenerator<Uint8Array> {
    const sealer = makeSealer(key, { digest: sha256, size });
    yield sealer.header;
    for (let index = 0; index < countSealedChunks(size); index += 1) {
      const plain = await blobs.read(sha256, index * PLAIN_CHUNK_BYTES, PLAIN_CHUNK_BYTES);
      // A shorter blob gives a stream of another size, which is refused below.
      yield sealer.seal(index, plain ?? new Uint8Array(0));
    }
  }

  async function seal(ref: BlobRef, lost: string | undefined): Promise<Result<SealedRow>> {
    if ((await blobs.size(ref.sha256)) !== ref.size)
      return refuse('artifact_unknown', `Blob ${ref.sha256} is not in the store.`);
    const key = randomBytes(CONTENT_KEY_BYTES);
    const size = sealedSize(ref.size);
    const put = await blobs.put(cipherOf(ref, key), size);
    if (!put.ok) return put;
    if (put.value.size !== size)
      return refuse('artifact_size_mismatch', `Blob ${ref.sha256} changed while it was sealed.`);
    const list = await storeChunkList(blobs, put.value.sha256, size);
    if (!list.ok) return list;
    const row: SealedRow = {
      plain: ref.sha256, sealed: put.value.sha256, size, chunkList: list.value ?? null, wrappedKey: hide(key, ref.sha256), createdAt: now(),
    }; // biome-ignore format: one record
    await store.commit([storeSealed(row, lost)]);
    const kept = (await readSealed(store, ref.sha256)) ?? row;
    // Somebody else was faster: nothing names this one, and nothing ever would.
    if (kept.sealed !== row.sealed) await blobs.remove(row.sealed);
    return accept(kept);
  }

  async function ensureSealed(ref: BlobRef): Promise<Result<SealedRow>> {
    const held = await readSealed(store, ref.sha256);
    return held && (await blobs.has(held.sealed)) ? accept(held) : seal(ref, held?.sealed);
  }

  function sealedOf(ref: BlobRef): Promise<Result<SealedRow>> {
    const running = making.get(ref.sha256) ?? ensureSealed(ref).finally(() => making.delete(ref.sha256));
    making.set(ref.sha256, running);
    return running;
  }

  async function publicKeyOf(device: string): Promise<Result<Uint8Array>> {
    const row = await readDevice(store, device);
    const { sealingKey } = (JSON.parse(row?.capabilitiesJson ?? '{}') ?? {}) as Partial<Capabilities>;
    if (sealingKey === undefined) return refuse('sealed_key_invalid', `Device "${device}" names none.`);
    return accept(Buffer.from(sealingKey, 'base64url'));
  }

  return {
    isConfidential: (model) => isConfidential(store, model),
    async offer(device, blob) {
      const publicKey = await publicKeyOf(device);
      if (!publicKey.ok) return publicKey;
      const row = await sealedOf(blob);
      if (!row.ok) return row;
      const key = reveal(row.value);
      if (!key.ok) return key;
      const wrapped = wrapKey(key.value, publicKey.value, { device, digest: blob.sha256 });
      if (!wrapped.ok) return wrapped;
      const { sealed, size, chunkList } = row.value;
      return accept({
        kind: 'sealed',
        digest: sealed,
        size,
        ...(chunkList !== null && { chunkList }),
        encapsulated: wrapped.value.encapsulated,
        wrappedKey: wrapped.value.ciphertext,
      });
    },
  };
}
