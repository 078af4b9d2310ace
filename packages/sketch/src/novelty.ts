// Decides how unusual one row is beside the training rows, from the bins of the baseline alone. Never says what to do about it.

import type { Baseline, CategoricalFeature, NoveltyCuts, NumericFeature } from './baseline-document.ts';
import { RefEdges, TAIL_BINS } from './ref-hist.ts';

/**
 * Widths of the bins beyond the reference range, outwards, in interquartile ranges (the last has no end and counts as three of the
 * one before). In the range bins hold equal mass, so mass alone tells; beyond it mass is almost none and distance tells.
 */
const TAIL_WIDTHS = [0.5, 1.5, 6, 18] as const;

/** Krichevsky-Trofimov: a bin that training never met is rare, not impossible. */
const surprise = (count: number, total: number, bins: number): number =>
  -Math.log((count + 0.5) / (total + 0.5 * bins));

interface NumericTable {
  readonly place: number;
  readonly edges: RefEdges;
  /** By bin. */
  readonly surprises: Float64Array;
  readonly missing: number;
}
interface TruthTable {
  readonly place: number;
  /** Of 0, of 1, of another number, of none. */
  readonly surprises: Float64Array;
}
interface TextTable {
  readonly place: number;
  readonly surprises: ReadonlyMap<string, number>;
  readonly other: number;
  readonly missing: number;
}

function tableOf(feature: NumericFeature, place: number): NumericTable {
  const { refCounts, missing } = feature;
  const edges = new RefEdges(feature.edges);
  const total = refCounts.reduce((sum, n) => sum + n, missing);
  const bins = refCounts.length + 1;
  const surprises = Float64Array.from(refCounts, (count, bin) => {
    const below = edges.refFrom - bin;
    const steps = below > 0 ? below : bin - edges.refTo + 1;
    const width = steps > 0 ? (TAIL_WIDTHS[Math.min(steps - 1, TAIL_BINS)] ?? 1) : TAIL_WIDTHS[0];
    return surprise(count, total, bins) + Math.log(width / TAIL_WIDTHS[0]);
  });
  return { place, edges, surprises, missing: surprise(missing, total, bins) };
}

function tableOfTexts({ dictionary, refCounts }: CategoricalFeature, place: number): TextTable {
  const total = refCounts.reduce((sum, n) => sum + n, 0);
  const at = (i: number): number => surprise(refCounts[i] ?? 0, total, refCounts.length);
  const surprises = new Map(dictionary.map((text, i) => [text, at(i)]));
  return { place, surprises, other: at(dictionary.length), missing: at(dictionary.length + 1) };
}

function tableOfTruth({ refCounts }: CategoricalFeature, place: number): TruthTable {
  const total = refCounts.reduce((sum, n) => sum + n, 0);
  return { place, surprises: Float64Array.from(refCounts, (n) => surprise(n, total, refCounts.length)) };
}

/** Scores rows whose numbers and texts stand at places of their own. */
export class Novelty {
  private readonly numbers: readonly NumericTable[];
  private readonly truths: readonly TruthTable[];
  private readonly texts: readonly TextTable[];
  /** Fields that are scored: what is measured of texts and tensors is not. */
  readonly size: number;

  /** @param placeOf where a field stands among the numbers, or among the texts, of a row. */
  constructor({ features }: Pick<Baseline, 'features'>, placeOf: (feature: { kind: string; name: string }) => number) {
    const fields = features.filter((f) => f.from === undefined);
    this.numbers = fields.filter((f) => f.kind === 'numeric').map((f) => tableOf(f, placeOf(f)));
    this.texts = fields.filter((f) => f.kind === 'categorical').map((f) => tableOfTexts(f, placeOf(f)));
    this.truths = features
      .filter((f) => f.kind === 'categorical' && f.from?.take === 'truth')
      .map((f) => tableOfTruth(f as CategoricalFeature, placeOf({ kind: 'numeric', name: f.from?.source ?? '' })));
    this.size = fields.length + this.truths.length;
  }

  /** Mean surprise of the features in nats: one look-up each, nothing allocated. '' and undefined are a missing text, NaN a missing number. */
  score(x: Float32Array | Float64Array, c: readonly (string | undefined)[]): number {
    let sum = 0;
    for (let i = 0; i < this.numbers.length; i++) {
      const table = this.numbers[i] as NumericTable;
      const value = x[table.place] as number;
      sum += Number.isNaN(value) ? table.missing : (table.surprises[table.edges.indexOf(value)] as number);
    }
    for (let i = 0; i < this.truths.length; i++) {
      const { place, surprises } = this.truths[i] as TruthTable;
      const value = x[place] as number;
      sum += surprises[value === 0 || value === 1 ? value : Number.isNaN(value) ? 3 : 2] as number;
    }
    for (let i = 0; i < this.texts.length; i++) {
      const table = this.texts[i] as TextTable;
      const text = c[table.place];
      sum += text === undefined || text === '' ? table.missing : (table.surprises.get(text) ?? table.other);
    }
    return sum / Math.max(1, this.size);
  }
}

/** Shares of rows like those of training that may be called novel; 0: only what scores above every training row. */
export const NOVELTY_SHARES = [0.01, 0.001, 0] as const;
export type NoveltyShare = (typeof NOVELTY_SHARES)[number];

export const cutFor = (cuts: NoveltyCuts, share: NoveltyShare): number => cuts[NOVELTY_SHARES.indexOf(share)] as number;

/**
 * The scores above which a row is novel. The rank is that of split conformal prediction, so that a further row of the same kind
 * lies above with at most the share; the bins have seen these rows, so the promise holds about, not exactly.
 */
export function findNoveltyCuts(scores: Float64Array): NoveltyCuts {
  const sorted = scores.toSorted();
  const n = sorted.length;
  const cut = (share: number): number => sorted[Math.min(n, Math.ceil((1 - share) * (n + 1))) - 1] ?? 0;
  const [often, seldom, never] = NOVELTY_SHARES;
  return [cut(often), cut(seldom), cut(never)];
}
