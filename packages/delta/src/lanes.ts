// Turns values into bytes that pack well, and back: differences of ordered integers, or XOR, cut in byte planes. Never packs.
//
// A float's bits, with the sign folded, are integers in the order of the values: what changes little differs by a small
// integer. The difference is kept as sign and magnitude (a sign that is spread over the upper bytes would cost a bit in
// each), the planes from the lowest byte to the highest. How large a difference is in units of the last place depends on
// the exponent of the old value, which both sides know: GROUPED orders the values by it, so that each block of a plane holds
// values of one scale. SPARSE keeps one bit for each value that says whether it changed, and only those that did.
import type { DType } from '@drover/onnx/dtype';
import { GROUPED, SPARSE, XOR } from './recipe.ts';

export interface Lane {
  /** In the recipe. */
  readonly code: number;
  readonly width: 1 | 2 | 4 | 8;
  readonly isFloat: boolean;
}

const LANES = [
  { code: 1, width: 1, isFloat: false },
  { code: 2, width: 2, isFloat: false },
  { code: 3, width: 4, isFloat: false },
  { code: 4, width: 8, isFloat: false },
  { code: 5, width: 2, isFloat: true },
  { code: 6, width: 2, isFloat: true },
  { code: 7, width: 4, isFloat: true },
  { code: 8, width: 8, isFloat: true },
] as const satisfies readonly Lane[];

const BY_CODE: ReadonlyMap<number, Lane> = new Map(LANES.map((lane) => [lane.code, lane]));
export const laneOf = (code: number): Lane | undefined => BY_CODE.get(code);
export const BYTES: Lane = LANES[0];

const CODES: Partial<Record<DType, number>> = {
  uint16: 2,
  int16: 2,
  uint32: 3,
  int32: 3,
  uint64: 4,
  int64: 4,
  float16: 5,
  bfloat16: 6,
  float32: 7,
  complex64: 7,
  float64: 8,
  complex128: 8,
};
/** Types that are not named are taken byte by byte. */
export const laneOfType = (dtype: DType): Lane => laneOf(CODES[dtype] ?? 1) ?? BYTES;

/** Raw bits: the low 32 in `lo`, the others in `hi`. */
interface Bits {
  readonly lo: Uint32Array;
  readonly hi: Uint32Array;
}

const NONE = new Uint32Array(0);

function load(bytes: Uint8Array, { width }: Lane): Bits {
  const count = bytes.length / width;
  const lo = new Uint32Array(count);
  if (width === 1) {
    lo.set(bytes);
    return { lo, hi: NONE };
  }
  // A slice of a file need not be aligned, and a Buffer's own `slice` would not copy.
  const { buffer } = new Uint8Array(bytes);
  if (width === 2) lo.set(new Uint16Array(buffer, 0, count));
  else if (width === 4) lo.set(new Uint32Array(buffer, 0, count));
  else {
    const words = new Uint32Array(buffer, 0, count * 2);
    const hi = new Uint32Array(count);
    for (let i = 0; i < count; i += 1) {
      lo[i] = words[2 * i] ?? 0;
      hi[i] = words[2 * i + 1] ?? 0;
    }
    return { lo, hi };
  }
  return { lo, hi: NONE };
}

function store({ lo, hi }: Bits, { width }: Lane): Uint8Array {
  if (width === 1) return Uint8Array.from(lo);
  if (width === 2) return new Uint8Array(Uint16Array.from(lo).buffer);
  if (width === 4) return new Uint8Array(lo.buffer, lo.byteOffset, lo.byteLength);
  const words = new Uint32Array(lo.length * 2);
  for (let i = 0; i < lo.length; i += 1) {
    words[2 * i] = lo[i] ?? 0;
    words[2 * i + 1] = hi[i] ?? 0;
  }
  return new Uint8Array(words.buffer);
}

/** Float bits to integers in the order of the values; its own inverse is `unorder`. */
function order({ lo, hi }: Bits, { width, isFloat }: Lane): void {
  if (!isFloat) return;
  if (width === 8) {
    for (let i = 0; i < hi.length; i += 1) {
      const top = hi[i] ?? 0;
      if (top >>> 31 === 1) {
        hi[i] = ~top;
        lo[i] = ~(lo[i] ?? 0);
      } else hi[i] = top | 0x8000_0000;
    }
    return;
  }
  const sign = width === 4 ? 0x8000_0000 : 0x8000;
  const all = width === 4 ? 0xffff_ffff : 0xffff;
  for (let i = 0; i < lo.length; i += 1) {
    const bits = lo[i] ?? 0;
    lo[i] = (bits & sign) !== 0 ? bits ^ all : bits | sign;
  }
}

