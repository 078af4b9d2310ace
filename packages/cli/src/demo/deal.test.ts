// Proves that dealing loses no row, plays none twice, and keeps devices whole.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Deal, dealRows, deriveEndLabel } from './deal.ts';

const shuffled = (rows: number, seed: number): Int32Array => {
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  let state = seed >>> 0;
  for (let i = rows - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    const kept = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = kept;
  }
  return order;
};

const expectEachRowOnce = (deal: Deal, rows: number): void => {
  const all = [...deal.train, ...deal.shares.flatMap((share) => [...share])].sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: rows }, (_, i) => i));
};

const common = {
  rows: fc.integer({ min: 2, max: 400 }),
  agents: fc.integer({ min: 1, max: 20 }),
  trainShare: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
  seed: fc.integer(),
};

describe('dealRows', () => {
  it('plays or trains every row exactly once, in the order of time, in shares that differ by one row at most', () => {
    fc.assert(
      fc.property(fc.record(common), ({ rows, agents, trainShare, seed }) => {
        const order = shuffled(rows, seed);
        const place = new Map([...order].map((row, i) => [row, i]));
        const deal = dealRows({ rows, order, devices: undefined, trainShare, agents });
        expectEachRowOnce(deal, rows);
        const sizes = deal.shares.map((s) => s.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        expect(deal.shares.length).toBeLessThanOrEqual(agents);
        const lastTrained = Math.max(...[...deal.train].map((row) => place.get(row) ?? -1));
        for (const share of deal.shares) {
          const places = [...share].map((row) => place.get(row) ?? -1);
          expect(places).toEqual([...places].sort((a, b) => a - b));
          expect(Math.min(...places)).toBeGreaterThan(lastTrained);
        }
      }),
    );
  });

  it('keeps each device whole: all of it trains, or one agent plays all of it in the order of time', () => {
    const withDevices = fc.record({ ...common, deviceCount: fc.integer({ min: 2, max: 30 }) });
    fc.assert(
      fc.property(withDevices, ({ rows, agents, trainShare, seed, deviceCount }) => {
        const order = shuffled(rows, seed);
        const devices = Int32Array.from({ length: rows }, (_, i) => (i * 7 + (seed & 3)) % deviceCount);
        fc.pre(new Set(devices).size >= 2);
        const deal = dealRows({ rows, order, devices, trainShare, agents });
        expectEachRowOnce(deal, rows);
        const parts = [deal.train, ...deal.shares].map((part) => new Set([...part].map((row) => devices[row])));
        for (const [i, part] of parts.entries()) {
          for (const other of parts.slice(i + 1)) expect([...part].filter((device) => other.has(device))).toEqual([]);
        }
        expect(deal.train.length).toBeGreaterThan(0);
        const place = new Map([...order].map((row, i) => [row, i]));
        for (const [agent, share] of deal.shares.entries()) {
          expect(share.length).toBeGreaterThan(0);
          expect(new Set([...share].map((row) => devices[row]))).toEqual(new Set(deal.devicesOf[agent]));
          for (let i = 1; i < share.length; i++) {
            const [a, b] = [share[i - 1] ?? -1, share[i] ?? -1];
            if (devices[a] === devices[b]) expect(place.get(b) ?? -1).toBeGreaterThan(place.get(a) ?? -1);
          }
        }
      }),
    );
  });

  it('spreads devices of different length evenly', () => {
    const devices = Int32Array.from([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4]);
    const order = Int32Array.from(devices, (_, i) => i);
    const deal = dealRows({ rows: devices.length, order, devices, trainShare: 0.2, agents: 2 });
    expect(deal.trainedDevices).toEqual([0]);
    expect(deal.shares.map((s) => s.length)).toEqual([9, 9]);
  });
});

describe('deriveEndLabel', () => {
  it('marks the last rows of each device in time, not in the file', () => {
    const devices = Int32Array.from([0, 1, 0, 1, 0]);
    const order = Int32Array.from([4, 3, 2, 1, 0]);
    expect([...deriveEndLabel(order, devices, 1)]).toEqual([1, 1, 0, 0, 0]);
    expect([...deriveEndLabel(order, devices, 2)]).toEqual([1, 1, 1, 1, 0]);
  });

  it('marks min(rows, within) rows per device', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 40 }),
        (list, within) => {
          const devices = Int32Array.from(list);
          const label = deriveEndLabel(shuffled(list.length, 7), devices, within);
          for (const device of new Set(list)) {
            const rows = list.flatMap((d, i) => (d === device ? [i] : []));
            expect(rows.filter((row) => label[row] === 1).length).toBe(Math.min(rows.length, within));
          }
        },
      ),
    );
  });
});
