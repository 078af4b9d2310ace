import { splitMix } from '@drover/sketch/split-mix';
import { describe, expect, it } from 'vitest';
import {
  type DeviceTotals,
  describeLook,
  findDueLook,
  judgeLook,
  judgeLooks,
  type LiveGate,
  lookTimeMs,
  type PeriodTotals,
} from './live.ts';

const DAY = 86_400_000;
const GATE: LiveGate = {
  margins: { errors: 0.01, latency: 0.2 }, looks: 3, everyMs: DAY, baselineMs: 3 * DAY, alpha: 0.05, minDevices: 8, minAnswers: 100, isDryRun: false,
}; // biome-ignore format: one row
const period = (over: Partial<PeriodTotals> = {}): PeriodTotals => ({
  answers: 10_000, errors: 100, labelled: 0, mistakes: 0, isRegression: false, latencyP95: 1000, ...over,
}); // biome-ignore format: one row
let drawn = 0;
const noise = (): number => (splitMix(7, drawn++) >>> 0) / 2 ** 32 - 0.5;
/** Devices that differ a little, each shifted by as much since. */
const arm = (
  n: number,
  shift: Partial<{ errors: number; latency: number; mistakes: number }> = {},
  over: Partial<PeriodTotals> = {},
): DeviceTotals[] =>
  Array.from({ length: n }, () => {
    const own = noise();
    const of = (extra: typeof shift): PeriodTotals =>
      period({
        errors: Math.round(100 + 60 * own + 10 * noise() + (extra.errors ?? 0)),
        latencyP95: 1000 * (1 + 0.3 * own + 0.02 * noise()) * (extra.latency ?? 1),
        mistakes: (over.labelled ?? 0) * (0.1 + 0.05 * own + 0.01 * noise() + (extra.mistakes ?? 0)),
        ...over,
      });
    return { before: of({}), since: of(shift) };
  });
const verdicts = (gate: LiveGate, treated: DeviceTotals[], control: DeviceTotals[], look = 3) =>
  Object.fromEntries(judgeLook(gate, { treated, control }, look).map((one) => [one.metric, one.verdict]));

describe('answers of devices with a version beside those without', () => {
  it('pass when they are no worse than the margin, for certain', () => {
    expect(verdicts(GATE, arm(20), arm(20))).toEqual({ errors: 'pass', latency: 'pass' });
  });

  it('fail by what became worse alone', () => {
    expect(verdicts(GATE, arm(20, { errors: 300 }), arm(20))).toEqual({ errors: 'fail', latency: 'pass' });
    expect(verdicts(GATE, arm(20, { latency: 1.5 }), arm(20))).toEqual({ errors: 'pass', latency: 'fail' });
    const gate = { ...GATE, margins: { mistakes: 0.02 } };
    const labels = { labelled: 1000 };
    expect(verdicts(gate, arm(20, { mistakes: 0.05 }, labels), arm(20, {}, labels))).toEqual({ mistakes: 'fail' });
    expect(
      verdicts(gate, arm(20, {}, { ...labels, isRegression: true }), arm(20, {}, { ...labels, isRegression: true })),
    ).toMatchObject({ mistakes: 'inconclusive' });
  });

  it('are left out of what moves everyone', () => {
    expect(verdicts(GATE, arm(20, { errors: 300, latency: 1.5 }), arm(20, { errors: 300, latency: 1.5 }))).toEqual({
      errors: 'pass',
      latency: 'pass',
    });
  });

  it('say nothing of few devices, few answers or none that is timed', () => {
    const nothing = { errors: 'not_enough_evidence', latency: 'not_enough_evidence' };
    expect(verdicts(GATE, arm(7), arm(20))).toEqual(nothing);
    expect(verdicts(GATE, arm(20), arm(7))).toEqual(nothing);
    expect(verdicts(GATE, arm(20), arm(20, {}, { answers: 40, errors: 1 }))).toEqual(nothing);
    expect(verdicts(GATE, arm(20), arm(20, {}, { latencyP95: null }))).toEqual({
      errors: 'pass',
      latency: 'not_enough_evidence',
    });
    expect(verdicts({ ...GATE, minDevices: 2 }, arm(7), arm(7))).toEqual(nothing);
  });

  it('of devices without a single error are not taken for certain', () => {
    const still = { answers: 200, errors: 0 };
    const [found] = judgeLook(
      { ...GATE, margins: { errors: 0.001 } },
      { treated: arm(10, {}, still), control: arm(10, {}, still) },
      3,
    );
    expect(found).toMatchObject({ verdict: 'inconclusive', compared: { effect: 0 } });
  });
});

describe('the looks of a stage', () => {
  const look = (n: number, treated: DeviceTotals[]) => judgeLook(GATE, { treated, control: arm(20) }, n);

  const firstOf = (results: ReturnType<typeof look>) => {
    const [first] = results;
    if (!first) throw new Error('each metric has a result');
    return first;
  };

  it('come when they were planned', () => {
    expect(lookTimeMs(GATE)).toBe(3 * DAY);
    expect([0, DAY - 1, DAY, 2.5 * DAY, 9 * DAY].map((at) => findDueLook(GATE, 1000, at + 1000))).toEqual([
      0, 0, 1, 2, 3,
    ]);
    expect(findDueLook({ ...GATE, looks: null }, 0, 9 * DAY)).toBe(9);
  });

  it('pass with the last one, fail with any', () => {
    const good = arm(20);
    expect(judgeLooks(GATE, [])).toMatchObject({ verdict: 'not_enough_evidence' });
    expect(judgeLooks(GATE, [...look(1, good), ...look(2, good)])).toMatchObject({
      verdict: 'not_enough_evidence',
      because: '2 of 3 looks were taken.',
    });
    expect(judgeLooks(GATE, [...look(1, good), ...look(2, good), ...look(3, good)])).toMatchObject({ verdict: 'pass' });
    const bad = judgeLooks(GATE, [...look(1, arm(20, { errors: 300 })), ...look(2, good), ...look(3, good)]);
    expect(bad.verdict).toBe('fail');
    expect(bad.because).toMatch(/^errors fail: 2\.\d? percentage points more \(.* to .*\), 20 devices beside 20\.$/);
    expect(judgeLooks({ ...GATE, looks: null }, look(1, good))).toMatchObject({ verdict: 'pass' });
    expect(judgeLooks(GATE, look(3, arm(5)))).toMatchObject({ verdict: 'not_enough_evidence' });
    const said = describeLook({ ...GATE, minDevices: 12 }, firstOf(look(3, arm(5))));
    expect(said).toMatch(/5 devices with the version and 20 without could be compared; 12 of each are needed\.$/);
  });
});
