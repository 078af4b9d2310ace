// Counts the inputs of one row on the baseline of its model: fields where they stand, texts and tensors by what is measured of
// them. Never predicts and never keeps a value.
import type { Feeds } from '@drover/infer/runtime';
import type { BaselineSource, Derivation, Take } from '@drover/sketch/baseline-document';
import { truthOf } from '@drover/sketch/derive-columns';
import { IMAGE_MEASURES, TENSOR_PROJECTIONS, TensorMeasures } from '@drover/sketch/tensor-measures';
import { SCRIPTS, TextMeasures } from '@drover/sketch/text-measures';
import type { WindowSketch } from '@drover/sketch/window-sketch';
import type { Manifest } from '@drover/trust/documents';

export interface RowCounter {
  /** @param x numeric fields, @param c categorical ones, each in the order of the manifest. @param causes see WindowSketch.addRow. */
  fields(x: Float32Array, causes: Uint8Array | undefined, c: readonly string[]): void;
  /** The same row, with what is measured of one of `rows` rows of the tensors that it stood in. */
  tensors(feeds: Feeds, row: number, rows: number, x: Float32Array, c: readonly string[]): void;
}

/** What is taken of one text or tensor, and where among the numeric features it goes. */
interface NumberTaken {
  readonly to: number;
  readonly take: Take;
  readonly index: number;
}
interface MeasuredText {
  readonly place: number;
  readonly measures: TextMeasures;
  readonly numbers: readonly NumberTaken[];
}
interface MeasuredTensor {
  readonly input: string;
  readonly isWithheld: boolean;
  readonly measures: TensorMeasures;
  readonly numbers: readonly NumberTaken[];
}

const placeAmong = ({ features }: Pick<Manifest, 'features'>, wanted: 'numeric' | 'categorical') => {
  const names = features.filter(({ kind }) => kind === wanted).map(({ name }) => name);
  return (name: string): number => names.indexOf(name);
};

function takenOf(froms: readonly (Derivation | undefined)[], source: BaselineSource): NumberTaken[] {
  return froms.flatMap((from, to) =>
    from?.source === source.name ? [{ to, take: from.take, index: from.index }] : [],
  );
}

const valueIn = ({ take, index }: NumberTaken): number =>
  take === 'projection' ? index : TENSOR_PROJECTIONS + (IMAGE_MEASURES as readonly Take[]).indexOf(take);

