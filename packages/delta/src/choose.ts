// Decides how one slice of a tensor is told, by measured size: each way is tried on a sample, the best on the whole slice.
import {
  canGroup, cutPlanes, differ, type Lane, writeDifference,
} from './lanes.ts'; // biome-ignore format: one list
import { pack } from './pack.ts';
import { DICT, DIFF, GROUPED, LITERAL, PLANES, SPARSE, STORED, XOR } from './recipe.ts';

/** Bytes of a tensor that are dealt with at a time, on both sides: what bounds their memory. */
export const SLICE_BYTES = 1024 * 1024;
const SAMPLE_BYTES = 128 * 1024;
/** A difference that is already this small next to the slice is not tried as a dictionary, which costs far more time. */
const GOOD_SHARE = 0.25;
const FAST = 3;
const DICT_LEVEL = 9;
const BEST = 19;

export interface Way {
  readonly kind: typeof LITERAL | typeof DIFF | typeof DICT;
  /** Without STORED. */
  readonly flags: number;
}

export interface Told extends Way {
  readonly payload: Uint8Array;
}

/** What the slice may be told from. */
export interface Old {
  /** The same part of the matched tensor; absent when it is not as long. */
  readonly aligned?: Uint8Array;
  /** The part around it. */
  readonly around?: Uint8Array;
}

const WAYS: readonly Way[] = [
  { kind: DIFF, flags: 0 },
  { kind: DIFF, flags: GROUPED },
  { kind: DIFF, flags: SPARSE },
  { kind: DIFF, flags: SPARSE | GROUPED },
  { kind: DIFF, flags: XOR },
  { kind: DIFF, flags: XOR | GROUPED },
  { kind: DIFF, flags: XOR | SPARSE },
  { kind: DIFF, flags: XOR | SPARSE | GROUPED },
  { kind: LITERAL, flags: 0 },
  { kind: LITERAL, flags: PLANES },
];

type Difference = ReturnType<typeof differ>;

/** Differences are made once for all ways that use them. */
function makeWriter(target: Uint8Array, old: Uint8Array | undefined, lane: Lane) {
  const made = new Map<boolean, Difference>();
  const differenceBy = (isXor: boolean): Difference | undefined => {
    if (!old) return undefined;
    const held = made.get(isXor) ?? differ(old, target, lane, isXor);
    made.set(isXor, held);
    return held;
  };
  return {
    /** The share of values that changed. */
    changed: (): number => (differenceBy(true)?.changed ?? 0) / Math.max(1, target.length / lane.width),
    write({ kind, flags }: Way): Uint8Array | undefined {
      if (kind === LITERAL) return (flags & PLANES) === 0 ? target : cutPlanes(target, lane);
      const difference = differenceBy((flags & XOR) !== 0);
      return difference && writeDifference(difference, lane, flags);
    },
  };
}

function isSensible({ kind, flags }: Way, lane: Lane, changed: number): boolean {
  if (kind === LITERAL) return (flags & PLANES) === 0 || lane.width > 1;
  if ((flags & GROUPED) !== 0 && !canGroup(lane)) return false;
  // Nearly all or nearly none: the list of what changed is waste, or what keeps the rest cheap.
  return (flags & SPARSE) === 0 ? changed > 0.4 : changed < 0.99;
}

function rankWays(target: Uint8Array, old: Old, lane: Lane): { way: Way; size: number } {
  const writer = makeWriter(target, old.aligned, lane);
  const changed = writer.changed();
  let best = { way: WAYS[8] as Way, size: Number.POSITIVE_INFINITY };
  for (const way of WAYS) {
    if (!isSensible(way, lane, changed)) continue;
    const bytes = writer.write(way);
    if (!bytes) continue;
    const size = pack(bytes, FAST).length;
    if (size < best.size) best = { way, size };
  }
  if (old.around && best.size > GOOD_SHARE * target.length) {
    const size = pack(target, DICT_LEVEL, old.around).length;
    if (size < best.size) best = { way: { kind: DICT, flags: 0 }, size };
  }
  return best;
}

/** A part of the slice from the middle of what differs, with the parts of the base that belong to it. */
function takeSample(target: Uint8Array, old: Old, width: number, isFirst: boolean): { target: Uint8Array; old: Old } {
  if (target.length <= 2 * SAMPLE_BYTES) return { target, old };
  let [first, last] = [0, target.length];
  if (old.aligned) {
    while (first < last && target[first] === old.aligned[first]) first += 1;
    while (last > first && target[last - 1] === old.aligned[last - 1]) last -= 1;
  }
  const middle = (first + last) / 2 - SAMPLE_BYTES / 2;
  const from = Math.floor(Math.max(0, Math.min(middle, target.length - SAMPLE_BYTES)) / width) * width;
  const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(from, from + SAMPLE_BYTES);
  // `around` begins one slice before the slice, or with the slice when that is the first.
  const lead = isFirst ? 0 : SLICE_BYTES;
  const around = old.around?.subarray(Math.max(0, lead + from - SAMPLE_BYTES), lead + from + 2 * SAMPLE_BYTES);
  return {
    target: cut(target),
    old: { ...(old.aligned && { aligned: cut(old.aligned) }), ...(around && around.length > 0 && { around }) },
  };
}

function carryOut(way: Way, target: Uint8Array, old: Old, lane: Lane, level: number): Told {
  if (way.kind === DICT) return { ...way, payload: pack(target, Math.max(level, DICT_LEVEL), old.around) };
  const bytes = makeWriter(target, old.aligned, lane).write(way) ?? target;
  const packed = pack(bytes, FAST);
  const better = level > FAST ? pack(bytes, level) : packed;
  const payload = better.length < packed.length ? better : packed;
  return payload.length < bytes.length
    ? { ...way, payload }
    : { kind: way.kind, flags: way.flags | STORED, payload: bytes };
}

/** The smallest way found. `isSmall`: time does not matter, so that the highest level is tried too. */
export function tellSlice(target: Uint8Array, old: Old, lane: Lane, isFirst: boolean, isSmall: boolean): Told {
  const sample = takeSample(target, old, lane.width, isFirst);
  const { way } = rankWays(sample.target, sample.old, lane);
  const told = carryOut(way, target, old, lane, isSmall ? BEST : FAST);
  const planes: Way = { kind: LITERAL, flags: lane.width > 1 ? PLANES : 0 };
  if (told.payload.length < 0.9 * target.length || (way.kind === LITERAL && way.flags === planes.flags)) return told;
  // The sample did not speak for the slice.
  const literal = carryOut(planes, target, {}, lane, FAST);
  return literal.payload.length < told.payload.length ? literal : told;
}
