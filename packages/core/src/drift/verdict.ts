// Decides what one more window says of one feature of one device: nothing new, too little to tell, a change that does not
// matter, or one that does. Never compares devices and never reads a clock.
import { hourOf } from './season.ts';
import { type Change, changeOf, foldSeries, LEAST_WINDOWS, newSeries, type Series, type SeriesKind } from './series.ts';

/**
 * `unusable`: the share that was missing, not a number or impossible. `level`: where the values lie. `spread`: how they lie, beside
 * the level. `tail`: the share outside the reference range. `shape`: how the counts of the bins differ, also where nothing lies far away (a
 * value that comes too often). Of several that matter the first is named: values that lie elsewhere lie outside the reference range too.
 */
export const ASPECTS = ['unusable', 'level', 'spread', 'tail', 'shape'] as const;
export type Aspect = (typeof ASPECTS)[number];

const KINDS: Readonly<Record<Aspect, SeriesKind>> = {
  unusable: { power: 1, isUpward: true, hasSeason: false },
  level: { power: 2, isUpward: false, hasSeason: true },
  spread: { power: 2, isUpward: false, hasSeason: false },
  tail: { power: 1, isUpward: false, hasSeason: false },
  shape: { power: 2, isUpward: true, hasSeason: false },
};

/** What is measured of one feature in one window; level, spread and shape in interquartile ranges of the baseline, the others shares. */
export interface Observation extends Readonly<Record<Aspect, number>> {
  /** Values, and how many independent ones they are worth. */
  readonly rows: number;
  readonly effectiveRows: number;
  /** Longest run of one value, as a share of the usable ones. */
  readonly unchanged: number;
  /** When the window began, ms since epoch; without it nothing is known of days. */
  readonly startAt?: number;
}

export interface DriftSettings {
  /** Mean windows of one feature of one device between two alarms by chance. */
  readonly windowsPerFalseAlarm: number;
  /** Windows with fewer values are not judged. */
  readonly leastRows: number;
  /** Changes below these do not matter: interquartile ranges, or shares. */
  readonly material: Readonly<Record<Aspect, number>>;
  /** A share must also change by so much of what is usual. */
  readonly materialOfUsual: number;
  /** Shares of a window that are no drift but a fault, at once: values that never changed, and values that cannot be used. */
  readonly stuckShare: number;
  readonly dropoutShare: number;
  /** A device is not judged before it has seen so long of its world: a day has hours. */
  readonly learnMs: number;
}

export const DRIFT_SETTINGS: DriftSettings = {
  windowsPerFalseAlarm: 100_000,
  leastRows: 30,
  material: { level: 0.15, spread: 0.15, tail: 0.02, unusable: 0.01, shape: 0.15 },
  materialOfUsual: 0.25,
  stuckShare: 0.9,
  dropoutShare: 0.9,
  learnMs: 86_400_000,
};

/** `learning`: fewer healthy windows than a judgement takes. */
export type Verdict = 'learning' | 'too_few_rows' | 'ok' | 'immaterial' | 'material';

/** `unconfirmed`: it moved for itself, and of as many as are followed some do by chance (gate.ts). */
export type FleetVerdict = Verdict | 'unconfirmed';

/** Changed in place by each fold: millions of windows are. */
export interface FeatureState {
  windows: number;
  /** Start of the first window, ms since epoch; NaN while none was told. */
  firstAt: number;
  readonly series: Readonly<Record<Aspect, Series>>;
  /** Whether healthy windows were of that kind too: then it says nothing. */
  runsOften: boolean;
  dropsOften: boolean;
  /** Tells this feature of this device from all others. */
  readonly seed: number;
}

export const newFeature = (seed = 0): FeatureState => ({
  windows: 0,
  firstAt: Number.NaN,
  series: {
    unusable: newSeries(KINDS.unusable),
    level: newSeries(KINDS.level),
    spread: newSeries(KINDS.spread),
    tail: newSeries(KINDS.tail),
    shape: newSeries(KINDS.shape),
  },
  runsOften: false,
  dropsOften: false,
  seed,
});

export interface FeatureVerdict {
  readonly verdict: Verdict;
  /** Windows, or values in a window, that are wanting before it can be judged; 0 when it can. */
  readonly needed: number;
  /** What moved most, in thresholds; undefined while nothing did. */
  readonly aspect: Aspect | 'stuck' | 'dropout' | undefined;
  /** The change of that aspect, with its sign, and the least that it is. */
  readonly change: number;
  readonly leastChange: number;
  /** Evidence, as a share of what an alarm takes. */
  readonly evidence: number;
  /** It would be material if the model used the feature more (influence.ts). */
  readonly hardlyUsed?: true;
}

const QUIET = { aspect: undefined, change: 0, leastChange: 0 } as const;

const isShare = (aspect: Aspect): boolean => aspect === 'tail' || aspect === 'unusable';

