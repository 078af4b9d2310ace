// Decides whether given training parameters are known and in range. Owns no parameter itself.
import { accept, type Result, refuse } from '@drover/core/reasons';

export interface ParamRange {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
}

/** Every parameter of `ranges`, given or by default. Refuses a name that is not in `ranges` and a value outside its range. */
export function readParams<K extends string>(
  given: Readonly<Record<string, unknown>>,
  ranges: Readonly<Record<K, ParamRange>>,
): Result<Record<K, number>> {
  const names = Object.keys(ranges) as K[];
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(ranges, name));
  if (unknown !== undefined) return refuse('params_invalid', `"${unknown}" is unknown; known: ${names.join(', ')}.`);
  const out = {} as Record<K, number>;
  for (const name of names) {
    const range = ranges[name];
    const value = Object.hasOwn(given, name) ? given[name] : range.fallback;
    const fits = typeof value === 'number' && value >= range.min && value <= range.max;
    if (!fits || (range.integer === true && !Number.isInteger(value))) {
      const kind = range.integer === true ? 'an integer' : 'a number';
      return refuse('params_invalid', `"${name}" must be ${kind} from ${range.min} to ${range.max}.`);
    }
    out[name] = value;
  }
  return accept(out);
}
