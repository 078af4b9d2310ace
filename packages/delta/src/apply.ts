// Makes a file from another one and a recipe, piece by piece. Every length is checked before anything is allocated, and
// whatever is odd is refused. It never writes: the caller does, and compares the digest of the whole with the signed one.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { ByteSource } from '@drover/onnx/places';
import { applyDifference, joinPlanes, type Lane, laneOf, mostDifferenceBytes } from './lanes.ts';
import { unpack } from './pack.ts';
import {
  COPY, DICT, DICTIONARY_BYTES, DIFF, END, GLUE, GROUPED, LITERAL, type Pair, PLANES, type RecipeReader, readHeader, readRecipe, SEGMENT_BYTES, SPANS, SPARSE, STORED, XOR,
} from './recipe.ts'; // biome-ignore format: one list

export interface ApplyInput {
  readonly recipe: ByteSource;
  readonly base: ByteSource;
  /** What the recipe must say of itself: signed or measured by the caller. */
  readonly pair: Pair;
}

/** Pieces that are given out at a time: what an event loop is held for. */
const PIECE_BYTES = 256 * 1024;
const NOTHING = new Uint8Array(0);

interface Work extends ApplyInput {
  readonly reader: RecipeReader;
  glue: Uint8Array;
  glueAt: number;
  /** Bytes that the target still needs. */
  left: number;
}

const odd = (what: string): Refusal => refuse('recipe_malformed', what);

const isPart = (source: ByteSource, offset: number, length: number): boolean =>
  length <= source.size && offset <= source.size - length;

/** The unpacked payload: exactly `most` bytes when `isExact`, at most that many otherwise. */
function readPayload(
  { reader }: Work,
  flags: number,
  most: number,
  isExact: boolean,
  dictionary?: Uint8Array,
): Uint8Array | undefined {
  const packed = reader.number();
  if (packed === undefined || packed > most + 1024) return undefined;
  const payload = reader.bytes(packed);
  if (!payload) return undefined;
  const bytes = (flags & STORED) === 0 ? unpack(payload, most, dictionary) : payload;
  if (!bytes || bytes.length > most || (isExact && bytes.length !== most)) return undefined;
  return bytes;
}

function readLane(work: Work, length: number): Lane | undefined {
  const lane = laneOf(work.reader.byte() ?? 0);
  return lane && length % lane.width === 0 ? lane : undefined;
}

function readBase({ base }: Work, offset: number | undefined, length: number): Uint8Array | undefined {
  if (offset === undefined || !isPart(base, offset, length)) return undefined;
  const bytes = base.read(offset, length);
  return bytes.length === length ? bytes : undefined;
}

function tellLiteral(work: Work, flags: number, length: number): Uint8Array | undefined {
  const lane = readLane(work, length);
  const bytes = lane && readPayload(work, flags, length, true);
  return lane && bytes && ((flags & PLANES) === 0 ? bytes : joinPlanes(bytes, lane));
}

function* tellDiff(work: Work, flags: number, length: number): Generator<Uint8Array, Uint8Array | undefined> {
  const lane = readLane(work, length);
  const old = lane && readBase(work, work.reader.number(), length);
  const bytes = old && readPayload(work, flags, mostDifferenceBytes(length, lane), false);
  // Whoever has other things to do gets a turn between the two halves of the work.
  yield NOTHING;
  return bytes && applyDifference(old, bytes, lane, flags);
}

function tellDict(work: Work, flags: number, length: number): Uint8Array | undefined {
  const offset = work.reader.number();
  const size = work.reader.number();
  if (size === undefined || size > DICTIONARY_BYTES) return undefined;
  const dictionary = readBase(work, offset, size);
  return dictionary && readPayload(work, flags, length, true, dictionary);
}

/** The next piece of glue; undefined when its spans or its bytes are not what they say. */
function readGlue(work: Work, flags: number, length: number): Uint8Array | undefined {
  const { reader, base } = work;
  const count = reader.number();
  if (count === undefined || count > SPANS) return undefined;
  const spans: { offset: number; length: number }[] = [];
  let at = 0;
  let total = 0;
  for (let i = 0; i < count; i += 1) {
    const [gap, size] = [reader.number(), reader.number()];
    if (gap === undefined || size === undefined || !isPart(base, at + gap, size)) return undefined;
    total += size;
    if (total > DICTIONARY_BYTES) return undefined;
    spans.push({ offset: at + gap, length: size });
    at += gap + size;
  }
  const dictionary = new Uint8Array(total);
  let filled = 0;
  for (const span of spans) {
    const part = readBase(work, span.offset, span.length);
    if (!part) return undefined;
    dictionary.set(part, filled);
    filled += part.length;
  }
  return readPayload(work, flags, length, true, count === 0 ? undefined : dictionary);
}