function unorder({ lo, hi }: Bits, { width, isFloat }: Lane): void {
  if (!isFloat) return;
  if (width === 8) {
    for (let i = 0; i < hi.length; i += 1) {
      const top = hi[i] ?? 0;
      if (top >>> 31 === 0) {
        hi[i] = ~top;
        lo[i] = ~(lo[i] ?? 0);
      } else hi[i] = top & 0x7fff_ffff;
    }
    return;
  }
  const sign = width === 4 ? 0x8000_0000 : 0x8000;
  const all = width === 4 ? 0xffff_ffff : 0xffff;
  for (let i = 0; i < lo.length; i += 1) {
    const bits = lo[i] ?? 0;
    lo[i] = (bits & sign) === 0 ? bits ^ all : bits ^ sign;
  }
}

/** Says how large a change of this value is likely to be, from its raw bits. At most 2,048 kinds. */
function scaleOf({ lo, hi }: Bits, { code }: Lane, i: number): number {
  const bits = lo[i] ?? 0;
  switch (code) {
    case 1:
      return bits;
    case 2:
      return bits >>> 8;
    case 5:
      return (bits >>> 10) & 31;
    case 6:
      return (bits >>> 7) & 255;
    case 7:
      return (bits >>> 23) & 255;
    case 8:
      return ((hi[i] ?? 0) >>> 20) & 2047;
    default:
      return 0;
  }
}

export const canGroup = ({ code }: Lane): boolean => code !== 3 && code !== 4;

/** `picked` in the order of the scale of their old value; values of one scale keep their order. */
function group(base: Bits, lane: Lane, picked: Uint32Array): Uint32Array {
  const starts = new Uint32Array(2049);
  for (const i of picked) {
    const at = scaleOf(base, lane, i) + 1;
    starts[at] = (starts[at] ?? 0) + 1;
  }
  for (let scale = 1; scale <= 2048; scale += 1) starts[scale] = (starts[scale] ?? 0) + (starts[scale - 1] ?? 0);
  const out = new Uint32Array(picked.length);
  for (const i of picked) {
    const scale = scaleOf(base, lane, i);
    const at = starts[scale] ?? 0;
    out[at] = i;
    starts[scale] = at + 1;
  }
  return out;
}

const countAll = (count: number): Uint32Array => {
  const all = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) all[i] = i;
  return all;
};

/** Magnitudes in `lo` and `hi`; `negative` is 1 where the new value is the smaller. */
interface Difference extends Bits {
  readonly base: Bits;
  readonly negative: Uint8Array;
  readonly changed: number;
}

/** What changed from `base` to `target`, both of one length that is a multiple of the width. */
export function differ(base: Uint8Array, target: Uint8Array, lane: Lane, isXor: boolean): Difference {
  const raw = load(base, lane);
  const [old, fresh] = [load(base, lane), load(target, lane)];
  const count = old.lo.length;
  const negative = new Uint8Array(count);
  let changed = 0;
  if (!isXor) {
    order(old, lane);
    order(fresh, lane);
  }
  const { lo, hi } = fresh;
  const isWide = lane.width === 8;
  for (let i = 0; i < count; i += 1) {
    const [a, b] = [old.lo[i] ?? 0, lo[i] ?? 0];
    const [aTop, bTop] = isWide ? [old.hi[i] ?? 0, hi[i] ?? 0] : [0, 0];
    if (a === b && aTop === bTop) {
      lo[i] = 0;
      if (isWide) hi[i] = 0;
      continue;
    }
    changed += 1;
    if (isXor) {
      lo[i] = a ^ b;
      if (isWide) hi[i] = aTop ^ bTop;
      continue;
    }
    const isLess = bTop < aTop || (bTop === aTop && b < a);
    negative[i] = isLess ? 1 : 0;
    const borrow = isLess ? (a < b ? 1 : 0) : b < a ? 1 : 0;
    lo[i] = isLess ? a - b : b - a;
    if (isWide) hi[i] = (isLess ? aTop - bTop : bTop - aTop) - borrow;
  }
  return { lo, hi, base: raw, negative, changed };
}

/** Bytes of `picked` values, one plane after the other. */
function putPlanes({ lo, hi }: Bits, width: number, picked: Uint32Array, out: Uint8Array, from: number): void {
  let at = from;
  for (let plane = 0; plane < width; plane += 1) {
    const words = plane < 4 ? lo : hi;
    const shift = 8 * (plane & 3);
    for (const i of picked) {
      out[at] = (words[i] ?? 0) >>> shift;
      at += 1;
    }
  }
}

function takePlanes(bytes: Uint8Array, from: number, width: number, picked: Uint32Array, into: Bits): void {
  let at = from;
  for (let plane = 0; plane < width; plane += 1) {
    const words = plane < 4 ? into.lo : into.hi;
    const shift = 8 * (plane & 3);
    for (const i of picked) {
      words[i] = (words[i] ?? 0) | ((bytes[at] ?? 0) << shift);
      at += 1;
    }
  }
}

const bitBytes = (count: number): number => Math.ceil(count / 8);

