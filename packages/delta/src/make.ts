// Makes the recipe that tells one file from another, a slice at a time. Never reads a whole file, never decides who needs it.
import { createHash } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type ByteSource, placeTensors, type TensorPlace } from '@drover/onnx/places';
import { SLICE_BYTES, type Told, tellSlice } from './choose.ts';
import { type GluePiece, planGlue, readSpans } from './glue.ts';
import { BYTES, type Lane, laneOfType } from './lanes.ts';
import { largeOnes, listGaps, type MatchedTensor, matchTensors } from './match.ts';
import { pack } from './pack.ts';
import { COPY, DICT, DIFF, END, GLUE, type Pair, putNumber, STORED, writeHeader } from './recipe.ts';

export interface MakeInput {
  readonly base: ByteSource;
  readonly target: ByteSource;
  /** Digests and sizes, which the maker takes as given: whoever applies the recipe checks them. */
  readonly pair: Pair;
  /** Takes the recipe piece by piece. */
  readonly write: (bytes: Uint8Array) => void;
  /** Called after each slice: false ends the work, for example when memory or time run out. */
  readonly goOn?: () => boolean;
}

export interface Made {
  readonly size: number;
  /** Bytes of the target by how they are told. */
  readonly told: Readonly<Record<'copy' | 'literal' | 'diff' | 'dict' | 'glue', number>>;
}

/** Up to this many bytes are packed at the highest level; beyond, time counts. */
const CAREFUL_BYTES = 2 * 1024 * 1024;
/** A file of at most this size is also told as one piece of glue, and the smaller recipe is kept. */
const WHOLE_BYTES = 4 * 1024 * 1024;

class Stopped extends Error {}

interface Work {
  readonly input: MakeInput;
  readonly write: (bytes: Uint8Array) => void;
  readonly told: { copy: number; literal: number; diff: number; dict: number; glue: number };
  readonly pieces: readonly GluePiece[];
  nextPiece: number;
  /** Glue that is loaded and not taken yet. */
  glueLeft: number;
  /** Glue that comes before the next segment. */
  glueDue: number;
  copy: { glue: number; length: number; offset: number } | undefined;
  size: number;
  careful: number;
}

const head = (kind: number, flags: number, ...numbers: number[]): Uint8Array => {
  const out = [kind, flags];
  for (const number of numbers) putNumber(out, number);
  return Uint8Array.from(out);
};

function put(work: Work, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  work.size += bytes.length;
  work.write(bytes);
}

function flushCopy(work: Work): void {
  const { copy } = work;
  if (!copy) return;
  work.copy = undefined;
  put(work, head(COPY, 0, copy.glue, copy.length, copy.offset));
  work.told.copy += copy.length;
}

/** Loads the next piece of glue; what is left of the one before is taken first. */
function loadGlue(work: Work): void {
  const piece = work.pieces[work.nextPiece];
  if (!piece) throw new Error('more glue is taken than was planned');
  flushCopy(work);
  const { input, told } = work;
  const bytes = readSpans(input.target, piece.spans);
  const dictionary = piece.dictionary.length > 0 ? readSpans(input.base, piece.dictionary) : undefined;
  const isSmall = spend(work, bytes.length);
  const packed = pack(bytes, isSmall ? 19 : 3, dictionary);
  const isPacked = packed.length < bytes.length;
  const payload = isPacked ? packed : bytes;
  const spans = isPacked ? piece.dictionary : [];
  const numbers: number[] = [work.glueLeft, bytes.length, spans.length];
  let at = 0;
  for (const { offset, length } of spans) {
    numbers.push(offset - at, length);
    at = offset + length;
  }
  put(work, head(GLUE, isPacked ? 0 : STORED, ...numbers, payload.length));
  put(work, payload);
  work.glueDue -= work.glueLeft;
  work.glueLeft = bytes.length;
  work.nextPiece += 1;
  told.glue += bytes.length;
}

/** The glue that the next segment takes first. */
function takeGlue(work: Work): number {
  while (work.glueDue > work.glueLeft) loadGlue(work);
  const due = work.glueDue;
  work.glueLeft -= due;
  work.glueDue = 0;
  return due;
}

/** True while the highest level may be paid for. */
function spend(work: Work, bytes: number): boolean {
  work.careful += bytes;
  return work.careful <= CAREFUL_BYTES;
}

function putCopy(work: Work, offset: number, length: number): void {
  const { copy } = work;
  if (copy && work.glueDue === 0 && copy.offset + copy.length === offset) {
    copy.length += length;
    return;
  }
  const glue = takeGlue(work);
  flushCopy(work);
  work.copy = { glue, length, offset };
}

