// Decides whether a loaded model gives the answers that its self-test vectors promise. Never loads a model.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { BatchAnswer, Predictor } from '@drover/infer/predictor';
import type { Vectors } from '@drover/trust/vectors';

/** How far an answer may be off: absolute for probabilities, times max(1, |expected|) for a regression. */
const allowOf = (vectors: Vectors, isRegression: boolean, expected: number): number =>
  isRegression ? vectors.tolerance * Math.max(1, Math.abs(expected)) : vectors.tolerance;

interface Flat {
  readonly x: Float32Array;
  readonly c: readonly string[];
}

function flatten(vectors: Vectors, predictor: Predictor): Result<Flat> {
  const { numericCount, categoricalCount } = predictor;
  const ragged = vectors.x.findIndex((row) => row.length !== numericCount);
  const texts = vectors.c ?? vectors.x.map(() => []);
  const raggedText = texts.findIndex((row) => row.length !== categoricalCount);
  if (ragged >= 0 || raggedText >= 0) {
    return refuse(
      'acceptance_failed',
      `Row ${Math.max(ragged, raggedText)} of the self-test vectors does not have ${numericCount} numbers and ${categoricalCount} texts.`,
    );
  }
  return accept({ x: Float32Array.from(vectors.x.flat(), (value) => value ?? Number.NaN), c: texts.flat() });
}

/** @returns the largest difference found. Refuses with acceptance_failed and the first row that is too far off. */
export async function replayVectors(predictor: Predictor, vectors: Vectors): Promise<Result<number>> {
  const flat = flatten(vectors, predictor);
  if (!flat.ok) return flat;
  const rows = vectors.x.length;
  const answered = await predictor.predictBatch(rows, flat.value.x, flat.value.c);
  if (!answered.ok) return answered;
  const isRegression = predictor.layout.answer.kind === 'regression';
  const { values, probabilities }: BatchAnswer = answered.value;
  const given = isRegression ? values : probabilities;
  let worst = 0;
  for (const [row, expected] of vectors.expected.entries()) {
    for (const [column, want] of expected.entries()) {
      const difference = Math.abs((given[row * expected.length + column] ?? Number.NaN) - want);
      // Written so that NaN does not pass.
      if (!(difference <= allowOf(vectors, isRegression, want))) {
        return refuse(
          'acceptance_failed',
          `Row ${row}, value ${column}: ${want} was promised and the difference is ${difference}.`,
        );
      }
      worst = Math.max(worst, difference);
    }
  }
  return given.length === rows * (vectors.expected[0]?.length ?? 0)
    ? accept(worst)
    : refuse('acceptance_failed', `The model gives ${given.length} values for ${rows} rows.`);
}
