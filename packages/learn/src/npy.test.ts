import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNpy } from './npy.ts';

function npy(descr: string, shape: string, values: Uint8Array, version = 1, order = 'False'): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const head = Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\x00`, 'latin1');
  const body = Buffer.from(`${text.padEnd(117)}\n`, 'latin1');
  const size = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) size.writeUInt16LE(body.length);
  else size.writeUInt32LE(body.length);
  return Buffer.concat([head, size, body, values]);
}
const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

describe('a .npy file', () => {
  it.each([1, 2, 3])('of version %i is read row by row', (version) => {
    const values = Float32Array.of(1, 2.5, -3, 4, 5, 6);
    const read = parseNpy(npy('<f4', '(2, 3)', bytesOf(values), version));
    expect(read).toMatchObject({ ok: true, value: { shape: [2, 3], values } });
  });

  it('has one row of nothing, one dimension or bytes of pixels', () => {
    expect(parseNpy(npy('|u1', '(4,)', Uint8Array.of(0, 1, 254, 255)))).toMatchObject({
      ok: true,
      value: { shape: [4], values: Uint8Array.of(0, 1, 254, 255) },
    });
    expect(parseNpy(npy('<f8', '(0, 3)', new Uint8Array(0)))).toMatchObject({ ok: true, value: { shape: [0, 3] } });
  });

  it.each([
    ['in Fortran order', npy('<f4', '(1,)', new Uint8Array(4), 1, 'True'), /Fortran/],
    ['of whole numbers of 64 bits', npy('<i8', '(1,)', new Uint8Array(8)), /<i8/],
    ['of the other byte order', npy('>f4', '(1,)', new Uint8Array(4)), />f4/],
    ['of objects', npy('|O', '(1,)', new Uint8Array(8)), /\|O/],
    ['with fewer bytes than it says', npy('<f4', '(2,)', new Uint8Array(4)), /4 bytes/],
    ['with a shape that overflows', npy('<f4', '(99999999999, 99999999999, 99999999999)', new Uint8Array(4)), /bytes/],
    ['of a later version', npy('<f4', '(1,)', new Uint8Array(4), 9), /version 9/],
    ['cut short', npy('<f4', '(1,)', new Uint8Array(4)).subarray(0, 40), /cut short/],
    ['that is none', new TextEncoder().encode('a,b\n1,2\n3,4\n'), /magic/],
  ])('%s is refused', (_, bytes, why) => {
    expect(parseNpy(bytes)).toMatchObject({ ok: false, code: 'data_unreadable', detail: expect.stringMatching(why) });
  });

  it('damaged in any way is read or refused, never thrown on', () => {
    const good = npy('<f4', '(2, 2)', bytesOf(Float32Array.of(1, 2, 3, 4)));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(good.length),
        (flips, end) => {
          const bytes = Uint8Array.from(good).subarray(0, end);
          for (const [at, value] of flips) if (at < end) bytes[at] = value;
          const read = parseNpy(bytes);
          if (read.ok)
            expect(read.value.values).toHaveLength(read.value.shape.reduce((product, dim) => product * dim, 1));
        },
      ),
    );
  });
});