function putTold(work: Work, told: Told, lane: Lane, length: number, at: { aligned: number; around: number[] }): void {
  const glue = takeGlue(work);
  flushCopy(work);
  const { kind, flags, payload } = told;
  const more = kind === DICT ? at.around : kind === DIFF ? [lane.code, at.aligned] : [lane.code];
  put(work, head(kind, flags, glue, length, ...more, payload.length));
  put(work, payload);
  work.told[kind === DICT ? 'dict' : kind === DIFF ? 'diff' : 'literal'] += length;
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

function hashOf(source: ByteSource, { offset, length }: TensorPlace): string {
  const hash = createHash('sha256');
  for (let at = 0; at < length; at += SLICE_BYTES)
    hash.update(source.read(offset + at, Math.min(SLICE_BYTES, length - at)));
  return hash.digest('hex');
}

function tellTensor(work: Work, { target: place, base: old }: MatchedTensor): void {
  const { input } = work;
  const known = laneOfType(place.dtype);
  const lane = place.length % known.width === 0 ? known : BYTES;
  for (let at = 0; at < place.length; at += SLICE_BYTES) {
    const length = Math.min(SLICE_BYTES, place.length - at);
    const target = input.target.read(place.offset + at, length);
    const isCovered = old !== undefined && at + length <= old.length;
    const aligned = isCovered ? input.base.read(old.offset + at, length) : undefined;
    if (aligned && old && sameBytes(aligned, target)) putCopy(work, old.offset + at, length);
    else {
      const from = Math.max(0, at - SLICE_BYTES);
      const size = Math.max(0, Math.min(at + length + SLICE_BYTES, old?.length ?? 0) - from);
      const around = old && size > 0 ? input.base.read(old.offset + from, size) : undefined;
      const told = tellSlice(
        target,
        { ...(aligned && { aligned }), ...(around && { around }) },
        lane,
        at === 0,
        spend(work, length),
      );
      const base = old?.offset ?? 0;
      putTold(work, told, lane, length, { aligned: base + at, around: [base + from, size] });
    }
    if (input.goOn && !input.goOn()) throw new Stopped();
  }
}

/** Where the base holds exactly these bytes, whatever their name. */
function makeFinder(base: ByteSource, places: readonly TensorPlace[]) {
  const bySize = Map.groupBy(places, ({ length }) => length);
  const hashes = new Map<TensorPlace, string>();
  return (target: ByteSource, place: TensorPlace): TensorPlace | undefined => {
    const same = bySize.get(place.length);
    if (!same) return undefined;
    const wanted = hashOf(target, place);
    return same.find((each) => {
      const hash = hashes.get(each) ?? hashOf(base, each);
      hashes.set(each, hash);
      return hash === wanted;
    });
  };
}

function tellFile(
  input: MakeInput,
  tensors: readonly MatchedTensor[],
  places: readonly TensorPlace[],
  write: Work['write'],
): Made {
  const gaps = listGaps(
    tensors.map(({ target }) => target),
    input.target.size,
  );
  const work: Work = {
    input,
    write,
    told: { copy: 0, literal: 0, diff: 0, dict: 0, glue: 0 },
    pieces: planGlue(gaps, listGaps(places, input.base.size)),
    nextPiece: 0,
    glueLeft: 0,
    glueDue: 0,
    copy: undefined,
    size: 0,
    careful: 0,
  };
  put(work, writeHeader(input.pair));
  const findSame = makeFinder(input.base, places);
  let at = 0;
  for (const tensor of tensors) {
    const { offset, length } = tensor.target;
    work.glueDue += offset - at;
    at = offset + length;
    const same = findSame(input.target, tensor.target);
    if (same) putCopy(work, same.offset, length);
    else tellTensor(work, tensor);
  }
  work.glueDue += input.target.size - at;
  const glue = takeGlue(work);
  flushCopy(work);
  put(work, head(END, 0, glue, 0));
  return { size: work.size, told: work.told };
}

const placesOf = (source: ByteSource): TensorPlace[] => {
  const found = placeTensors(source);
  // Whatever is no ONNX file is one piece of glue: it is told byte by byte.
  return found.ok ? largeOnes(found.value) : [];
};

/**
 * Makes a recipe for `target` from `base`; an empty base gives the target packed on its own. Refuses only when `goOn` said
 * so. Memory: some slices of 1 MiB and one piece of glue with its dictionary (12 MiB), whatever the size of the files.
 */
export function makeRecipe(input: MakeInput): Result<Made> {
  const { base, target } = input;
  const [places, fresh] = [placesOf(base), placesOf(target)];
  const tensors = matchTensors(fresh, places);
  try {
    if (target.size > WHOLE_BYTES) return accept(tellFile(input, tensors, places, input.write));
    const [byTensor, whole]: [Uint8Array[], Uint8Array[]] = [[], []];
    const one = tellFile(input, tensors, places, (bytes) => byTensor.push(bytes));
    const other = tensors.length === 0 ? one : tellFile(input, [], [], (bytes) => whole.push(bytes));
    const isWhole = other.size < one.size;
    for (const bytes of isWhole ? whole : byTensor) input.write(bytes);
    return accept(isWhole ? other : one);
  } catch (error) {
    if (error instanceof Stopped) return refuse('recipe_stopped', 'It took more than it was given.');
    throw error;
  }
}
