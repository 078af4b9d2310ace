// Reads an array of numbers from the bytes of a .npy file. Never writes one. Untrusted input, bounded by its own length.
// Form: NumPy Enhancement Proposal 1, versions 1.0 to 3.0.
import { accept, type Result, refuse } from '@drover/core/reasons';

export type NumberArray =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array; // biome-ignore format: one union

export interface NpyArray {
  /** Row by row (C order). */
  readonly shape: readonly number[];
  /** As many as the product of the shape. */
  readonly values: NumberArray;
}

const MAGIC = '\x93NUMPY';
const MAX_HEADER = 64 * 1024;
const MAX_RANK = 8;

const TYPES = {
  f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array,
} as const; // biome-ignore format: one table

const bad = (detail: string) => refuse('data_unreadable', `Not a .npy file that can be taken: ${detail}.`);

/** Refuses what is no array of little-endian numbers of at most 64 bits in C order; 64-bit whole numbers are none of them. */
export function parseNpy(bytes: Uint8Array): Result<NpyArray> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== MAGIC) return bad('no magic');
  const version = bytes[6] as number;
  if (version < 1 || version > 3) return bad(`version ${version}`);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER || start + length > bytes.length) return bad('the header is cut short');
  const header = Buffer.from(bytes.subarray(start, start + length)).toString('latin1');
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || dims === undefined)
    return bad('the header does not say what it holds');
  if (order === 'True') return bad('it is in Fortran order; save np.ascontiguousarray(a)');
  const type = TYPES[/^[<|=](\w\d)$/.exec(descr)?.[1] as keyof typeof TYPES];
  if (type === undefined)
    return bad(`its type is ${descr.slice(0, 40)}; save it as float32 or another number of up to 32 bits`);
  const shape = dims.split(',').flatMap((dim) => (dim.trim() === '' ? [] : [Number(dim)]));
  if (shape.length > MAX_RANK) return bad(`${shape.length} dimensions`);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const rest = bytes.length - start - length;
  if (count * type.BYTES_PER_ELEMENT !== rest) return bad(`${rest} bytes for [${shape.join(', ')}] of ${descr}`);
  // The values need not be aligned in the file.
  return accept({ shape, values: new type(new Uint8Array(bytes.subarray(start + length)).buffer) });
}
