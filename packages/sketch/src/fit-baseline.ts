// Decides whether what a baseline counts is what a model takes. Never reads bytes.

import { type Baseline, type BaselineFeature, TAKES } from './baseline-document.ts';

/** Of a manifest, or of what is known of a model before it has one. */
export interface ModelInputs {
  readonly features: readonly {
    readonly name: string;
    readonly kind: 'numeric' | 'categorical';
    readonly input: string;
  }[];
  readonly inputs: readonly {
    readonly name: string;
    readonly dtype: string;
    readonly shape?: readonly (number | string)[] | undefined;
  }[];
}

const NO_NUMBERS = new Set(['string', 'bool', 'complex64', 'complex128']);

/** Why the model cannot be counted on the baseline; undefined when it can. */
export function findMisfit({ features, sources = [] }: Baseline, model: ModelInputs): string | undefined {
  const fields = new Set(model.features.map(({ name, kind }) => `${kind} ${name}`));
  const has = ({ name, kind, from }: BaselineFeature): boolean => {
    if (!from) return fields.has(`${kind} ${name}`);
    const { of } = TAKES[from.take];
    if (of === 'field') return fields.has(`numeric ${from.source}`);
    return of !== 'text' || fields.has(`categorical ${from.source}`);
  };
  const stray = features.find((feature) => !has(feature));
  if (stray) return `It counts the ${stray.kind} feature "${stray.name}", which the model does not have.`;
  for (const source of sources) {
    if (source.kind !== 'tensor') continue;
    const input = model.inputs.find(({ name }) => name === source.name);
    if (!input || NO_NUMBERS.has(input.dtype)) return `The model has no input "${source.name}" of numbers.`;
    if (model.features.some((feature) => feature.input === source.name))
      return `It measures the input "${source.name}" as a whole, whose columns are features.`;
    const [, ...row] = input.shape ?? [];
    const size = row.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : Number.NaN), 1);
    if (size !== source.size && !Number.isNaN(size) && input.shape)
      return `It measures ${source.size} values a row of the input "${source.name}", which has ${size}.`;
  }
  return undefined;
}
