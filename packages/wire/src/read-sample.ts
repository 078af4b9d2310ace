// Reads one captured row of an entry: every list bounded, every word one that is known. Never throws.
import type { FieldCheck } from './fields.ts';
import type { drover } from './gen/drover.js';
import * as limits from './limits.ts';
import { SAMPLE_WHYS, type Sample } from './messages.ts';

export function readSample(f: FieldCheck, s: drover.v1.Sample.$Properties): Sample {
  const number = (n: number): number => n;
  return {
    predictionId: f.text('samples.predictionId', s.predictionId, 64),
    at: f.uint('samples.at', s.at),
    why: f.oneOf('samples.why', s.why, SAMPLE_WHYS),
    score: f.finite('samples.score', s.score),
    numbers: f.list('samples.numbers', s.numbers, limits.VALUES_PER_SAMPLE, number),
    texts: f.list('samples.texts', s.texts, limits.VALUES_PER_SAMPLE, (text) =>
      f.text('samples.texts', text, limits.ENTRY_BYTES),
    ),
    classIndex: s.classIndex ?? 0,
    scores: f.list('samples.scores', s.scores, limits.VALUES_PER_SAMPLE, number),
    value: s.value ?? 0,
  };
}
