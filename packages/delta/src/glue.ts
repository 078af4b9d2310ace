// Owns what lies between tensors: the pieces it is packed in and the spans of the base that are their dictionaries.
import type { ByteSource } from '@drover/onnx/places';
import type { Span } from './match.ts';
import { SPANS } from './recipe.ts';

/** Glue that is packed at a time; what holds no tensor, such as a forest, is all glue. */
export const GLUE_BYTES = 4 * 1024 * 1024;
/** Glue of the base that is its dictionary. */
const GLUE_DICTIONARY_BYTES = 8 * 1024 * 1024;

export interface GluePiece {
  readonly spans: readonly Span[];
  readonly length: number;
  readonly dictionary: readonly Span[];
}

const sumOf = (spans: readonly Span[]): number => spans.reduce((sum, { length }) => sum + length, 0);

/** The part [from, from + length) of the bytes that `spans` make one after the other, as spans. */
export function cutSpans(spans: readonly Span[], from: number, length: number): Span[] {
  const out: Span[] = [];
  let at = 0;
  for (const span of spans) {
    const start = Math.max(from, at);
    const end = Math.min(from + length, at + span.length);
    if (end > start) out.push({ offset: span.offset + start - at, length: end - start });
    at += span.length;
  }
  return out;
}

/** Pieces of the target's glue, each with the glue of the base from about the same place as its dictionary. */
export function planGlue(target: readonly Span[], base: readonly Span[]): GluePiece[] {
  const [total, held] = [sumOf(target), sumOf(base)];
  const pieces: GluePiece[] = [];
  for (let from = 0; from < total; from += GLUE_BYTES) {
    const length = Math.min(GLUE_BYTES, total - from);
    const middle = ((from + length / 2) / total) * held;
    const start = Math.floor(Math.max(0, Math.min(middle - GLUE_DICTIONARY_BYTES / 2, held - GLUE_DICTIONARY_BYTES)));
    const dictionary = cutSpans(base, start, GLUE_DICTIONARY_BYTES);
    pieces.push({
      spans: cutSpans(target, from, length),
      length,
      dictionary: dictionary.length <= SPANS ? dictionary : dictionary.slice(0, SPANS),
    });
  }
  return pieces;
}

export function readSpans(source: ByteSource, spans: readonly Span[]): Uint8Array {
  const out = new Uint8Array(sumOf(spans));
  let at = 0;
  for (const { offset, length } of spans) {
    out.set(source.read(offset, length), at);
    at += length;
  }
  return out;
}
