// Counts how often drift would have been called on windows in which, by the word of a person, nothing changed; and says how sure that
// number is. Never reads a window itself.
import { gammaQ } from '@drover/sketch/special';
import { DRIFT_SETTINGS, type DriftSettings, type FeatureVerdict } from './verdict.ts';

/** What was counted of features of one kind. Sums add. */
export interface CalibrationCount {
  /** Windows of features in which an alarm could begin: not learning, rows enough, none standing. */
  readonly judged: number;
  /** Times that a feature began to be sure that it moved, and of these that it was material. */
  readonly alarms: number;
  readonly material: number;
}

export const NO_COUNT: CalibrationCount = { judged: 0, alarms: 0, material: 0 };

export const addCounts = (a: CalibrationCount, b: CalibrationCount): CalibrationCount => ({
  judged: a.judged + b.judged,
  alarms: a.alarms + b.alarms,
  material: a.material + b.material,
});

const isSure = (verdict: FeatureVerdict['verdict'] | undefined): boolean =>
  verdict === 'material' || verdict === 'immaterial';

/** The count with one more window of a feature; an alarm counts once, however long it lasts. */
export function countVerdict(
  count: CalibrationCount,
  before: FeatureVerdict['verdict'] | undefined,
  { verdict }: FeatureVerdict,
): CalibrationCount {
  if (verdict === 'learning' || verdict === 'too_few_rows') return count;
  return {
    // No alarm can begin while one stands.
    judged: count.judged + (isSure(before) ? 0 : 1),
    alarms: count.alarms + (isSure(verdict) && !isSure(before) ? 1 : 0),
    material: count.material + (verdict === 'material' && before !== 'material' ? 1 : 0),
  };
}

/** The λ at which P(X ≤ k) is `p` for a Poisson X, by halving. */
function poissonMean(k: number, p: number): number {
  let [low, high] = [0, 10 + 3 * (k + 1)];
  while (gammaQ(k + 1, high) > p) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2;
    if (gammaQ(k + 1, middle) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Exact interval of the mean of a Poisson count (Garwood 1936), 95 %. */
export const poissonInterval = (k: number): readonly [low: number, high: number] => [
  k === 0 ? 0 : poissonMean(k - 1, 0.975),
  poissonMean(k, 0.025),
];

export interface CalibrationRate {
  /** Alarms in 100,000 windows of features, and its 95 % interval; undefined where nothing was judged. */
  readonly rate: number | undefined;
  readonly low: number;
  readonly high: number;
  /** What is stated. */
  readonly nominal: number;
  /** `kept`: at most what is stated; `exceeded`: more; `unsure`: so many windows more would tell, if there were no alarm. */
  readonly verdict: 'kept' | 'exceeded' | 'unsure';
  readonly needed: number;
}

const PER = 100_000;
/** An interval that reaches this many times the stated rate still keeps it: the rate itself is on the edge of its interval. */
const TOLERANCE = 2;

export function rateOf(
  { judged, alarms }: CalibrationCount,
  settings: DriftSettings = DRIFT_SETTINGS,
): CalibrationRate {
  const nominal = PER / settings.windowsPerFalseAlarm;
  const [few, many] = poissonInterval(alarms);
  // With none in n windows the interval ends at 3.7/n.
  const enough = Math.ceil((poissonInterval(0)[1] * settings.windowsPerFalseAlarm) / TOLERANCE);
  if (judged === 0)
    return { rate: undefined, low: 0, high: Number.POSITIVE_INFINITY, nominal, verdict: 'unsure', needed: enough };
  const [rate, low, high] = [alarms, few, many].map((count) => (PER * count) / judged) as [number, number, number];
  const verdict = low > nominal ? 'exceeded' : high <= TOLERANCE * nominal ? 'kept' : 'unsure';
  return { rate, low, high, nominal, verdict, needed: verdict === 'unsure' ? Math.max(0, enough - judged) : 0 };
}