const KNOWN_FLAGS: Readonly<Record<number, number>> = {
  [END]: 0,
  [COPY]: 0,
  [LITERAL]: STORED | PLANES,
  [DIFF]: STORED | XOR | SPARSE | GROUPED,
  [DICT]: STORED,
  [GLUE]: STORED,
};

interface Head {
  readonly kind: number;
  readonly flags: number;
  readonly glue: number;
  readonly length: number;
}

function readHead(work: Work): Result<Head> {
  const { reader, glue: held, glueAt, left } = work;
  const [kind, flags] = [reader.byte(), reader.byte()];
  const [glue, length] = [reader.number(), reader.number()];
  if (kind === undefined || flags === undefined || glue === undefined || length === undefined)
    return odd('It is cut off.');
  const known = KNOWN_FLAGS[kind];
  if (known === undefined || (flags & ~known) !== 0)
    return odd(`It has a segment of the unknown kind ${kind}/${flags}.`);
  if (glue > held.length - glueAt) return odd('It takes glue that is not there.');
  if (glue > left || length > left - glue) return odd('It makes more than the target holds.');
  if (kind !== COPY && length > SEGMENT_BYTES) return odd('A segment is too large.');
  if ((kind === END) !== (length === 0)) return odd('A segment is empty.');
  return accept({ kind, flags, glue, length });
}

function* copyBase({ base }: Work, offset: number, length: number): Generator<Uint8Array, Refusal | undefined> {
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const size = Math.min(PIECE_BYTES, length - at);
    const bytes = base.read(offset + at, size);
    if (bytes.length !== size) return odd('The base is shorter than it was.');
    yield bytes;
  }
  return undefined;
}

/** Carries out one segment and gives what it makes. */
function* tellSegment(work: Work, { kind, flags, glue, length }: Head): Generator<Uint8Array, Refusal | undefined> {
  if (glue > 0) {
    yield work.glue.subarray(work.glueAt, work.glueAt + glue);
    work.glueAt += glue;
    work.left -= glue;
  }
  if (kind === END) return undefined;
  if (kind === COPY) {
    const offset = work.reader.number();
    if (offset === undefined || !isPart(work.base, offset, length)) return odd('It copies from outside the base.');
    work.left -= length;
    return yield* copyBase(work, offset, length);
  }
  if (kind === GLUE) {
    if (work.glueAt !== work.glue.length) return odd('It leaves glue behind.');
    // The piece before is let go before the next is made.
    work.glue = new Uint8Array(0);
    const bytes = readGlue(work, flags, length);
    if (!bytes) return odd('A piece of glue is not what it says.');
    work.glue = bytes;
    work.glueAt = 0;
    return undefined;
  }
  const bytes =
    kind === LITERAL
      ? tellLiteral(work, flags, length)
      : kind === DIFF
        ? yield* tellDiff(work, flags, length)
        : tellDict(work, flags, length);
  if (!bytes || bytes.length !== length) return odd('A segment is not what it says.');
  work.left -= length;
  yield bytes;
  return undefined;
}

/**
 * Gives the target in order, in pieces of none to 16 MiB, and in the end whether it was all. Stop asking to cancel.
 * Refused by recipe_malformed, recipe_version, recipe_other_pair; what was given until then is worth nothing. Only the
 * sources throw. Memory: some pieces and one dictionary, 64 MiB in all for any recipe; a few MiB for ours.
 */
export function* applyRecipe(input: ApplyInput): Generator<Uint8Array, Result<undefined>> {
  const { recipe, base, pair } = input;
  const reader = readRecipe(recipe);
  const header = readHeader(reader);
  if (!header.ok) return header;
  const { value } = header;
  const isOurs =
    value.base === pair.base &&
    value.target === pair.target &&
    value.baseSize === pair.baseSize &&
    value.targetSize === pair.targetSize &&
    base.size === pair.baseSize;
  if (!isOurs)
    return refuse('recipe_other_pair', `It tells ${value.target.slice(0, 12)}… from ${value.base.slice(0, 12)}….`);
  const work: Work = { ...input, reader, glue: new Uint8Array(0), glueAt: 0, left: pair.targetSize };
  for (;;) {
    const found = readHead(work);
    if (!found.ok) return found;
    const refusal = yield* tellSegment(work, found.value);
    if (refusal) return refusal;
    if (found.value.kind !== END) continue;
    const isWhole = work.left === 0 && work.glueAt === work.glue.length && reader.atEnd();
    return isWhole ? accept(undefined) : odd('It ends before the target is whole, or goes on after it.');
  }
}
