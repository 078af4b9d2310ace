// Estimates without labels: exact where the rows are those of the calibration, right within their limits where scores moved and the
// world did not, honest about what they cannot see.
import { LabelledCounts } from '@drover/sketch/labelled';
import { SCORE_BINS, Scores } from '@drover/sketch/scores';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Calibration, checkLabels, type Estimate, estimate } from './estimate.ts';

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Row {
  readonly p: readonly number[];
  readonly truth: number;
}
const argmax = (p: readonly number[]): number => p.indexOf(Math.max(...p));

/** As a baseline is built: the most probable class is the answer. */
function calibrate(rows: readonly Row[], k: number): Calibration {
  const scores = new Scores(k);
  const right = new Float64Array(k * SCORE_BINS);
  for (const { p, truth } of rows) {
    scores.add(p, 0, k);
    const answer = argmax(p);
    const place = answer * SCORE_BINS + Math.min(SCORE_BINS - 1, Math.floor((p[answer] as number) * SCORE_BINS));
    if (answer === truth) right[place] = (right[place] as number) + 1;
  }
  return { classCount: k, rows: scores.confidence, right };
}
function answerAll(rows: readonly Row[], k: number, threshold = 0.5): { scores: Scores; labels: LabelledCounts } {
  const [scores, labels] = [new Scores(k), new LabelledCounts({ kind: 'classification', classCount: k })];
  for (const { p, truth } of rows) {
    const answer = k === 2 ? Number((p[1] as number) > threshold) : argmax(p);
    scores.add(p, 0, k, answer);
    labels.addClass(truth, answer, p, 0);
  }
  return { scores, labels };
}
const valueOf = (one: Estimate | undefined, metric: string, of?: number) =>
  one?.metrics.find((m) => m.metric === metric && m.of === of);

/** A model that means what it says: the truth is 1 with the probability that it gives. `power` bends its scores to one side. */
function binary(random: () => number, count: number, power: number, truthOf = (p: number) => p): Row[] {
  return Array.from({ length: count }, () => {
    const p = random() ** power;
    return { p: [1 - p, p], truth: Number(random() < truthOf(p)) };
  });
}

