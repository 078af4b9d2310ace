// Owns the bytes of a recipe, version 1: how a file is told from another one. Never makes or applies one.
//
// A recipe is a header and segments, in the order of the target. All numbers are unsigned LEB128 below 2^53.
//   header   "DRVDELTA", version (1 byte), SHA-256 of the base, SHA-256 of the target, size of the base, size of the target
//   segment  kind (1 byte), flags (1 byte), glue, length, what the kind adds, payload
// `glue` bytes are first taken from the glue at hand: what lies between tensors, packed together by a GLUE segment.
//   END      nothing more follows; the glue is used up and the target is complete
//   COPY     + offset in the base: `length` bytes of the base
//   LITERAL  + lane, packed: `length` bytes that come with the recipe
//   DIFF     + lane, offset, packed: `length` bytes as differences to as many of the base
//   DICT     + offset, size, packed: `length` bytes packed with `size` bytes of the base as dictionary
//   GLUE     + count, (gap, size)*, packed: the next `length` bytes of glue, packed with these spans of the base as dictionary
import { accept, type Result, refuse } from '@drover/core/reasons';

export const MAGIC = 'DRVDELTA';
export const VERSION = 1;

export const END = 0;
export const COPY = 1;
export const LITERAL = 2;
export const DIFF = 3;
export const DICT = 4;
export const GLUE = 5;

/** Flags: the payload is not packed; it is cut in byte planes; it is a difference by XOR; zeros are left out; it is ordered by the base. */
export const STORED = 1;
export const PLANES = 2;
export const XOR = 4;
export const SPARSE = 8;
export const GROUPED = 16;

/** Bytes that one segment other than COPY may stand for, and bytes of the base that may be its dictionary. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;
export const DICTIONARY_BYTES = 16 * 1024 * 1024;
export const SPANS = 65_536;
/** Log2 of the window that a payload may need: SEGMENT_BYTES + DICTIONARY_BYTES. */
export const WINDOW_LOG = 25;

/** SHA-256 of no bytes: the base of a recipe that packs its target on its own. */
export const NO_BYTES = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface Pair {
  /** SHA-256, lower-case hex. */
  readonly base: string;
  readonly baseSize: number;
  readonly target: string;
  readonly targetSize: number;
}

export function putNumber(out: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

export function writeHeader({ base, baseSize, target, targetSize }: Pair): Uint8Array {
  const sizes: number[] = [];
  putNumber(sizes, baseSize);
  putNumber(sizes, targetSize);
  return Buffer.concat([
    Buffer.from(MAGIC, 'latin1'),
    Buffer.of(VERSION),
    Buffer.from(base, 'hex'),
    Buffer.from(target, 'hex'),
    Buffer.from(sizes),
  ]);
}

/** Reads a recipe from the front, through a small buffer; every method gives undefined at the end or on odd bytes. */
export interface RecipeReader {
  byte(): number | undefined;
  /** LEB128 of at most eight bytes. */
  number(): number | undefined;
  bytes(length: number): Uint8Array | undefined;
  atEnd(): boolean;
}

const BUFFER_BYTES = 64 * 1024;

export function readRecipe(source: {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}): RecipeReader {
  let position = 0;
  let buffer = new Uint8Array(0);
  let bufferAt = 0;
  const byte = (): number | undefined => {
    let index = position - bufferAt;
    if (index < 0 || index >= buffer.length) {
      if (position >= source.size) return undefined;
      buffer = new Uint8Array(source.read(position, BUFFER_BYTES));
      bufferAt = position;
      index = 0;
    }
    const value = buffer[index];
    if (value !== undefined) position += 1;
    return value;
  };
  return {
    byte,
    number() {
      let value = 0;
      for (let index = 0; index < 8; index += 1) {
        const next = byte();
        if (next === undefined) return undefined;
        value += (next & 127) * 2 ** (7 * index);
        if (next < 128) return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
      }
      return undefined;
    },
    bytes(length) {
      // The size is known before anything is allocated: a length that lies is a length past the end.
      if (length > source.size - position) return undefined;
      const found = source.read(position, length);
      if (found.length !== length) return undefined;
      position += length;
      return found;
    },
    atEnd: () => position >= source.size,
  };
}

export function readHeader(reader: RecipeReader): Result<Pair> {
  const magic = reader.bytes(MAGIC.length);
  if (!magic || Buffer.from(magic).toString('latin1') !== MAGIC)
    return refuse('recipe_malformed', 'It does not begin like a recipe.');
  const version = reader.byte();
  if (version !== VERSION)
    return refuse('recipe_version', `It has version ${version ?? 'none'}; this program knows ${VERSION}.`);
  const [base, target] = [reader.bytes(32), reader.bytes(32)];
  const [baseSize, targetSize] = [reader.number(), reader.number()];
  if (!base || !target || baseSize === undefined || targetSize === undefined)
    return refuse('recipe_malformed', 'Its header is cut off.');
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return accept({ base: hex(base), baseSize, target: hex(target), targetSize });
}
