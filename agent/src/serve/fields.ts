// Turns named fields into the row that a model takes, and says what is wrong with each. Never predicts, never counts.
import { type Refusal, refuse } from '@drover/core/reasons';
import type { Feature } from '@drover/infer/layout';
import { ABSENT, GIVEN_NAN, WRONG_TYPE } from '@drover/sketch/validity';

/** One row, reused: features in layout order, numeric and categorical apart. */
export interface Row {
  readonly x: Float32Array;
  readonly c: string[];
  /** By numeric feature: why a value is NaN. */
  readonly causes: Uint8Array;
}

export type Fields = Readonly<Record<string, unknown>>;

export interface FieldReader {
  readonly row: Row;
  /**
   * Fills the row from exact fields: each must be there, with the right type; null says that a value is missing. Refuses
   * with input_missing, input_extra or input_type.
   */
  readStrict(fields: Fields): Refusal | undefined;
  /** Fills the row from a sensor: what cannot be used is missing, with its cause; unknown fields are not looked at. */
  readLenient(fields: Fields): undefined;
}

function parseNumber(text: string): number {
  const trimmed = text.trim();
  return trimmed === '' ? Number.NaN : Number(trimmed);
}

const NO_TRUTHS: ReadonlySet<string> = new Set();
const MISSING_WORDS = new Set(['', 'nan', 'na', 'n/a', 'null', 'none', '?']);

/** @param truths numeric fields that are 0 or 1: they may be said as `true` and `false`. */
export function makeFieldReader(features: readonly Feature[], truths: ReadonlySet<string> = NO_TRUTHS): FieldReader {
  const numeric = features.filter(({ kind }) => kind === 'numeric').map(({ name }) => name);
  const categorical = features.filter(({ kind }) => kind === 'categorical').map(({ name }) => name);
  const known = new Set(features.map(({ name }) => name));
  const x = new Float32Array(numeric.length);
  const c = categorical.map(() => '');
  const causes = new Uint8Array(numeric.length);

  function readNumber(i: number, name: string, value: unknown): Refusal | undefined {
    if (value === undefined) return refuse('input_missing', `Field "${name}".`);
    causes[i] = ABSENT;
    x[i] = Number.NaN;
    if (value === null) return undefined;
    if (typeof value === 'boolean' && truths.has(name)) {
      x[i] = Number(value);
      return undefined;
    }
    if (typeof value !== 'number')
      return refuse('input_type', `Field "${name}" takes a number and got ${typeof value}.`);
    if (Number.isNaN(value))
      return refuse('input_type', `Field "${name}" is not a number (NaN); send null when it is missing.`);
    x[i] = value;
    return undefined;
  }

  function readText(i: number, name: string, value: unknown): Refusal | undefined {
    if (value === undefined) return refuse('input_missing', `Field "${name}".`);
    if (value !== null && typeof value !== 'string')
      return refuse('input_type', `Field "${name}" takes text and got ${typeof value}.`);
    c[i] = value ?? '';
    return undefined;
  }

  function senseNumber(i: number, value: unknown): void {
    causes[i] = ABSENT;
    if (typeof value === 'number') {
      x[i] = value;
      if (Number.isNaN(value)) causes[i] = GIVEN_NAN;
      return;
    }
    if (typeof value === 'string') {
      const n = parseNumber(value);
      x[i] = n;
      if (!Number.isNaN(n)) return;
      const word = value.trim().toLowerCase();
      if (word === 'nan') causes[i] = GIVEN_NAN;
      else if (!MISSING_WORDS.has(word)) causes[i] = WRONG_TYPE;
      return;
    }
    x[i] = typeof value === 'boolean' ? Number(value) : Number.NaN;
    if (value !== null && value !== undefined && typeof value !== 'boolean') causes[i] = WRONG_TYPE;
  }

  return {
    row: { x, c, causes },
    readStrict(fields) {
      for (let i = 0; i < numeric.length; i++) {
        const name = numeric[i] ?? '';
        const wrong = readNumber(i, name, fields[name]);
        if (wrong) return wrong;
      }
      for (let i = 0; i < categorical.length; i++) {
        const name = categorical[i] ?? '';
        const wrong = readText(i, name, fields[name]);
        if (wrong) return wrong;
      }
      for (const name in fields) if (!known.has(name)) return refuse('input_extra', `Field "${name.slice(0, 80)}".`);
      return undefined;
    },
    readLenient(fields) {
      for (let i = 0; i < numeric.length; i++) senseNumber(i, fields[numeric[i] ?? '']);
      for (let i = 0; i < categorical.length; i++) {
        const value = fields[categorical[i] ?? ''];
        c[i] =
          typeof value === 'string'
            ? value
            : value === null || value === undefined
              ? ''
              : String(value as number | boolean);
      }
      return undefined;
    },
  };
}
