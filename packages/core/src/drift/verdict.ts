// Decides what one more window says of one feature of one device: nothing new, too little to tell, a change that does not
// matter, or one that does. Never compares devices and never reads a clock.
import { EMPTY_SERIES, foldSeries, LEAST_WINDOWS, type Series } from './series.ts';

/**
 * `unusable`: the share that was missing, not a number or impossible. `level`: where the values lie. `spread`: how they lie, beside
 * the level. `tail`: the share outside the reference range. Of several that matter the first is named: values that lie
 * elsewhere lie outside the reference range too.
 */
export const ASPECTS = ['unusable', 'level', 'spread', 'tail'] as const;
export type Aspect = (typeof ASPECTS)[number];

/** What is measured of one feature in one window; level and spread in interquartile ranges of the baseline, the others shares. */
export interface Observation extends Readonly<Record<Aspect, number>> {
  /** Values, and how many independent ones they are worth. */
  readonly rows: number;
  readonly effectiveRows: number;
  /** Longest run of one value, as a share of the usable ones. */
  readonly unchanged: number;
}

export interface DriftSettings {
  /** Nominal: what the detector would keep if windows were normal and p exact (docs/drift.md says what was measured). */
  readonly windowsPerFalseAlarm: number;
  /** Windows with fewer values are not judged. */
  readonly leastRows: number;
  /** Changes below these do not matter: interquartile ranges, or shares. */
  readonly material: Readonly<Record<Aspect, number>>;
  /** A window in which so large a share of the values never changed is of a stuck sensor, at once. */
  readonly stuckShare: number;
}

export const DRIFT_SETTINGS: DriftSettings = {
  windowsPerFalseAlarm: 100_000,
  leastRows: 30,
  material: { level: 0.15, spread: 0.15, tail: 0.02, unusable: 0.01 },
  stuckShare: 0.9,
};

/** `learning`: fewer healthy windows than a judgement takes. */
export type Verdict = 'learning' | 'too_few_rows' | 'ok' | 'immaterial' | 'material';

export interface FeatureState {
  readonly windows: number;
  readonly series: Readonly<Record<Aspect, Series>>;
  /** Whether healthy windows had long unchanged runs too: then a run says nothing. */
  readonly runsOften: boolean;
}

export const newFeature = (): FeatureState => ({
  windows: 0,
  series: { level: EMPTY_SERIES, spread: EMPTY_SERIES, tail: EMPTY_SERIES, unusable: EMPTY_SERIES },
  runsOften: false,
});

export interface FeatureVerdict {
  readonly verdict: Verdict;
  /** Windows, or values in a window, that are wanting before it can be judged; 0 when it can. */
  readonly needed: number;
  /** What moved most, in thresholds; undefined while nothing did. */
  readonly aspect: Aspect | 'stuck' | undefined;
  /** The change of that aspect, with its sign, and the least that it is. */
  readonly change: number;
  readonly leastChange: number;
  /** Evidence, as a share of what an alarm takes. */
  readonly evidence: number;
}

const QUIET = { aspect: undefined, change: 0, leastChange: 0 } as const;

/** What chance alone makes of a number that is measured from so many values. */
function noiseOf(aspect: Aspect, value: number, { effectiveRows }: Observation): number {
  const n = Math.max(1, effectiveRows);
  // The mean of a normal varies by σ/√n, and σ is 0.74 interquartile ranges.
  if (aspect === 'level' || aspect === 'spread') return 0.74 / Math.sqrt(n);
  const share = Math.min(0.5, Math.max(value, 1 / n));
  return Math.sqrt((share * (1 - share)) / n);
}

/** Folds the next window, in the order of the windows. */
export function foldWindow(
  state: FeatureState,
  seen: Observation,
  settings: DriftSettings = DRIFT_SETTINGS,
): { readonly state: FeatureState; readonly verdict: FeatureVerdict } {
  if (seen.rows < settings.leastRows) {
    const needed = settings.leastRows - seen.rows;
    return { state, verdict: { verdict: 'too_few_rows', needed, evidence: 0, ...QUIET } };
  }
  const alarm = settings.windowsPerFalseAlarm * ASPECTS.length;
  const series = { ...state.series };
  let found: { aspect: Aspect; change: number; leastChange: number; size: number } | undefined;
  let evidence = 0;
  for (const aspect of ASPECTS) {
    const value = seen[aspect];
    const judged = foldSeries(state.series[aspect], value, noiseOf(aspect, value, seen) / 2, alarm);
    series[aspect] = judged.series;
    const share = judged.series.evidence / alarm;
    evidence = Math.max(evidence, share);
    const size = Math.abs(judged.leastChange) / settings.material[aspect];
    if (share >= 1 && (found === undefined || (found.size < 1 && size > found.size)))
      found = { aspect, change: judged.change, leastChange: judged.leastChange, size };
  }
  const windows = state.windows + 1;
  const isRun = seen.unchanged >= settings.stuckShare;
  const isLearning = windows <= LEAST_WINDOWS;
  const next: FeatureState = { windows, series, runsOften: state.runsOften || (isRun && isLearning) };
  if (isRun && !next.runsOften) {
    const stuck = { aspect: 'stuck', change: seen.unchanged, leastChange: seen.unchanged } as const;
    return { state: next, verdict: { verdict: 'material', needed: 0, evidence: 1, ...stuck } };
  }
  if (isLearning) {
    const needed = LEAST_WINDOWS + 1 - windows;
    return { state: next, verdict: { verdict: needed === 0 ? 'ok' : 'learning', needed, evidence: 0, ...QUIET } };
  }
  if (!found) return { state: next, verdict: { verdict: 'ok', needed: 0, evidence, ...QUIET } };
  const { aspect, change, leastChange, size } = found;
  const verdict = size >= 1 ? 'material' : 'immaterial';
  return { state: next, verdict: { verdict, needed: 0, aspect, change, leastChange, evidence } };
}
