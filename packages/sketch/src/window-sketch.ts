// Owns all statistics of one window against one baseline, and their bytes. Never knows which device, slot or time it is.

import type { Baseline, BaselineSource, Derivation, NumericDistribution } from './baseline-document.ts';
import { Categories } from './categories.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { MAX_FLOAT32 } from './float32.ts';
import { LogBuckets } from './log-buckets.ts';
import { type NumericReference, NumericSketch } from './numeric-sketch.ts';
import { RefEdges } from './ref-hist.ts';
import { accept, refuse, type SketchResult } from './result.ts';
import { Scores } from './scores.ts';
import type { SipKey } from './siphash.ts';
import {
  type BaselinePrefix,
  NO_BASELINE,
  readHeader,
  SKETCH_VERSION,
  type Sketch,
  TOGETHER_VERSION,
  takeBaselinePrefix,
  UNSEEN_VERSION,
  writeHeader,
} from './sketch.ts';
import { BLOCK_ROWS, prepareTogether, Together, type TogetherReference } from './together.ts';
import { ABSENT } from './validity.ts';

/** A baseline made ready once for a model: lookup tables and dictionaries that all its windows share. */
export interface WindowReference {
  readonly prefix: BaselinePrefix;
  /** Numeric features in baseline order: the columns of `addRow`. */
  readonly numericNames: readonly string[];
  /** Categorical features in baseline order: the index of `addCategorical`. */
  readonly categoricalNames: readonly string[];
  /** By numeric and by categorical feature: what it is taken of, where it is not a field of its own. */
  readonly numericFrom: readonly (Derivation | undefined)[];
  readonly categoricalFrom: readonly (Derivation | undefined)[];
  readonly sources: readonly BaselineSource[];
  readonly numeric: readonly NumericReference[];
  readonly dictionaries: readonly ReadonlyMap<string, number>[];
  readonly classCount: number | undefined;
  readonly regression: NumericReference | undefined;
  readonly together: TogetherReference | undefined;
}

/** @param baseline as parseBaseline or buildBaseline gave it. @param digest SHA-256 of its bytes, 64 hex digits. */
export function bindBaseline(baseline: Baseline, digest: string): WindowReference {
  const numeric = baseline.features.filter((f) => f.kind === 'numeric');
  const categorical = baseline.features.filter((f) => f.kind === 'categorical');
  const { output, together } = baseline;
  const prepared = numeric.map(prepareNumbers);
  return {
    prefix: takeBaselinePrefix(digest),
    numericNames: numeric.map((f) => f.name),
    categoricalNames: categorical.map((f) => f.name),
    numericFrom: numeric.map((f) => f.from),
    categoricalFrom: categorical.map((f) => f.from),
    sources: baseline.sources ?? [],
    numeric: prepared,
    dictionaries: categorical.map((f) => new Map(f.dictionary.map((text, place) => [text, place]))),
    classCount: output?.kind === 'classification' ? output.classes.length : undefined,
    regression: output?.kind === 'regression' ? prepareNumbers(output) : undefined,
    together: together && prepareTogether(prepared, together.seed),
  };
}

export function prepareNumbers(d: NumericDistribution): NumericReference {
  const { median, iqr, hardLow = -MAX_FLOAT32, hardHigh = MAX_FLOAT32 } = d;
  return { edges: new RefEdges(d.edges), median, iqr, hardLow, hardHigh };
}

/** Of a baseline: the same on all devices that count on it. */
const keyOf = (prefix: BaselinePrefix): SipKey => {
  const word = (at: number): number => Number.parseInt(prefix.slice(at, at + 8), 16) | 0;
  return [word(0), word(8), 0, 0];
};

/** A model without a baseline: rows and latency only. */
const UNBOUND: WindowReference = {
  prefix: NO_BASELINE,
  numericNames: [],
  categoricalNames: [],
  numericFrom: [],
  categoricalFrom: [],
  sources: [],
  numeric: [],
  dictionaries: [],
  classCount: undefined,
  regression: undefined,
  together: undefined,
};

interface Part {
  reset(): void;
  write(writer: ByteWriter): void;
  read(reader: ByteReader): void;
}

type Join = <S extends Sketch<S>>(mine: S, theirs: S) => void;

/** `plain`: without how features lie together and which unknown categories came. `lean`: also without the features; rows, latency and answers only. */
export type WindowDetail = 'full' | 'plain' | 'lean';

