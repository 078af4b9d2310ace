// Decides what the answers of the devices that have a version say beside those that do not: how much more often they fail, are
// wrong or are late, by how much at most, and whether that passes. Never reads a window and never acts.
import { type Compared, compareArms, LEAST_ARM } from './compare.ts';
import type { Verdict } from './states.ts';

/**
 * `errors`: share of requests without an answer. `mistakes`: share of labelled answers that were wrong, of a regression the mean
 * absolute error. `latency`: 95th percentile of the time of an answer. Of each more is worse.
 */
export const LIVE_METRICS = ['errors', 'mistakes', 'latency'] as const;
export type LiveMetric = (typeof LIVE_METRICS)[number];

export interface LiveGate {
  /** How much worse is still fine: shares as differences, latency and the error of a regression relative (0.2: a fifth). */
  readonly margins: Readonly<Partial<Record<LiveMetric, number>>>;
  /** Planned looks; null: at any time, until one passes or fails. */
  readonly looks: number | null;
  /** Time between two looks, ms. */
  readonly everyMs: number;
  /** How much of what was before is compared with, ms. */
  readonly baselineMs: number;
  /** Chance that a sound version is stopped by all looks and metrics together. */
  readonly alpha: number;
  /** On each side. */
  readonly minDevices: number;
  /** Answers that a device must have before and since, to be compared. */
  readonly minAnswers: number;
  readonly isDryRun: boolean;
}

/** What one device did in one of the two times. */
export interface PeriodTotals {
  readonly answers: number;
  readonly errors: number;
  readonly labelled: number;
  /** Wrong answers, or the sum of absolute errors. */
  readonly mistakes: number;
  readonly isRegression: boolean;
  /** µs; null where nothing was timed. */
  readonly latencyP95: number | null;
}

export interface DeviceTotals {
  readonly before: PeriodTotals;
  readonly since: PeriodTotals;
}

/** What one look says of one metric. */
export interface LookResult {
  readonly look: number;
  readonly metric: LiveMetric;
  readonly verdict: Verdict;
  /** Null where too few devices could be compared. */
  readonly compared: Compared | null;
  readonly treated: number;
  readonly control: number;
}

/** Devices on a side that are compared: more tell little more, and are read for longer. */
export const MOST_ARM = 200;

/** Answers and failures weigh as much as mistakes, and each twice as much as time (design: statistics §4, step 0). */
const WEIGHTS: Readonly<Record<LiveMetric, number>> = { errors: 2, mistakes: 2, latency: 1 };

interface Value {
  readonly x: number;
  /** Variance that the counts alone would have. */
  readonly least: number;
}

const shareOf = (hits: number, n: number): Value => {
  const near = (hits + 0.5) / (n + 1);
  return { x: hits / n, least: (near * (1 - near)) / n };
};

function valueOf(metric: LiveMetric, period: PeriodTotals): Value | undefined {
  const { answers, errors, labelled, mistakes, isRegression, latencyP95 } = period;
  if (metric === 'errors') return answers + errors > 0 ? shareOf(errors, answers + errors) : undefined;
  if (metric === 'latency')
    return latencyP95 !== null && latencyP95 > 0 ? { x: Math.log(latencyP95), least: 0 } : undefined;
  if (labelled === 0) return undefined;
  if (!isRegression) return shareOf(mistakes, labelled);
  return mistakes > 0 ? { x: Math.log(mistakes / labelled), least: 0 } : undefined;
}

const isRelative = (metric: LiveMetric, devices: readonly DeviceTotals[]): boolean =>
  metric === 'latency' || (metric === 'mistakes' && devices.some(({ since }) => since.isRegression));

/** Rows that the metric is about: labelled ones for mistakes. */
const countOf = (metric: LiveMetric, { answers, errors, labelled }: PeriodTotals): number =>
  metric === 'mistakes' ? labelled : answers + errors;

function changesOf(metric: LiveMetric, devices: readonly DeviceTotals[], minAnswers: number): Value[] {
  return devices.flatMap(({ before, since }) => {
    if (countOf(metric, before) < minAnswers || countOf(metric, since) < minAnswers) return [];
    const [a, b] = [valueOf(metric, before), valueOf(metric, since)];
    return a && b ? [{ x: b.x - a.x, least: a.least + b.least }] : [];
  });
}

const meanLeast = (values: readonly Value[]): number =>
  values.reduce((sum, { least }) => sum + least, 0) / Math.max(1, values.length);