/** @param personal names of inputs that are not looked at. */
export function makeRowCounter(
  manifest: Pick<Manifest, 'features'>,
  sketch: WindowSketch,
  personal: ReadonlySet<string> | undefined,
): RowCounter {
  const { numericNames, numericFrom, categoricalNames, categoricalFrom, sources } = sketch.reference;
  const placeOfNumber = placeAmong(manifest, 'numeric');
  const placeOfText = placeAmong(manifest, 'categorical');
  const places = Int32Array.from(numericNames, (name, i) => (numericFrom[i] ? -1 : placeOfNumber(name)));
  const isSame = sources.length === 0 && places.every((place, i) => place === i);
  const ownX = new Float32Array(places.length);
  const ownCauses = new Uint8Array(places.length);

  const texts: MeasuredText[] = [];
  const tensors: MeasuredTensor[] = [];
  for (const source of sources) {
    const numbers = takenOf(numericFrom, source);
    if (source.kind === 'text')
      texts.push({ place: placeOfText(source.name), measures: new TextMeasures(source.vocabulary), numbers });
    else
      tensors.push({
        input: source.name,
        isWithheld: personal?.has(source.name) ?? false,
        measures: new TensorMeasures(source),
        numbers,
      });
  }

  /** By categorical feature, what it is of a row. */
  const categories = categoricalNames.map(
    (name, i): ((x: Float32Array, c: readonly string[]) => string | undefined) => {
      const from = categoricalFrom[i];
      if (from?.take === 'truth') {
        const place = placeOfNumber(from.source);
        return (x) => truthOf(x[place] as number);
      }
      if (from) {
        const text = texts.find(({ place }) => place === placeOfText(from.source));
        // Measured just before, with its numbers.
        return (_, c) => (text && c[text.place] ? SCRIPTS[text.measures.script] : undefined);
      }
      const place = placeOfText(name);
      return (_, c) => c[place] || undefined;
    },
  );

  function measureText({ place, measures, numbers }: MeasuredText, c: readonly string[]): void {
    const text = c[place];
    if (text) measures.read(text);
    for (let i = 0; i < numbers.length; i++) {
      const { to, take } = numbers[i] as NumberTaken;
      ownX[to] = text ? (take === 'length' ? measures.length : measures.unknownShare) : Number.NaN;
      ownCauses[to] = 0;
    }
  }

  function measureTensor(
    { input, isWithheld, measures, numbers }: MeasuredTensor,
    feeds: Feeds,
    row: number,
    rows: number,
  ) {
    const data = feeds[input]?.data;
    // Rows of another size, or of another type, than the baseline measured are missing: the model itself says whether it takes them.
    const isFit =
      !isWithheld && data !== undefined && data.length === rows * measures.size && typeof data[0] === 'number';
    if (isFit) measures.read(data as Float32Array, row * measures.size);
    for (const taken of numbers) {
      ownX[taken.to] = isFit ? (measures.values[valueIn(taken)] as number) : Number.NaN;
      ownCauses[taken.to] = 0;
    }
  }

  function count(x: Float32Array, causes: Uint8Array | undefined, c: readonly string[]): void {
    if (isSame) sketch.addRow(x, 0, causes);
    else {
      for (let i = 0; i < places.length; i++) {
        const place = places[i] as number;
        if (place < 0) continue;
        ownX[i] = x[place] as number;
        ownCauses[i] = causes === undefined ? 0 : (causes[place] as number);
      }
      for (let i = 0; i < texts.length; i++) measureText(texts[i] as MeasuredText, c);
      sketch.addRow(ownX, 0, ownCauses);
    }
    for (let i = 0; i < categories.length; i++) sketch.addCategorical(i, categories[i]?.(x, c));
  }

  return {
    fields(x, causes, c) {
      // A row of fields has no tensors: what is measured of them is missing.
      for (const tensor of tensors) measureTensor(tensor, {}, 0, 0);
      count(x, causes, c);
    },
    tensors(feeds, row, rows, x, c) {
      for (const tensor of tensors) measureTensor(tensor, feeds, row, rows);
      count(x, undefined, c);
    },
  };
}

/** The columns of one input tensor, and where each goes among the numbers or the texts of a row. */
export interface GatheredInput {
  readonly input: string;
  readonly isText: boolean;
  readonly columns: Int32Array;
  readonly places: Int32Array;
}

export function planGathering({ features }: Pick<Manifest, 'features'>): readonly GatheredInput[] {
  const place = { numeric: placeAmong({ features }, 'numeric'), categorical: placeAmong({ features }, 'categorical') };
  return [...new Set(features.map(({ input }) => input))].flatMap((input) =>
    (['numeric', 'categorical'] as const).map((kind) => {
      const mine = features.filter((feature) => feature.input === input && feature.kind === kind);
      return {
        input,
        isText: kind === 'categorical',
        columns: Int32Array.from(mine, ({ index }) => index),
        places: Int32Array.from(mine, ({ name }) => place[kind](name)),
      };
    }),
  );
}

/** Copies one of `rows` rows of the tensors to the places of its fields. */
export function gatherRow(
  plan: readonly GatheredInput[],
  feeds: Feeds,
  row: number,
  rows: number,
  x: Float32Array,
  c: string[],
): void {
  for (const { input, isText, columns, places } of plan) {
    const data = feeds[input]?.data;
    const start = data ? (row * data.length) / rows : 0;
    for (let i = 0; i < columns.length; i++) {
      const value = data?.[start + (columns[i] as number)];
      if (isText) c[places[i] as number] = String(value ?? '');
      else x[places[i] as number] = Number(value ?? Number.NaN);
    }
  }
}