/** One per slot, role and model; `reset` starts the next window without allocating. Adding allocates nothing. */
export class WindowSketch {
  readonly reference: WindowReference;
  readonly categorical: readonly Categories[];
  readonly scores: Scores | undefined;
  readonly regression: NumericSketch | undefined;
  readonly latency = new LogBuckets();
  private readonly relation: Together | undefined;
  /** All of the above in the order of their bytes. */
  private readonly parts: readonly Part[];
  private readonly counted: readonly NumericSketch[];
  /** Counted a block at a time: one feature's bins and sums then stay in the first-level cache. Feature i, waiting row r at i·BLOCK_ROWS + r. */
  private readonly waiting: Float32Array;
  private readonly waitingCauses: Uint8Array;
  private waitingRows = 0;
  private rows = 0;

  /** @param key of the hashes of unknown categories; without one those of all devices with this baseline can be compared. */
  constructor(reference?: WindowReference, key?: SipKey) {
    this.reference = reference ?? UNBOUND;
    const shared = keyOf(this.reference.prefix);
    this.counted = this.reference.numeric.map((n) => new NumericSketch(n));
    this.categorical = this.reference.dictionaries.map((places) => new Categories(places, key ?? shared));
    this.scores = this.reference.classCount === undefined ? undefined : new Scores(this.reference.classCount);
    this.regression =
      this.reference.regression === undefined ? undefined : new NumericSketch(this.reference.regression);
    this.waiting = new Float32Array(this.counted.length * BLOCK_ROWS);
    this.waitingCauses = new Uint8Array(this.waiting.length);
    this.relation = this.reference.together && new Together(this.reference.together);
    // What a later version added comes last.
    const outputs = [this.scores, this.regression, this.relation].filter((part) => part !== undefined);
    this.parts = [this.latency, ...this.counted, ...this.categorical, ...outputs];
  }

  /** Predictions in the window. */
  get rowCount(): number {
    return this.rows;
  }

  /**
   * Adds one prediction: its numeric features in baseline order from `offset` on. Called once for each prediction, also when there
   * are no numeric features.
   * @param causes by numeric feature, why a value is NaN: ABSENT (also when not given), GIVEN_NAN or WRONG_TYPE.
   */
  addRow(x: Float32Array, offset: number, causes?: Uint8Array): void {
    const features = this.counted.length;
    if (offset + features > x.length) throw new RangeError('the row is shorter than the features of the baseline');
    this.rows++;
    const row = this.waitingRows;
    for (let i = 0; i < features; i++) {
      this.waiting[i * BLOCK_ROWS + row] = x[offset + i] as number;
      this.waitingCauses[i * BLOCK_ROWS + row] = causes === undefined ? ABSENT : (causes[i] as number);
    }
    this.waitingRows = row + 1;
    if (row + 1 === BLOCK_ROWS) this.countWaiting();
  }

  /** By numeric feature, with all rows counted. */
  get numeric(): readonly NumericSketch[] {
    this.countWaiting();
    return this.counted;
  }

  /** How the numeric features lie together, with all rows counted; undefined where the baseline says nothing of it. */
  get together(): Together | undefined {
    this.countWaiting();
    return this.relation;
  }

  /** @param index among the categorical features. @param value undefined is missing. */
  addCategorical(index: number, value: string | undefined): void {
    const categories = this.categorical[index];
    if (categories === undefined) throw new RangeError(`no categorical feature ${index}`);
    categories.add(value);
  }

  /** Probabilities of one prediction (see Scores.add); nothing happens for a model whose baseline has no classes. */
  addScores(probabilities: ArrayLike<number>, offset: number, k: number, predicted = -1): void {
    this.scores?.add(probabilities, offset, k, predicted);
  }

  /** Nothing happens for a model whose baseline is not a regression. */
  addRegression(y: number): void {
    this.regression?.add(Math.fround(y), ABSENT);
  }

  /** @param us microseconds of one prediction. */
  addLatency(us: number): void {
    this.latency.add(us);
  }

  /** Adds a window of the same baseline; any other is refused and leaves this one as it was. */
  merge(other: WindowSketch): SketchResult<WindowSketch> {
    return this.combine(other, 1, (mine, theirs) => mine.merge(theirs));
  }

  /** Takes back a window that was merged. */
  subtract(other: WindowSketch): SketchResult<WindowSketch> {
    return this.combine(other, -1, (mine, theirs) => mine.subtract(theirs));
  }

  /** See Moments: for a device whose values must not leave it. */
  blurExtremes(): void {
    for (const { moments } of this.numeric) moments.blurExtremes();
    this.regression?.moments.blurExtremes();
  }

  reset(): void {
    this.rows = 0;
    this.waitingRows = 0;
    for (const part of this.parts) part.reset();
  }

