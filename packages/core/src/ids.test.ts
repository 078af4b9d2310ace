import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isId, makeId, parseDeviceId, parseDigest } from './ids.ts';

const random = fc.uint8Array({ minLength: 10, maxLength: 10 });
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('makeId', () => {
  it('is a UUIDv7: version 7, variant 10, the time in the first 48 bits', () => {
    fc.assert(
      fc.property(time, random, (now, bytes) => {
        const id = makeId(now, bytes);
        expect(isId(id)).toBe(true);
        expect(id[12]).toBe('7');
        expect('89ab').toContain(id[16]);
        expect(Number.parseInt(id.slice(0, 12), 16)).toBe(now);
      }),
    );
  });

  it('sorts by time', () => {
    fc.assert(
      fc.property(time, time, random, random, (a, b, x, y) => {
        fc.pre(a !== b);
        expect(makeId(a, x) < makeId(b, y)).toBe(a < b);
      }),
    );
  });
});

describe('parse', () => {
  it('takes allowed device ids and says what is wrong with others', () => {
    expect(parseDeviceId('press-7_a')).toEqual({ ok: true, value: 'press-7_a' });
    for (const bad of ['', 'Press', '-a', 'a/b', 'a'.repeat(64), 'ä', '#', '+']) {
      expect(parseDeviceId(bad)).toMatchObject({ ok: false, code: 'device_id_invalid' });
    }
  });

  it('takes a digest with and without its prefix', () => {
    const hex = '0a'.repeat(32);
    expect(parseDigest(`sha256:${hex}`)).toEqual({ ok: true, value: hex });
    expect(parseDigest(hex)).toEqual({ ok: true, value: hex });
    expect(parseDigest(hex.toUpperCase().replace('0A', '0G'))).toMatchObject({ ok: false, code: 'digest_invalid' });
  });
});