/** [which changed][signs][planes]; `flags` are XOR, SPARSE and GROUPED. */
export function writeDifference(difference: Difference, lane: Lane, flags: number): Uint8Array {
  const { lo, hi, negative, changed } = difference;
  const count = lo.length;
  const isSparse = (flags & SPARSE) !== 0;
  const isSigned = (flags & XOR) === 0;
  let picked = isSparse ? new Uint32Array(changed) : countAll(count);
  const mask = new Uint8Array(isSparse ? bitBytes(count) : 0);
  if (isSparse) {
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      if (lo[i] === 0 && (hi[i] ?? 0) === 0) continue;
      mask[i >>> 3] = (mask[i >>> 3] ?? 0) | (1 << (i & 7));
      picked[at] = i;
      at += 1;
    }
  }
  if ((flags & GROUPED) !== 0) picked = group(difference.base, lane, picked);
  const signs = new Uint8Array(isSigned ? bitBytes(picked.length) : 0);
  if (isSigned) {
    let at = 0;
    for (const i of picked) {
      if (negative[i] === 1) signs[at >>> 3] = (signs[at >>> 3] ?? 0) | (1 << (at & 7));
      at += 1;
    }
  }
  const out = new Uint8Array(mask.length + signs.length + picked.length * lane.width);
  out.set(mask);
  out.set(signs, mask.length);
  putPlanes({ lo, hi }, lane.width, picked, out, mask.length + signs.length);
  return out;
}

/** The most bytes that `writeDifference` gives for `length` bytes of values. */
export const mostDifferenceBytes = (length: number, { width }: Lane): number => length + 2 * bitBytes(length / width);

/** The target from `base` and what `writeDifference` gave; undefined when the bytes are not that. */
export function applyDifference(
  base: Uint8Array,
  bytes: Uint8Array,
  lane: Lane,
  flags: number,
): Uint8Array | undefined {
  const { width } = lane;
  const count = base.length / width;
  const isSigned = (flags & XOR) === 0;
  const maskBytes = (flags & SPARSE) === 0 ? 0 : bitBytes(count);
  if (bytes.length < maskBytes) return undefined;
  let picked = countAll((flags & SPARSE) === 0 ? count : 0);
  if (maskBytes > 0) {
    const list = new Uint32Array(count);
    let found = 0;
    for (let i = 0; i < count; i += 1) {
      if (((bytes[i >>> 3] ?? 0) & (1 << (i & 7))) === 0) continue;
      list[found] = i;
      found += 1;
    }
    picked = list.subarray(0, found);
  }
  const signBytes = isSigned ? bitBytes(picked.length) : 0;
  if (bytes.length !== maskBytes + signBytes + picked.length * width) return undefined;
  const old = load(base, lane);
  if ((flags & GROUPED) !== 0) picked = group(old, lane, picked);
  const isWide = width === 8;
  const change: Bits = { lo: new Uint32Array(count), hi: isWide ? new Uint32Array(count) : NONE };
  takePlanes(bytes, maskBytes + signBytes, width, picked, change);
  if (!isSigned) {
    for (const i of picked) {
      old.lo[i] = (old.lo[i] ?? 0) ^ (change.lo[i] ?? 0);
      if (isWide) old.hi[i] = (old.hi[i] ?? 0) ^ (change.hi[i] ?? 0);
    }
    return store(old, lane);
  }
  order(old, lane);
  let at = 0;
  for (const i of picked) {
    const isLess = ((bytes[maskBytes + (at >>> 3)] ?? 0) & (1 << (at & 7))) !== 0;
    const [a, d] = [old.lo[i] ?? 0, change.lo[i] ?? 0];
    const low = isLess ? a - d : a + d;
    old.lo[i] = low;
    if (isWide) {
      const carry = low < 0 ? -1 : low > 0xffff_ffff ? 1 : 0;
      old.hi[i] = (isLess ? (old.hi[i] ?? 0) - (change.hi[i] ?? 0) : (old.hi[i] ?? 0) + (change.hi[i] ?? 0)) + carry;
    }
    at += 1;
  }
  if (width === 2) for (let i = 0; i < count; i += 1) old.lo[i] = (old.lo[i] ?? 0) & 0xffff;
  unorder(old, lane);
  return store(old, lane);
}

/** Values without a base, cut in planes. */
export function cutPlanes(bytes: Uint8Array, { width }: Lane): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let at = 0;
  for (let plane = 0; plane < width; plane += 1)
    for (let i = plane; i < bytes.length; i += width) {
      out[at] = bytes[i] ?? 0;
      at += 1;
    }
  return out;
}

export function joinPlanes(bytes: Uint8Array, { width }: Lane): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let at = 0;
  for (let plane = 0; plane < width; plane += 1)
    for (let i = plane; i < bytes.length; i += width) {
      out[i] = bytes[at] ?? 0;
      at += 1;
    }
  return out;
}