  encode(detail: WindowDetail = 'full'): Uint8Array {
    this.countWaiting();
    const writer = new ByteWriter();
    const relation = detail === 'full' ? this.relation : undefined;
    const unseen = detail === 'full' ? this.categorical.map((categories) => categories.unseen) : [];
    const hasUnseen = unseen.some((each) => !each.isEmpty);
    const version = hasUnseen ? UNSEEN_VERSION : relation ? TOGETHER_VERSION : SKETCH_VERSION;
    writeHeader(writer, 'window', this.reference.prefix, version);
    writer.varint(this.rows);
    const features = detail === 'lean' ? new WindowSketch(this.reference) : this;
    this.latency.write(writer);
    for (const part of [...features.counted, ...features.categorical]) part.write(writer);
    this.scores?.write(writer);
    this.regression?.write(writer);
    relation?.write(writer);
    if (hasUnseen) for (const each of unseen) each.write(writer);
    return writer.finish();
  }

  /** Fills an empty window from what follows the header; the caller looks at `reader.failed`. */
  read(reader: ByteReader, version: number): void {
    this.rows = reader.varint();
    for (const part of this.parts) {
      if (reader.failed) return;
      // An agent of before counted on the same baseline without knowing that part.
      if (part === this.relation && version < TOGETHER_VERSION) break;
      part.read(reader);
    }
    if (version >= UNSEEN_VERSION)
      for (const { unseen, other } of this.categorical) {
        unseen.read(reader);
        if (unseen.total > other) reader.fail();
      }
  }

  private countWaiting(): void {
    const rows = this.waitingRows;
    if (rows === 0) return;
    this.waitingRows = 0;
    this.relation?.addBlock(this.waiting, rows);
    for (let i = 0; i < this.counted.length; i++) {
      const sketch = this.counted[i] as NumericSketch;
      const end = i * BLOCK_ROWS + rows;
      for (let at = i * BLOCK_ROWS; at < end; at++)
        sketch.add(this.waiting[at] as number, this.waitingCauses[at] as number);
    }
  }

  private combine(other: WindowSketch, sign: 1 | -1, join: Join): SketchResult<WindowSketch> {
    if (other.reference.prefix !== this.reference.prefix) {
      return refuse(
        'sketch_baseline_mismatch',
        `counted on ${other.reference.prefix}, not on ${this.reference.prefix}`,
      );
    }
    this.rows += sign * other.rows;
    join(this.latency, other.latency);
    for (let i = 0; i < this.numeric.length; i++)
      join(this.numeric[i] as NumericSketch, other.numeric[i] as NumericSketch);
    for (let i = 0; i < this.categorical.length; i++) {
      join(this.categorical[i] as Categories, other.categorical[i] as Categories);
    }
    if (this.scores !== undefined && other.scores !== undefined) join(this.scores, other.scores);
    if (this.regression !== undefined && other.regression !== undefined) join(this.regression, other.regression);
    if (this.together !== undefined && other.together !== undefined) join(this.together, other.together);
    return accept(this);
  }
}

/**
 * Reads a window. Allocates by the baseline alone, never by what the bytes declare; any bytes are answered, never thrown on.
 * @param reference the baseline that the sender should have counted on; undefined for a model that has none.
 * @param reuse a window of the same reference that is overwritten and answered, so that reading many allocates once; after a refusal its content is undefined.
 */
export function decodeWindow(
  bytes: Uint8Array,
  reference: WindowReference | undefined,
  reuse?: WindowSketch,
): SketchResult<WindowSketch> {
  const reader = new ByteReader(bytes);
  const header = readHeader(reader, 'window');
  if (!header.ok) return header;
  const expected = reference?.prefix ?? NO_BASELINE;
  if (header.prefix !== expected) {
    return refuse('sketch_baseline_mismatch', `counted on ${header.prefix}, not on ${expected}`);
  }
  if (reuse !== undefined && reuse.reference.prefix !== expected) throw new RangeError('a window of another baseline');
  const window = reuse ?? new WindowSketch(reference);
  window.reset();
  window.read(reader, header.version);
  if (reader.failed) return refuse('sketch_malformed', 'window cut short or damaged');
  return reader.atEnd ? accept(window) : refuse('sketch_malformed', 'bytes follow the window');
}

/** What can be told without the baseline: which one it was counted on, and the number of predictions. */
export function peekWindow(
  bytes: Uint8Array,
): SketchResult<{ readonly prefix: BaselinePrefix; readonly rowCount: number }> {
  const reader = new ByteReader(bytes);
  const header = readHeader(reader, 'window');
  if (!header.ok) return header;
  const rowCount = reader.varint();
  return reader.failed ? refuse('sketch_malformed', 'no row count') : accept({ prefix: header.prefix, rowCount });
}
