// Decides whether JSON from the other side has the shape a schema says. Never sends, never fills in defaults.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Static, TSchema } from 'typebox';
import * as Value from 'typebox/value';

/** `json` as what `schema` describes. Unknown fields are allowed: a newer side may add some. Refuses with `answer_invalid`. */
export function readAs<T extends TSchema>(schema: T, json: unknown): Result<Static<T>> {
  if (json === undefined) return refuse('answer_invalid', 'It is not JSON.');
  if (Value.Check(schema, json)) return accept(json as Static<T>);
  const [first] = Value.Errors(schema, json);
  return refuse('answer_invalid', `At "${first?.instancePath || '/'}" it ${first?.message ?? 'does not match'}.`);
}

export type { Static, TSchema } from 'typebox';
