// Owns the self-test vectors of a bundle: rows in, answers expected, tolerance. Never runs a model.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';

/** A number, or null for a missing one (JSON has no NaN). */
const Cell = Type.Union([Type.Number(), Type.Null()]);

/**
 * `x[i]` and `c[i]` are the columns of the inputs "x" (float32) and "c" (string) of row i, in the order of the manifest's
 * features; `expected[i]` are the class probabilities, or the one value of a regression. An answer passes when every
 * number is within `tolerance` (absolute for probabilities, times max(1, |expected|) for regression).
 */
export const Vectors = Type.Object({
  type: Type.Literal('drover.vectors/1'),
  tolerance: Type.Number({ minimum: 0, maximum: 1 }),
  x: Type.Array(Type.Array(Cell, { maxItems: 4096 }), { minItems: 1, maxItems: 256 }),
  c: Type.Optional(Type.Array(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 4096 }), { maxItems: 256 })),
  expected: Type.Array(Type.Array(Type.Number(), { minItems: 1, maxItems: 1000 }), { minItems: 1, maxItems: 256 }),
});
export type Vectors = Static<typeof Vectors>;

export function parseVectors(bytes: Uint8Array): Result<Vectors> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    // "Not JSON" is an expected outcome here.
    return refuse('manifest_invalid', 'The self-test vectors are not JSON.');
  }
  if (!Value.Check(Vectors, json))
    return refuse('manifest_invalid', 'The self-test vectors do not match their schema.');
  if (json.expected.length !== json.x.length || (json.c && json.c.length !== json.x.length)) {
    return refuse('manifest_invalid', 'The self-test vectors have inputs and answers of different length.');
  }
  return accept(json);
}
