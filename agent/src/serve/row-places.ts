// Decides where the values of a row stand: in a tensor, in a model's row, among the features of its baseline. Never counts.
import type { InputColumns } from '@drover/infer/layout';
import type { TensorValue } from '@drover/infer/runtime';
import type { WindowReference } from '@drover/sketch/window-sketch';
import type { LoadedModel } from './bundle.ts';

/** Where the baseline's features stand in a row of the model; undefined when they are the same row. */
export function planBaseline(reference: WindowReference | undefined, model: LoadedModel) {
  const numeric = model.manifest.features.filter((f) => f.kind === 'numeric').map((f) => f.name);
  const categorical = model.manifest.features.filter((f) => f.kind === 'categorical').map((f) => f.name);
  const places = (reference?.numericNames ?? []).map((name) => numeric.indexOf(name));
  const isSame = places.every((place, i) => place === i);
  return {
    places: isSame ? undefined : Int32Array.from(places),
    texts: (reference?.categoricalNames ?? []).map((name) => categorical.indexOf(name)),
    x: new Float32Array(places.length),
    causes: new Uint8Array(places.length),
  };
}

/** Copies one row of an input tensor to the places of its features. */
export function gatherRow(
  plan: InputColumns,
  tensor: TensorValue | undefined,
  row: number,
  x: Float32Array,
  c: string[],
): void {
  for (let column = 0; column < plan.width; column++) {
    const value = tensor?.data[row * plan.width + column];
    const place = plan.sources[column] ?? 0;
    if (plan.dtype === 'string') c[place] = String(value ?? '');
    else x[place] = Number(value ?? Number.NaN);
  }
}