describe('an estimate without labels', () => {
  it('is exact of the rows of the calibration, whatever they are', () => {
    const probability = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    const row = fc.tuple(probability, fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(fc.array(row, { minLength: 40, maxLength: 200 }), (pairs) => {
        // In the middle of bins: 1 − p of an edge may fall into another bin than p.
        const rows = pairs.map(([x, truth]) => {
          const p = (Math.floor(x * SCORE_BINS) + 0.5) / SCORE_BINS;
          return { p: [1 - p, p], truth };
        });
        const { scores, labels } = answerAll(rows, 2);
        const found = estimate(calibrate(rows, 2), scores.confidence);
        expect(valueOf(found, 'accuracy')?.value).toBeCloseTo(labels.accuracy, 12);
        const [tn = 0, fp = 0, fn = 0, tp = 0] = labels.confusion;
        if (tp + fn > 0) expect(valueOf(found, 'recall', 1)?.value).toBeCloseTo(tp / (tp + fn), 12);
        if (tp + fn > 0 && tp + fp > 0)
          expect(valueOf(found, 'f1', 1)?.value).toBeCloseTo((2 * tp) / (2 * tp + fp + fn), 12);
        if (tp + fp >= 30) expect(valueOf(found, 'precision', 1)?.value).toBeCloseTo(tp / (tp + fp), 12);
        if (tn + fn >= 30) expect(valueOf(found, 'precision', 0)?.value).toBeCloseTo(tn / (tn + fn), 12);
        // Scores in the middle of 64 bins tie exactly as those of the labels do.
        if (labels.auc) expect(valueOf(found, 'auc')?.value).toBeCloseTo(labels.auc.auc, 12);
        expect(found?.scorePsi).toBe(0);
        expect(found?.uncalibrated).toBe(0);
      }),
      { numRuns: 100, seed: 8 },
    );
  });

  it('is exact with three classes too', () => {
    const random = seeded(3);
    const rows = Array.from({ length: 500 }, (): Row => {
      const [a, b, c] = [random() + 0.01, random() + 0.01, random() + 0.01];
      const p = [a, b, c].map((x) => x / (a + b + c));
      return { p, truth: Math.floor(3 * random()) };
    });
    const { scores, labels } = answerAll(rows, 3);
    const found = estimate(calibrate(rows, 3), scores.confidence);
    expect(valueOf(found, 'accuracy')?.value).toBeCloseTo(labels.accuracy, 12);
    for (const c of [0, 1, 2]) {
      const answered = [0, 1, 2].reduce((sum, t) => sum + (labels.confusion[t * 3 + c] as number), 0);
      expect(valueOf(found, 'precision', c)?.value).toBeCloseTo((labels.confusion[c * 4] as number) / answered, 12);
    }
  });

  it('holds the truth within its limits where scores moved and the world did not, also with another threshold', () => {
    const random = seeded(21);
    const hits: Record<string, number> = {};
    const runs = 300;
    for (let run = 0; run < runs; run++) {
      const calibration = calibrate(binary(random, 3000, 1.5), 2);
      const { scores, labels } = answerAll(binary(random, 1000, 1), 2, run % 2 === 0 ? 0.5 : 0.3);
      const found = estimate(calibration, scores.confidence);
      const [, fp = 0, fn = 0, tp = 0] = labels.confusion;
      const truths = {
        accuracy: labels.accuracy,
        recall: tp / (tp + fn),
        f1: (2 * tp) / (2 * tp + fp + fn),
        precision: tp / (tp + fp),
      };
      for (const [metric, truth] of Object.entries(truths)) {
        const interval = valueOf(found, metric, metric === 'accuracy' ? undefined : 1)?.interval;
        if (interval && interval.low <= truth && truth <= interval.high) hits[metric] = (hits[metric] ?? 0) + 1;
      }
    }
    for (const metric of ['accuracy', 'recall', 'f1', 'precision']) {
      expect((hits[metric] ?? 0) / runs, metric).toBeGreaterThan(0.92);
      expect((hits[metric] ?? 0) / runs, metric).toBeLessThan(0.995);
    }
  });

  it('holds the truth within its limits where the calibration is small beside what is estimated', () => {
    const random = seeded(22);
    const runs = 300;
    let hits = 0;
    for (let run = 0; run < runs; run++) {
      const calibration = calibrate(binary(random, 800, 1.2), 2);
      const { scores, labels } = answerAll(binary(random, 4000, 1), 2);
      const interval = valueOf(estimate(calibration, scores.confidence), 'accuracy')?.interval;
      if (interval && interval.low <= labels.accuracy && labels.accuracy <= interval.high) hits += 1;
    }
    expect(hits / runs).toBeGreaterThan(0.92);
    expect(hits / runs).toBeLessThan(0.995);
  });

  it('says that it extrapolates where scores lie where little was calibrated', () => {
    const random = seeded(5);
    const calibration = calibrate(binary(random, 2000, 6), 2);
    const near = answerAll(binary(random, 2000, 6), 2);
    const far = answerAll(binary(random, 2000, 0.3), 2);
    const [usual, moved] = [
      estimate(calibration, near.scores.confidence),
      estimate(calibration, far.scores.confidence),
    ];
    expect(usual).toMatchObject({ isExtrapolated: false });
    expect(usual?.scorePsi).toBeLessThan(0.03);
    expect(moved).toMatchObject({ isExtrapolated: true });
    expect(moved?.scorePsi).toBeGreaterThan(0.25);
  });

  it('cannot see that the world changed, and labels say so', () => {
    const random = seeded(6);
    const calibration = calibrate(binary(random, 3000, 1), 2);
    const same = answerAll(binary(random, 2000, 1), 2);
    const turned = answerAll(binary(random, 2000, 1, (p) => 1 - p), 2); // biome-ignore format: one line
    const found = estimate(calibration, turned.scores.confidence);
    expect(Math.abs((valueOf(found, 'accuracy')?.value ?? 0) - same.labels.accuracy)).toBeLessThan(0.05);
    expect(turned.labels.accuracy).toBeLessThan(0.3);
    expect(checkLabels(calibration, same.labels)).toMatchObject({ isContradicted: false });
    expect(checkLabels(calibration, turned.labels)).toMatchObject({ isContradicted: true });
  });

  it('is not made of few rows', () => {
    const random = seeded(7);
    const calibration = calibrate(binary(random, 300, 1), 2);
    const few = answerAll(binary(random, 29, 1), 2);
    expect(estimate(calibration, few.scores.confidence)).toBeUndefined();
    expect(checkLabels(calibration, few.labels)).toBeUndefined();
    const little = calibrate(binary(random, 29, 1), 2);
    expect(estimate(little, calibration.rows)).toBeUndefined();
  });
});
