import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countSealedChunks, HEADER_BYTES, makeSealer, makeUnsealer, PLAIN_CHUNK_BYTES, placeOfChunk, sealedSize, unwrapKey, wrapKey,
} from './artifact.ts'; // biome-ignore format: one list
import { makeSealingKey, openWith, rawPublicKey, sealingKeyFrom, sealTo } from './hpke.ts';

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const tight = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

describe('HPKE', () => {
  const key = makeSealingKey();
  const text = { info: Buffer.from('info'), aad: Buffer.from('for whom') };

  it('opens what an independent implementation seals, and is opened by it, for any message', async () => {
    const raw = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
    const theirs = await suite.kem.importKey('raw', tight(raw), false);
    const publicKey = await suite.kem.importKey('raw', tight(rawPublicKey(key)), true);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 50 }), async (message, aad) => {
        const info = Buffer.from('info');
        const sender = await suite.createSenderContext({ recipientPublicKey: publicKey, info: tight(info) });
        const ciphertext = new Uint8Array(await sender.seal(tight(message), tight(aad)));
        const opened = openWith(key, { encapsulated: new Uint8Array(sender.enc), ciphertext }, { info, aad });
        expect(opened?.equals(message)).toBe(true);
        const ours = sealTo(rawPublicKey(key), message, { info, aad });
        if (!ours) throw new Error('the key is one');
        const recipient = await suite.createRecipientContext({
          recipientKey: theirs,
          enc: tight(ours.encapsulated),
          info: tight(info),
        });
        expect(Buffer.from(await recipient.open(tight(ours.ciphertext), tight(aad))).equals(message)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('opens nothing with another key, another purpose, or a changed byte, and never throws', () => {
    const message = sealTo(rawPublicKey(key), Buffer.from('secret'), text);
    if (!message) throw new Error('the key is one');
    expect(openWith(key, message, text)?.toString()).toBe('secret');
    expect(openWith(makeSealingKey(), message, text)).toBeUndefined();
    expect(openWith(key, message, { ...text, aad: Buffer.from('for another') })).toBeUndefined();
    expect(openWith(key, message, { ...text, info: Buffer.from('other') })).toBeUndefined();
    fc.assert(
      fc.property(
        fc.constantFrom('encapsulated', 'ciphertext'),
        fc.nat(31),
        fc.integer({ min: 1, max: 255 }),
        (part, at, by) => {
          const bytes = new Uint8Array(message[part as 'encapsulated' | 'ciphertext']);
          const place = at % bytes.length;
          bytes[place] = (bytes[place] ?? 0) ^ by;
          // The top bit of an X25519 key means nothing (RFC 7748 §5), but it is part of what the key is derived from.
          expect(openWith(key, { ...message, [part]: bytes }, text)).toBeUndefined();
        },
      ),
    );
    for (const length of [0, 1, 15, 31, 33])
      expect(
        openWith(key, { encapsulated: new Uint8Array(length), ciphertext: new Uint8Array(length) }, text),
      ).toBeUndefined();
  });

  it('seals to no key that protects nothing', () => {
    expect(sealTo(new Uint8Array(32), Buffer.from('secret'), text)).toBeUndefined();
    expect(sealTo(new Uint8Array(31), Buffer.from('secret'), text)).toBeUndefined();
  });

  it('keeps its key as PKCS#8 and takes no other', () => {
    const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
    const again = sealingKeyFrom(pem);
    expect(again && rawPublicKey(again).equals(rawPublicKey(key))).toBe(true);
    expect(sealingKeyFrom('nothing')).toBeUndefined();
    expect(createPublicKey(key).asymmetricKeyType).toBe('x25519');
  });
});

describe('a sealed artifact', () => {
  const key = randomBytes(32);

  function sealAll(plain: Uint8Array) {
    const artifact = { digest: createHash('sha256').update(plain).digest('hex'), size: plain.length };
    const sealer = makeSealer(key, artifact);
    const chunks = Array.from({ length: countSealedChunks(plain.length) }, (_, index) =>
      sealer.seal(index, plain.subarray(index * PLAIN_CHUNK_BYTES, (index + 1) * PLAIN_CHUNK_BYTES)),
    );
    return { artifact, sealed: Buffer.concat([sealer.header, ...chunks]) };
  }

  function openAll(sealed: Uint8Array, artifact: { digest: string; size: number }, by = key): Buffer | undefined {
    const unsealer = makeUnsealer(by, artifact, sealed.subarray(0, HEADER_BYTES));
    if (!unsealer.ok) return undefined;
    const parts: Uint8Array[] = [];
    for (let index = 0; index < unsealer.value.chunks; index += 1) {
      const { offset, length } = placeOfChunk(artifact.size, index);
      const plain = unsealer.value.open(index, sealed.subarray(offset, offset + length));
      if (!plain) return undefined;
      parts.push(plain);
    }
    return Buffer.concat(parts);
  }

  const plain = randomBytes(2 * PLAIN_CHUNK_BYTES + 1000);
  const { artifact, sealed } = sealAll(plain);

  it('is opened again, whatever its size', () => {
    expect(openAll(sealed, artifact)?.equals(plain)).toBe(true);
    for (const size of [0, 1, PLAIN_CHUNK_BYTES - 1, PLAIN_CHUNK_BYTES, PLAIN_CHUNK_BYTES + 1]) {
      const some = randomBytes(size);
      const made = sealAll(some);
      expect(made.sealed.length).toBe(sealedSize(size));
      expect(openAll(made.sealed, made.artifact)?.equals(some)).toBe(true);
    }
  });

  it('is not opened with another key, as another artifact, cut short, or with its chunks in another order', () => {
    expect(openAll(sealed, artifact, randomBytes(32))).toBeUndefined();
    expect(openAll(sealed, { ...artifact, digest: '0'.repeat(64) })).toBeUndefined();
    // As if the artifact ended after its first two chunks: the header says so too.
    const short = Buffer.from(sealed.subarray(0, sealedSize(2 * PLAIN_CHUNK_BYTES)));
    short.writeBigUInt64BE(BigInt(2 * PLAIN_CHUNK_BYTES), 16);
    expect(openAll(short, { ...artifact, size: 2 * PLAIN_CHUNK_BYTES })).toBeUndefined();
    const swapped = Buffer.from(sealed);
    const [first, second] = [placeOfChunk(plain.length, 0), placeOfChunk(plain.length, 1)];
    sealed.copy(swapped, first.offset, second.offset, second.offset + second.length);
    sealed.copy(swapped, second.offset, first.offset, first.offset + first.length);
    expect(openAll(swapped, artifact)).toBeUndefined();
  });

  it('shows every changed byte', () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ by;
        expect(openAll(changed, artifact)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it('gives its key to one device only', () => {
    const device = makeSealingKey();
    const wrapped = wrapKey(key, rawPublicKey(device), { device: 'd1', digest: artifact.digest });
    if (!wrapped.ok) throw new Error(wrapped.detail);
    expect(wrapped.value.encapsulated.length + wrapped.value.ciphertext.length).toBe(80);
    const own = { device: 'd1', digest: artifact.digest };
    expect(unwrapKey(device, wrapped.value, own)).toMatchObject({ ok: true, value: key });
    for (const wrong of [
      { ...own, device: 'd2' },
      { ...own, digest: '1'.repeat(64) },
    ])
      expect(unwrapKey(device, wrapped.value, wrong)).toMatchObject({ ok: false, code: 'sealed_key_refused' });
    expect(unwrapKey(makeSealingKey(), wrapped.value, own)).toMatchObject({ ok: false, code: 'sealed_key_refused' });
    expect(wrapKey(key, new Uint8Array(32), own)).toMatchObject({ ok: false, code: 'sealed_key_invalid' });
  });
});
