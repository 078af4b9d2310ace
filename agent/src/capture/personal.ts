// Takes the values of personal fields out of a row before anything counts, keeps or logs it. Never decides which fields are.
import type { Manifest } from '@drover/trust/documents';

export interface Withholding {
  readonly names: readonly string[];
  /** In place: a personal number is missing, a personal text too. */
  blank(x: Float32Array, c: string[]): void;
}

/** Undefined for a model that takes no personal field. */
export function makeWithholding({ features }: Manifest, personal: ReadonlySet<string>): Withholding | undefined {
  const placesOf = (wanted: string): number[] =>
    features.filter(({ kind }) => kind === wanted).flatMap(({ name }, place) => (personal.has(name) ? [place] : []));
  const numbers = placesOf('numeric');
  const texts = placesOf('categorical');
  if (numbers.length + texts.length === 0) return undefined;
  return {
    names: features.map(({ name }) => name).filter((name) => personal.has(name)),
    blank(x, c) {
      for (const place of numbers) x[place] = Number.NaN;
      for (const place of texts) c[place] = '';
    },
  };
}
