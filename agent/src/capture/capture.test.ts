import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RowAnswer } from '@drover/infer/predictor';
import type { Manifest } from '@drover/trust/documents';
import { encodeEntry } from '@drover/wire/encode';
import { ENTRY_BYTES } from '@drover/wire/limits';
import type { Entry, SamplesEntry } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../store/database.ts';
import { openDayBudget } from '../store/day-budget.ts';
import { Best } from './best.ts';
import { openBudget } from './budget.ts';

import { type CaptureOf, marginOf, openCapture } from './capture.ts';
import { makeWithholding } from './personal.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const OF: CaptureOf = { slot: 's', manifest: 'a'.repeat(64), withheld: [], gauge: undefined };

const answer = (p: number): RowAnswer => ({
  ok: true,
  classIndex: p > 0.5 ? 1 : 0,
  probabilities: Float32Array.of(1 - p, p),
  value: Number.NaN,
});

function setUp(left: () => number, random: () => number = Math.random) {
  const sent: Entry[] = [];
  let spent = 0;
  const budget = { left: () => left() - spent, spend: (_: number, bytes: number) => void (spent += bytes) };
  const capture = openCapture({
    bootId: 'b'.repeat(32),
    now: () => 7,
    random,
    budget,
    outbox: { append: (entry) => void sent.push(entry) },
  });
  const samples = () => sent.flatMap(({ body }) => (body as SamplesEntry).samples);
  return { capture, sent, samples };
}

describe('Best', () => {
  it('keeps the items of the lowest ranks, whatever their order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 60 }), (ranks) => {
        const best = new Best<number>(8);
        for (const rank of ranks) if (best.wants(rank)) best.put(rank, rank);
        expect(best.drain()).toEqual(ranks.toSorted((a, b) => a - b).slice(0, 8));
        expect(best.drain()).toEqual([]);
      }),
    );
  });
});

describe('margin', () => {
  it('is the distance of the two largest', () => {
    expect(marginOf([0.2, 0.5, 0.3])).toBeCloseTo(0.2);
    expect(marginOf([0.5, 0.5])).toBe(0);
    expect(marginOf([1])).toBe(1);
    expect(marginOf([])).toBe(1);
  });
});

describe('capture', () => {
  it('keeps unsure, novel and random rows, each once', () => {
    const gauge = { score: (x: Float32Array) => x[0] as number, cut: 90 };
    const { capture, samples } = setUp(() => 1e6);
    const stream = capture.open({ ...OF, gauge });
    for (let i = 1; i <= 100; i++) stream.consider(i, Float32Array.of(i), ['t'], answer(i === 50 ? 0.51 : 0.999));
    capture.flush();
    const found = samples();
    const of = (why: string) => found.filter((one) => one.why === why).map(({ numbers }) => numbers[0]);
    // A novel row that was drawn at random too stands under whichever kind has its turn first, and once.
    const novel = found.flatMap(({ numbers: [x = 0] }) => (x > 90 ? [x] : []));
    expect(novel.toSorted((a, b) => b - a)).toEqual([100, 99, 98, 97, 96, 95, 94, 93, 92, 91]);
    for (const x of of('novel')) expect(x).toBeGreaterThan(90);
    expect(of('novel').length + of('random').length + 1).toBe(found.length);
    expect(of('unsure')).toEqual([50]);
    // 16 are drawn, of which at most 10 are novel and one is unsure.
    expect(of('random').length).toBeGreaterThanOrEqual(5);
    expect(new Set(found.map(({ predictionId }) => predictionId)).size).toBe(found.length);
    expect(found[0]).toMatchObject({
      predictionId: `${'b'.repeat(32)}-100`,
      score: 100,
      texts: ['t'],
      classIndex: 1,
      at: 7,
    });
    capture.flush();
    expect(samples()).toHaveLength(found.length);
  });

  it('draws each row with the same chance', () => {
    let state = 1;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const hits = new Float64Array(64);
    for (let round = 0; round < 800; round++) {
      const { capture, samples } = setUp(() => 1e6, random);
      const stream = capture.open(OF);
      for (let i = 0; i < 64; i++) stream.consider(i + 1, Float32Array.of(i), [], answer(0.999));
      capture.flush();
      for (const { numbers } of samples()) hits[numbers[0] ?? 0] = (hits[numbers[0] ?? 0] ?? 0) + 1;
    }
    // 16 of 64 in each of 800 rounds: 200 times each, standard deviation 12.2.
    for (const times of hits) expect(Math.abs(times - 200)).toBeLessThan(5 * 12.3);
  });

  it('never spends more bytes than are left, and no entry is larger than travels', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.integer({ min: 1, max: 4096 }), (left, width) => {
        const { capture, sent } = setUp(() => left);
        const stream = capture.open(OF);
        for (let i = 1; i <= 40; i++)
          stream.consider(i, new Float32Array(width).fill(i), ['x'.repeat(width)], answer(0.5));
        capture.flush();
        const sizes = sent.map((entry) => encodeEntry(entry).length);
        expect(sizes.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(left);
        for (const size of sizes) expect(size).toBeLessThanOrEqual(ENTRY_BYTES);
        expect(capture.counts().bytes).toBe(sizes.reduce((sum, n) => sum + n, 0));
      }),
      { numRuns: 40 },
    );
  });
});

describe('the budget of a day', () => {
  let dir: string;
  const open = () => {
    const db = openDatabase(dir);
    if (!db.ok) throw new Error(db.detail);
    return db.value;
  };
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'drover-budget-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('grows with the day, is never given twice, and starts anew at midnight', () => {
    const db = open();
    const budget = openBudget(openDayBudget(db, 'samples', 2400), 2400, HOUR);
    expect(budget.left(DAY)).toBe(100);
    expect(budget.left(DAY + 11 * HOUR)).toBe(1200);
    budget.spend(DAY + 11 * HOUR, 1200);
    expect(budget.left(DAY + 11 * HOUR)).toBe(0);
    expect(budget.left(DAY + 23.5 * HOUR)).toBe(1200);
    db.close();
    const again = open();
    const after = openBudget(openDayBudget(again, 'samples', 2400), 2400, HOUR);
    expect(after.left(DAY + 12 * HOUR)).toBe(100);
    // A clock that is set back does not give the budget of the day again.
    expect(after.left(5 * HOUR)).toBe(0);
    expect(after.left(2 * DAY)).toBe(100);
    again.close();
  });
});

describe('personal fields', () => {
  const features = [
    { name: 'heat', kind: 'numeric', input: 'x', index: 0 },
    { name: 'who', kind: 'categorical', input: 'c', index: 0 },
    { name: 'load', kind: 'numeric', input: 'x', index: 1 },
  ];
  const manifest = { features } as unknown as Manifest;

  it('are taken out of a row, and a model without them is left alone', () => {
    const x = Float32Array.of(1, 2);
    const c = ['anna'];
    const withholding = makeWithholding(manifest, new Set(['load', 'who', 'other']));
    withholding?.blank(x, c);
    expect([...x]).toEqual([1, Number.NaN]);
    expect(c).toEqual(['']);
    expect(withholding?.names).toEqual(['who', 'load']);
    expect(makeWithholding(manifest, new Set(['other']))).toBeUndefined();
  });
});
