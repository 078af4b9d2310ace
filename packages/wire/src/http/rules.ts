// Owns the words of the rules that a bundle carries for its devices: what to look at, what to do, what to answer instead. Strict:
// a rule that is misspelt must not be silently absent. Never applies one.
import type { Static } from 'typebox';
import * as Type from 'typebox';

const Strict = { additionalProperties: false } as const;

/** `flag`: the model's answer with the reason beside it; `abstain`: the fallback instead. */
const Action = Type.Union([Type.Literal('flag'), Type.Literal('abstain')]);

export const Rules = Type.Object(
  {
    /** Numeric fields that leave a range; the hard ranges of the baseline count too. `fields` may be empty for those alone. */
    limits: Type.Optional(
      Type.Object(
        {
          action: Action,
          fields: Type.Array(
            Type.Object(
              {
                field: Type.String({ minLength: 1, maxLength: 256 }),
                low: Type.Optional(Type.Number()),
                high: Type.Optional(Type.Number()),
              },
              Strict,
            ),
            { maxItems: 4096 },
          ),
        },
        Strict,
      ),
    ),
    /** Rows unlike those of training; `share` of such rows would be called so too. */
    novelty: Type.Optional(
      Type.Object(
        { action: Action, share: Type.Union([Type.Literal(0.01), Type.Literal(0.001), Type.Literal(0)]) },
        Strict,
      ),
    ),
    /** The predicted class has a lower probability than `least`. */
    confidence: Type.Optional(
      Type.Object({ action: Action, least: Type.Number({ exclusiveMinimum: 0, maximum: 1 }) }, Strict),
    ),
    /** The run took longer than `mostMs`. */
    latency: Type.Optional(
      Type.Object({ action: Action, mostMs: Type.Number({ exclusiveMinimum: 0, maximum: 60_000 }) }, Strict),
    ),
    /** What is answered where the model is not: a class, or a number. Absent: no label and no value. */
    fallback: Type.Optional(
      Type.Union([
        Type.Object({ label: Type.String({ maxLength: 256 }) }, Strict),
        Type.Object({ value: Type.Number() }, Strict),
      ]),
    ),
  },
  Strict,
);
export type Rules = Static<typeof Rules>;