/** What chance alone makes of a number that is measured from so many values. */
function noiseOf(aspect: Aspect, value: number, { effectiveRows }: Observation): number {
  const n = Math.max(1, effectiveRows);
  // The mean of a normal varies by σ/√n, and σ is 0.74 interquartile ranges.
  if (!isShare(aspect)) return 0.74 / Math.sqrt(n);
  const share = Math.min(0.5, Math.max(value, 1 / n));
  return Math.sqrt((share * (1 - share)) / n);
}

/** The least change that matters. */
export function materialOf(aspect: Aspect, usual: number, settings: DriftSettings = DRIFT_SETTINGS): number {
  const least = settings.material[aspect];
  return isShare(aspect) ? Math.max(least, settings.materialOfUsual * usual) : least;
}

/**
 * E-value of one feature of one device for control over all of them (e-BH): the mean over the aspects of R/t, of which each is 1 on
 * average while nothing changes.
 */
export function eValueOfFeature({ series, windows }: FeatureState): number {
  let sum = 0;
  for (const aspect of ASPECTS) sum += series[aspect].evidence;
  return sum / ASPECTS.length / Math.max(1, windows - LEAST_WINDOWS);
}

interface Found extends Change {
  readonly aspect: Aspect;
  /** In changes that matter. */
  readonly size: number;
}

/** The state of all aspects after the window, and what of them moved for sure. */
function foldAspects(
  state: FeatureState,
  seen: Observation,
  isYoung: boolean,
  settings: DriftSettings,
): Found | undefined {
  const alarm = alarmOf(settings);
  const hour = seen.startAt === undefined ? 0 : hourOf(seen.startAt);
  let found: Found | undefined;
  for (const [at, aspect] of ASPECTS.entries()) {
    const series = state.series[aspect];
    const seed = Math.imul(state.seed + at, 0x85ebca6b);
    const floor = noiseOf(aspect, seen[aspect], seen) / 2;
    foldSeries(series, seen[aspect], { kind: KINDS[aspect], floor, alarm, seed, hour, isYoung });
    if (series.evidence < alarm) continue;
    const change = changeOf(series);
    const size = Math.abs(change.leastChange) / materialOf(aspect, change.usual, settings);
    if (found === undefined || (found.size < 1 && size > found.size)) found = { aspect, size, ...change };
  }
  return found;
}

/** Of several aspects each may raise the alarm: each gets its part of what is allowed. */
const alarmOf = (settings: DriftSettings): number => settings.windowsPerFalseAlarm * ASPECTS.length;

/** Windows that are wanting before the device is judged, 0 when it is. */
function neededOf({ windows, firstAt }: FeatureState, { startAt }: Observation, { learnMs }: DriftSettings): number {
  const least = Math.max(0, LEAST_WINDOWS + 1 - windows);
  const seen = startAt === undefined || Number.isNaN(firstAt) ? learnMs : startAt - firstAt;
  if (seen >= learnMs) return least;
  // As long as the ones before.
  const rest = windows > 1 && seen > 0 ? Math.ceil((learnMs - seen) / (seen / (windows - 1))) : 1;
  return Math.max(least, rest);
}

/** Folds the next window, in the order of the windows. The state that was given is used up: go on with the one returned. */
export function foldWindow(
  state: FeatureState,
  seen: Observation,
  settings: DriftSettings = DRIFT_SETTINGS,
): { readonly state: FeatureState; readonly verdict: FeatureVerdict } {
  if (seen.rows < settings.leastRows) {
    const needed = settings.leastRows - seen.rows;
    return { state, verdict: { verdict: 'too_few_rows', needed, evidence: 0, ...QUIET } };
  }
  state.windows += 1;
  if (Number.isNaN(state.firstAt) && seen.startAt !== undefined) state.firstAt = seen.startAt;
  const needed = neededOf(state, seen, settings);
  const found = foldAspects(state, seen, needed > 0, settings);
  const isStuck = seen.unchanged >= settings.stuckShare;
  const isDropout = seen.unusable >= settings.dropoutShare;
  if (state.windows <= LEAST_WINDOWS) {
    state.runsOften ||= isStuck;
    state.dropsOften ||= isDropout;
  }
  // Faults need no past but that they are not usual for this device.
  const fault = isDropout && !state.dropsOften ? 'dropout' : isStuck && !state.runsOften ? 'stuck' : undefined;
  if (fault) {
    const share = fault === 'stuck' ? seen.unchanged : seen.unusable;
    const what = { aspect: fault, change: share, leastChange: share } as const;
    return { state, verdict: { verdict: 'material', needed: 0, evidence: 1, ...what } };
  }
  if (needed > 0) return { state, verdict: { verdict: 'learning', needed, evidence: 0, ...QUIET } };
  const most = Math.max(...ASPECTS.map((aspect) => state.series[aspect].evidence));
  const evidence = most / alarmOf(settings);
  if (!found) return { state, verdict: { verdict: 'ok', needed: 0, evidence, ...QUIET } };
  const { aspect, change, leastChange, size } = found;
  const verdict = size >= 1 ? 'material' : 'immaterial';
  return { state, verdict: { verdict, needed: 0, aspect, change, leastChange, evidence } };
}
