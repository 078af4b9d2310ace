// Checks the fleet in which nothing is wrong by the moments that it declares, and each change by what it does to a window.
import { describe, expect, it } from 'vitest';
import { openStream } from '../random.ts';
import { CHANGES, liftTop, lose, outliers, shiftMean, spikes, stickAt, stretch } from './changes.ts';
import {
  drawReference,
  LOST_SHARE,
  NULL_FAMILIES,
  NULL_WORLD,
  type NullFamily,
  openNullFeature,
  RARE_SHARE,
  spreadOfFamily,
} from './null-fleet.ts';

const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
};
const sdOf = (values: ArrayLike<number>): number => {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(Array.from(values, (x) => (x - mean) ** 2)));
};
const correlate = (values: readonly number[]): number => {
  const mean = meanOf(values);
  let [above, below] = [0, 0];
  for (const [i, x] of values.entries()) {
    below += (x - mean) ** 2;
    if (i > 0) above += (x - mean) * ((values[i - 1] as number) - mean);
  }
  return above / below;
};

function windows(family: NullFamily, count: number, rows: number, name = 'd/f'): Float64Array[] {
  const feature = openNullFeature(3, name, family);
  return Array.from({ length: count }, () => {
    const values = new Float64Array(rows);
    feature.fill(values);
    return values;
  });
}

describe('a fleet in which nothing is wrong', () => {
  it('has devices that differ by their offsets', () => {
    const means = Array.from({ length: 400 }, (_, d) => meanOf(windows('calm', 1, 400, `d${d}`)[0] as Float64Array));
    // Offsets, wandering, the day and what 400 rows with correlation 0.3 vary by (variance inflation 13/7), in σ.
    const expected = Math.sqrt(0.15 ** 2 + 0.03 ** 2 + 0.05 ** 2 / 2 + 13 / 7 / 400);
    expect(sdOf(means) / 5 / expected).toBeCloseTo(1, 0.7);
    expect(meanOf(means)).toBeCloseTo(300, 0);
  });

  it('has rows and windows that resemble their neighbours, and days', () => {
    const all = windows('calm', 1, 50_000)[0] as Float64Array;
    expect(correlate([...all])).toBeCloseTo(NULL_WORLD.rowCorrelation, 1.3);
    expect(sdOf(all) / spreadOfFamily('calm')).toBeCloseTo(1, 1);
    const levels = windows('restless', 2400, 400).map(meanOf);
    expect(correlate(levels)).toBeGreaterThan(0.3);
    const hours = Array.from({ length: 24 }, (_, hour) => meanOf(levels.filter((_, i) => i % 24 === hour)));
    // The amplitude of a sine is √2 of its standard deviation.
    expect((sdOf(hours) * Math.SQRT2) / 5).toBeCloseTo(NULL_WORLD.season, 1.5);
  });

  it('has families as they are described', () => {
    const logs = Array.from(windows('lognormal', 1, 50_000)[0] as Float64Array, Math.log);
    expect(sdOf(logs)).toBeCloseTo(0.6, 1.5);
    const t3 = windows('t3', 1, 50_000)[0] as Float64Array;
    // Beyond ±3.182 of t with 3 degrees of freedom lie 5 %.
    const centre = meanOf(t3);
    expect(meanOf(Array.from(t3, (x) => Number(Math.abs(x - centre) > 5 * 3.182)))).toBeCloseTo(0.05, 1.7);
    const rare = windows('rare', 2000, 200).map((w) => w.filter((x) => x > 300 + 5 * 5).length);
    expect(meanOf(rare)).toBeCloseTo(RARE_SHARE * 200, 0.9);
    // A Poisson number varies by its mean.
    expect(sdOf(rare) ** 2).toBeCloseTo(RARE_SHARE * 200, 0.5);
    const lost = windows('lossy', 2000, 200).map((w) => w.filter(Number.isNaN).length);
    expect(meanOf(lost.map((n) => Number(n > 0)))).toBeCloseTo(0.03, 1.8);
    expect(meanOf(lost.filter((n) => n > 0)) / 200).toBeCloseTo(LOST_SHARE, 1.7);
  });

  it('is the same bytes for the same seed', () => {
    for (const family of NULL_FAMILIES) {
      expect(windows(family, 3, 50)).toEqual(windows(family, 3, 50));
      expect(windows(family, 1, 50, 'other')).not.toEqual(windows(family, 1, 50));
      expect(drawReference(1, family, 100)).toEqual(drawReference(1, family, 100));
      expect(drawReference(2, family, 100)).not.toEqual(drawReference(1, family, 100));
    }
  });
});

describe('a change', () => {
  const healthy = { mean: 300, sd: 5, high: 310.27 };
  const rows = (): Float64Array => {
    const random = openStream(5, 'rows');
    return Float64Array.from({ length: 20_000 }, () => 300 + 5 * random.normal());
  };
  const changed = (change: (typeof CHANGES)[number]): Float64Array => {
    const values = rows();
    change.apply(values, healthy, openStream(6, change.name));
    return values;
  };
  const share = (values: Float64Array, test: (x: number) => boolean): number =>
    values.filter(test).length / values.length;

  it('does what it is called', () => {
    expect(meanOf(changed(shiftMean(0.5))) - meanOf(rows())).toBeCloseTo(2.5, 9);
    expect(sdOf(changed(stretch(1.5))) / sdOf(rows())).toBeCloseTo(1.5, 9);
    expect(share(changed(outliers(0.05, 4)), (x) => x === 320)).toBeCloseTo(0.05, 1.7);
    expect(share(changed(stickAt(0.05)), (x) => x === 301.5)).toBeCloseTo(0.05, 1.7);
    expect(share(changed(liftTop(3)), (x) => x > 330)).toBeCloseTo(0.02, 1.7);
    expect(share(changed(spikes(0.01, 8)), (x) => x === 340 || x === 260)).toBeCloseTo(0.01, 2);
    expect(share(changed(lose(0.05)), Number.isNaN)).toBeCloseTo(0.05, 1.7);
    expect(new Set(changed(stickAt(1))).size).toBe(1);
  });

  it('is the same for the same seed, and has a name of its own', () => {
    for (const change of CHANGES) expect(changed(change)).toEqual(changed(change));
    expect(new Set(CHANGES.map(({ name }) => name)).size).toBe(CHANGES.length);
  });
});