/** Devices on each side without which nothing is said. */
const neededOf = ({ minDevices }: LiveGate): number => Math.max(LEAST_ARM, minDevices);

function judgeMetric(
  metric: LiveMetric,
  gate: LiveGate,
  arms: { readonly treated: readonly DeviceTotals[]; readonly control: readonly DeviceTotals[] },
  look: number,
): LookResult {
  const treated = changesOf(metric, arms.treated, gate.minAnswers);
  const control = changesOf(metric, arms.control, gate.minAnswers);
  const counts = { look, metric, treated: treated.length, control: control.length };
  const needed = neededOf(gate);
  if (treated.length < needed || control.length < needed)
    return { ...counts, verdict: 'not_enough_evidence', compared: null };
  const asked = Object.keys(gate.margins).reduce((sum, name) => sum + WEIGHTS[name as LiveMetric], 0);
  const given = gate.margins[metric] ?? 0;
  const margin = isRelative(metric, arms.treated) ? Math.log(1 + given) : given;
  const compared = compareArms(
    treated.map(({ x }) => x),
    control.map(({ x }) => x),
    {
      alpha: (gate.alpha * WEIGHTS[metric]) / asked,
      detect: margin,
      looks: gate.looks,
      least: meanLeast([...treated, ...control]),
    },
  );
  if (!compared) return { ...counts, verdict: 'not_enough_evidence', compared: null };
  const verdict = compared.low > margin ? 'fail' : compared.high < margin ? 'pass' : 'inconclusive';
  return { ...counts, verdict, compared };
}

/** One result a metric of the gate. @param look from 1. */
export const judgeLook = (
  gate: LiveGate,
  arms: { readonly treated: readonly DeviceTotals[]; readonly control: readonly DeviceTotals[] },
  look: number,
): LookResult[] =>
  LIVE_METRICS.filter((metric) => gate.margins[metric] !== undefined).map((metric) =>
    judgeMetric(metric, gate, arms, look),
  );

/** How long a stage has to be watched for all of its planned looks, ms. */
export const lookTimeMs = ({ looks, everyMs }: LiveGate): number => (looks ?? 0) * everyMs;

/** The look that is due at `now` of a stage that is watched since `since`; 0: none yet. */
export function findDueLook({ looks, everyMs }: LiveGate, since: number, now: number): number {
  const passed = Math.max(0, Math.floor((now - since) / everyMs));
  return looks === null ? passed : Math.min(looks, passed);
}

const percentOf = (x: number, isLog: boolean): string =>
  `${Number((100 * (isLog ? Math.expm1(x) : x)).toPrecision(2))}`;

/** In one sentence, for people. */
export function describeLook(gate: LiveGate, { metric, compared, treated, control, verdict }: LookResult): string {
  if (!compared)
    return `${metric}: ${treated} devices with the version and ${control} without could be compared; ${neededOf(gate)} of each are needed.`;
  const isLog = metric === 'latency';
  const unit = isLog ? '%' : metric === 'errors' ? 'percentage points' : 'hundredths';
  const [effect, low, high] = [compared.effect, compared.low, compared.high].map((x) => percentOf(x, isLog));
  return `${metric} ${verdict}: ${effect} ${unit} more (${low} to ${high}), ${treated} devices beside ${control}.`;
}

export interface LiveResult {
  readonly verdict: Verdict;
  readonly because: string;
}

/** What the looks of a stage come to, oldest first. A failure is one at whatever look; a pass is that of the last planned one. */
export function judgeLooks(gate: LiveGate, results: readonly LookResult[]): LiveResult {
  const failed = results.find(({ verdict }) => verdict === 'fail');
  if (failed) return { verdict: 'fail', because: describeLook(gate, failed) };
  const last = Math.max(0, ...results.map(({ look }) => look));
  const newest = results.filter(({ look }) => look === last);
  if (newest.length === 0 || (gate.looks !== null && last < gate.looks))
    return { verdict: 'not_enough_evidence', because: `${last} of ${gate.looks ?? 'any number of'} looks were taken.` };
  const worst =
    newest.find(({ verdict }) => verdict === 'not_enough_evidence') ??
    newest.find(({ verdict }) => verdict === 'inconclusive');
  return worst
    ? { verdict: worst.verdict, because: describeLook(gate, worst) }
    : { verdict: 'pass', because: newest.map((result) => describeLook(gate, result)).join(' ') };
}
