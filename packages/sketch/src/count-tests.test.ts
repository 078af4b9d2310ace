// Checks tests from counts by hand-worked cases, by their false alarms where nothing changed, and by what they see.
import { describe, expect, it } from 'vitest';
import { chiSquareTest, kolmogorovTest, rateTest, shiftBetween, stabilityIndex } from './count-tests.ts';
import { normalQuantile } from './special.ts';

/** Mulberry32: the same draws in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const BINS = 32;
/** Equal masses of a standard normal; the outer two bins are open. */
const CUTS = Array.from({ length: BINS - 1 }, (_, i) => normalQuantile((i + 1) / BINS));
const IQR = 2 * normalQuantile(0.75);

function draw(random: () => number, n: number, value = (z: number): number => z): Float64Array {
  const counts = new Float64Array(BINS);
  for (let i = 0; i < n; i++) {
    const x = value(normalQuantile(Math.max(1e-12, random())));
    let bin = 0;
    while (bin < CUTS.length && x >= (CUTS[bin] as number)) bin++;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

const share = (runs: number, hit: (run: number) => boolean): number => {
  let hits = 0;
  for (let run = 0; run < runs; run++) if (hit(run)) hits++;
  return hits / runs;
};

describe('tests from counts', () => {
  it('are what a person works out', () => {
    // A table of two rows: 10 20 30 and 20 20 20.
    expect(chiSquareTest([10, 20, 30], [20, 20, 20]).statistic).toBeCloseTo(10 / 3 + 2, 12);
    expect(chiSquareTest([10, 20, 30], [20, 20, 20]).p).toBeCloseTo(Math.exp(-8 / 3), 12);
    expect(kolmogorovTest([10, 20, 30], [20, 20, 20]).statistic).toBeCloseTo(1 / 6, 12);
    // Everything moved by one bin of width 2: distance 2, in units of 4.
    expect(shiftBetween([0, 0, 8, 0], [0, 4, 0, 0], [0, 2, 4], 4)).toEqual({ distance: 0.5, signed: 0.5 });
    expect(shiftBetween([0, 4, 0, 0], [0, 0, 8, 0], [0, 2, 4], 4)).toEqual({ distance: 0.5, signed: -0.5 });
    expect(stabilityIndex([5, 5], [5, 5])).toEqual({ psi: 0, unbiased: 0 });
    expect(rateTest(5, 100, 50, 1000).statistic).toBeCloseTo(0, 0);
  });

  it("are SciPy's numbers (1.10.1: chi2_contingency, ks_2samp, entropy both ways)", () => {
    const [current, reference] = [
      [12, 30, 55, 40],
      [130, 290, 480, 510],
    ] as const;
    const chi = chiSquareTest(current, reference);
    expect(chi.statistic).toBeCloseTo(3.188_547_779_842_529, 12);
    expect(chi.p).toBeCloseTo(0.363_458_352_492_842_3, 12);
    expect(kolmogorovTest(current, reference).statistic).toBeCloseTo(0.069_731_324_739_866_43, 14);
    expect(stabilityIndex(current, reference).psi).toBeCloseTo(0.025_522_212_421_730_75, 12);
  });

  it('say nothing where there is nothing', () => {
    const none = new Float64Array(4);
    for (const [a, b] of [
      [none, none],
      [none, [1, 2, 3, 4]],
      [[1, 2, 3, 4], none],
    ] as const) {
      expect(chiSquareTest(a, b).p).toBe(1);
      expect(kolmogorovTest(a, b).p).toBe(1);
      expect(shiftBetween(a, b, [0, 1, 2], 1).distance).toBe(0);
      expect(stabilityIndex(a, b).psi).toBe(0);
    }
    expect(rateTest(0, 0, 3, 10).p).toBe(1);
    // One bin holds everything: there is nothing to compare.
    expect(chiSquareTest([9, 0, 0], [500, 0, 0]).p).toBe(1);
  });

  it('raise their share of false alarms and not more, also with bins that are nearly empty', () => {
    const random = seeded(1);
    const chi = share(600, () => chiSquareTest(draw(random, 300), draw(random, 2000)).p < 0.05);
    expect(chi).toBeGreaterThan(0.02);
    expect(chi).toBeLessThan(0.08);
    const small = share(600, () => chiSquareTest(draw(random, 30), draw(random, 2000)).p < 0.05);
    expect(small).toBeLessThan(0.08);
    expect(share(300, () => kolmogorovTest(draw(random, 300), draw(random, 2000)).p < 0.05)).toBeLessThan(0.07);
    const rare = share(2000, () => {
      let [k, l] = [0, 0];
      for (let i = 0; i < 200; i++) if (random() < 0.01) k++;
      for (let i = 0; i < 2000; i++) if (random() < 0.01) l++;
      return rateTest(k, 200, l, 2000).p < 0.05;
    });
    expect(rare).toBeLessThan(0.08);
    // What chance alone gives is taken off the index.
    let [psi, unbiased] = [0, 0];
    for (let run = 0; run < 200; run++) {
      const index = stabilityIndex(draw(random, 500), draw(random, 2000));
      psi += index.psi / 200;
      unbiased += index.unbiased / 200;
    }
    expect(psi).toBeGreaterThan(0.05);
    expect(unbiased).toBeLessThan(0.02);
  });

  it('see a shift, a spread and a value that got stuck', () => {
    const random = seeded(2);
    const reference = draw(random, 20_000);
    const shifted = draw(random, 500, (z) => z + 0.5);
    expect(chiSquareTest(shifted, reference).p).toBeLessThan(1e-6);
    expect(kolmogorovTest(shifted, reference).p).toBeLessThan(1e-6);
    const { distance, signed } = shiftBetween(shifted, reference, CUTS, IQR);
    // 0.5 σ are 0.37 interquartile ranges, less what lies beyond the outer cuts.
    expect(signed).toBeGreaterThan(0.28);
    expect(signed).toBeLessThan(0.42);
    expect(distance).toBeGreaterThanOrEqual(signed);
    expect(
      chiSquareTest(
        draw(random, 500, (z) => 1.5 * z),
        reference,
      ).p,
    ).toBeLessThan(1e-4);
    expect(
      chiSquareTest(
        draw(random, 500, (z) => (random() < 0.1 ? 0.1 : z)),
        reference,
      ).p,
    ).toBeLessThan(1e-6);
    expect(rateTest(20, 200, 20, 2000).p).toBeLessThan(1e-4);
  });

  it('believe autocorrelated values less', () => {
    const [a, b] = [
      [60, 40],
      [500, 500],
    ] as const;
    expect(chiSquareTest(a, b, 4).p).toBeGreaterThan(chiSquareTest(a, b).p);
    expect(rateTest(60, 100, 500, 1000, 4).p).toBeGreaterThan(rateTest(60, 100, 500, 1000).p);
    expect(chiSquareTest(a, b, 0.1)).toEqual(chiSquareTest(a, b));
  });
});
