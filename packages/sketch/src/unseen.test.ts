import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Categories } from './categories.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { HASHES, SipHash, type SipKey } from './siphash.ts';
import { UNSEEN_KEPT, Unseen } from './unseen.ts';

const KEY: SipKey = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c];

/** Code units 0x0100, 0x0302, …: the bytes 0, 1, 2, … of the vectors. */
const counting = (bytes: number): string =>
  Array.from({ length: bytes / 2 }, (_, i) => String.fromCharCode(((2 * i + 1) << 8) | (2 * i))).join('');

describe('the hash of a text', () => {
  // Of the reference implementation, bytes in the order of its output; as of OpenSSL's SIPHASH with 8 bytes.
  it.each([
    [0, '310e0edd47db6f72'],
    [2, '5a4fa9d909806c0d'],
    [4, 'b7877127e09427cf'],
    [8, '6224939a79f5f593'],
  ])('is SipHash-2-4, its highest 52 bits: %i bytes', (bytes, hex) => {
    const full = Buffer.from(hex, 'hex').readBigUInt64LE();
    expect(BigInt(new SipHash(KEY).hash(counting(bytes)))).toBe(full >> 12n);
  });

  it('depends on the key and on every letter, and is below 2^52', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(3), (text, word) => {
        const other = KEY.with(word, 77) as unknown as SipKey;
        const hash = new SipHash(KEY).hash(text);
        expect(hash).toBeLessThan(HASHES);
        expect(new SipHash(other).hash(text)).not.toBe(hash);
        expect(new SipHash(KEY).hash(`${text}x`)).not.toBe(hash);
      }),
    );
  });
});

const countOf = (hashes: readonly number[]): Unseen => {
  const unseen = new Unseen();
  for (const hash of hashes) unseen.add(hash);
  return unseen;
};
const bytesOf = (unseen: Unseen): Uint8Array => {
  const writer = new ByteWriter();
  unseen.write(writer);
  return writer.finish();
};
const merged = (...parts: readonly Unseen[]): Unseen => {
  const sum = new Unseen();
  for (const part of parts) sum.merge(part);
  return sum;
};
/** Few and many different ones. */
const streams = fc.oneof(
  fc.array(
    fc.nat(9).map((n) => n * 1e14),
    { maxLength: 40 },
  ),
  fc.array(
    fc.integer({ min: 0, max: 150 }).map((n) => (n * 2654435761 * 977) % HASHES),
    { maxLength: 400 },
  ),
);

describe('unknown categories', () => {
  it('of parts together are those of all, to the bit and in any order, also with more than are kept', () => {
    fc.assert(
      fc.property(streams, streams, streams, (a, b, c) => {
        const all = bytesOf(countOf([...a, ...b, ...c]));
        const [x, y, z] = [countOf(a), countOf(b), countOf(c)];
        expect(bytesOf(merged(x, y, z))).toEqual(all);
        expect(bytesOf(merged(z, merged(y, x)))).toEqual(all);
        expect(bytesOf(merged(merged(x), merged(y, z)))).toEqual(all);
      }),
    );
  });

  it('have exact counts, whichever are kept', () => {
    fc.assert(
      fc.property(streams, (hashes) => {
        const unseen = countOf(hashes);
        for (const [hash, count] of unseen.kept) expect(count).toBe(hashes.filter((each) => each === hash).length);
        expect(unseen.kept.size).toBe(Math.min(UNSEEN_KEPT, new Set(hashes).size));
        if (new Set(hashes).size <= UNSEEN_KEPT) expect(unseen.distinct).toBe(new Set(hashes).size);
      }),
    );
  });

  it('can be taken back: what nothing was dropped from is as before', () => {
    fc.assert(
      fc.property(streams, streams, (a, b) => {
        fc.pre(new Set([...a, ...b]).size <= UNSEEN_KEPT);
        const sum = merged(countOf(a), countOf(b));
        sum.subtract(countOf(b));
        expect(bytesOf(sum)).toEqual(bytesOf(countOf(a)));
      }),
    );
  });

  it('are estimated without bias where there are many', () => {
    const hasher = new SipHash(KEY);
    const [rounds, different] = [300, 5000];
    let [sum, squares] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const { distinct } = countOf(Array.from({ length: different }, (_, n) => hasher.hash(`${round}/${n}`)));
      sum += distinct / different / rounds;
      squares += (distinct / different - 1) ** 2 / rounds;
    }
    // Standard error of one 1/√62 = 0.127, of the mean of 300 0.0073.
    expect(Math.abs(sum - 1)).toBeLessThan(4 * 0.0073);
    expect(Math.sqrt(squares)).toBeLessThan(0.16);
  });

  it('are the same after their bytes, and any bytes are read or refused', () => {
    fc.assert(
      fc.property(streams, fc.uint8Array({ maxLength: 40 }), (hashes, noise) => {
        const bytes = bytesOf(countOf(hashes));
        const back = new Unseen();
        const reader = new ByteReader(bytes);
        back.read(reader);
        expect([reader.failed, reader.atEnd]).toEqual([false, true]);
        expect(bytesOf(back)).toEqual(bytes);
        const odd = new Unseen();
        const noisy = new ByteReader(noise);
        odd.read(noisy);
        if (!noisy.failed) expect(odd.kept.size).toBeLessThanOrEqual(UNSEEN_KEPT);
      }),
    );
  });

  it('of a feature are those that its dictionary lacks', () => {
    const categories = new Categories(new Map([['day', 0]]), KEY);
    for (const value of ['day', 'dusk', undefined, 'dusk', 'dawn']) categories.add(value);
    expect([categories.other, categories.unseen.distinct, categories.unseen.most]).toEqual([3, 2, 2]);
  });
});
