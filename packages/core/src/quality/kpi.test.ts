// Business numbers joined to what ran: by hand, and limits on seeded fleets.
import { describe, expect, it } from 'vitest';
import { averageOf, compareStreams, joinDevice, LONGEST_GAP_MS, newJoin } from './kpi.ts';

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
const ran = (startAt: number, manifest: string, slot = 'default') => ({ startAt, manifest, slot });

describe('business numbers', () => {
  it('belong to what answered last before them, in each slot, and to nothing after a day without answers', () => {
    const join = newJoin();
    const windows = [ran(100, 'a'), ran(150, 'x', 'side'), ran(200, 'a'), ran(300, 'b')];
    const points = [50, 120, 199, 300, 400, 301 + LONGEST_GAP_MS].map((at, value) => ({ at, value }));
    joinDevice(join, 'd1', points, windows);
    expect(join.unjoined).toBe(2);
    const found = [...join.streams.values()].map(({ slot, manifest, firstAt, byDevice }) => [
      slot,
      manifest,
      firstAt,
      byDevice.get('d1'),
    ]);
    expect(found).toEqual([
      ['default', 'a', 120, { n: 2, sum: 3 }], ['side', 'x', 199, { n: 3, sum: 9 }], ['default', 'b', 300, { n: 2, sum: 7 }],
    ]); // biome-ignore format: slot, version, first, sums
  });

  it('of two versions are compared on the devices that ran both, where they differ less than devices do', () => {
    const random = seeded(3);
    const runs = 400;
    let hits = 0;
    for (let run = 0; run < runs; run++) {
      const join = newJoin();
      for (let d = 0; d < 10; d++) {
        const usual = 50 + 40 * random();
        const change = -2 + 2 * (random() - 0.5);
        const points = Array.from({ length: 20 }, (_, i) => ({
          at: i,
          value: usual + (i < 10 ? 0 : change) + 4 * (random() - 0.5),
        }));
        joinDevice(join, `d${d}`, points, [ran(0, 'a'), ran(10, 'b')]);
      }
      const [a, b] = [...join.streams.values()];
      if (!a || !b) throw new Error('two versions');
      expect(averageOf(b)).toMatchObject({ points: 100, devices: 10 });
      const { interval, devices } = compareStreams(a, b) ?? {};
      expect(devices).toBe(10);
      expect((interval?.high ?? 9) - (interval?.low ?? 0)).toBeLessThan(3);
      if (interval && interval.low <= -2 && -2 <= interval.high) hits += 1;
    }
    expect(hits / runs).toBeGreaterThan(0.92);
    expect(hits / runs).toBeLessThan(0.985);
  });

  it('have no limits below eight devices, and no difference where no device ran both', () => {
    const join = newJoin();
    for (let d = 0; d < 14; d++) joinDevice(join, `d${d}`, [{ at: 5, value: d }], [ran(0, d < 7 ? 'a' : 'b')]);
    const [a, b] = [...join.streams.values()];
    if (!a || !b) throw new Error('two versions');
    expect(averageOf(a)).toMatchObject({ mean: 3, devices: 7, interval: undefined });
    expect(compareStreams(a, b)).toBeUndefined();
  });
});
