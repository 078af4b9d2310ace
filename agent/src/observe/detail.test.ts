// Checks that windows cost no more than a day may, lose detail in the stated order, and no row.
import { createHash } from 'node:crypto';
import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, decodeWindow } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { encodeEntry } from '@drover/wire/encode';
import type { Entry, WindowEntry } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Db, openDatabase } from '../store/database.ts';
import { DAY_MS, openDayBudget } from '../store/day-budget.ts';
import { boundaryAfter, chooseDetail, DETAILS } from './detail.ts';
import { openWindowBook } from './windows.ts';

const made = buildBaseline(
  Array.from({ length: 8 }, (_, f) => ({
    name: `f${f}`,
    values: Float32Array.from({ length: 500 }, (_, i) => Math.sin(i * (f + 1))),
  })),
);
if (!made.ok) throw new Error(made.detail);
const reference = bindBaseline(made.value, createHash('sha256').update('b').digest('hex'));

let dir: string;
let db: Db;
beforeEach(() => {
  dir = scratch('detail');
  const opened = openDatabase(dir);
  if (!opened.ok) throw new Error(opened.detail);
  db = opened.value;
});
afterEach(() => {
  db.close();
  remove(dir);
});

/** Days of a device that predicts once a minute; what it sent. */
function run(bytesPerDay: number, days: number) {
  const start = 100 * DAY_MS;
  let now = start;
  const sent: Entry[] = [];
  const book = openWindowBook({
    clock: { now: () => now, mono: () => now - start, seeSigned: () => undefined, forgetSigned: () => undefined },
    bootId: 'b'.repeat(32),
    outbox: { append: (entry) => void sent.push(entry) },
    policy: { windowMs: 900_000, windowEpochAt: 0 },
    budget: bytesPerDay === 0 ? undefined : openDayBudget(db, 'windows', bytesPerDay),
  });
  const stream = book.open('s', 'active', 'a'.repeat(64), reference);
  for (let minute = 0; minute < days * 1440; minute++) {
    stream.sketch.addRow(
      Float32Array.from({ length: 8 }, (_, f) => Math.sin(minute * (f + 1))),
      0,
    );
    stream.noteRow(now - start);
    now += 60_000;
    book.tick();
  }
  const windows = sent.flatMap(({ body }) => (body.kind === 'window' ? [body] : []));
  const bytesOf = (day: number): number =>
    sent.filter(({ at }) => Math.floor(at / DAY_MS) === 100 + day).reduce((sum, e) => sum + encodeEntry(e).length, 0);
  return { sent, windows, bytesOf, book, stream };
}
const rowsOf = (windows: readonly WindowEntry[]): number => windows.reduce((sum, { rows }) => sum + rows, 0);

describe('what windows may cost in a day', () => {
  it('is not asked without a budget: a window each quarter of an hour, in full', () => {
    const { windows, sent } = run(0, 1);
    expect(windows).toHaveLength(96);
    expect(sent).toHaveLength(96);
    const last = decodeWindow(windows.at(-1)?.stats ?? new Uint8Array(), reference);
    expect(last.ok && last.value.together?.rows).toBe(15);
  });

  for (const kilobytes of [60, 25, 10, 3])
    it(`is kept at ${kilobytes} KB, and every row is told or still open`, () => {
      const { windows, sent, bytesOf, stream } = run(kilobytes * 1024, 3);
      for (let day = 0; day < 3; day++) expect(bytesOf(day)).toBeLessThanOrEqual(kilobytes * 1024);
      expect(rowsOf(windows) + stream.sketch.rowCount).toBe(3 * 1440);
      expect(windows.length).toBeGreaterThan(2);
      for (const [at, { number, startAt, endAt }] of windows.entries()) {
        expect(number).toBe(at);
        if (at > 0) expect(startAt).toBeGreaterThanOrEqual(windows[at - 1]?.endAt ?? 0);
        expect(endAt).toBeGreaterThan(startAt);
        expect(decodeWindow(windows[at]?.stats ?? new Uint8Array(), reference).ok).toBe(true);
      }
      const logs = sent.flatMap(({ body }) => (body.kind === 'log' ? [body.code] : []));
      expect(logs.length).toBeGreaterThan(0);
      expect(logs.length).toBeLessThan(3 * DETAILS.length);
      expect(new Set(logs)).toEqual(new Set(['telemetry_reduced']));
    });

  it('is spent over a restart too', () => {
    const whole = run(25 * 1024, 0.9).bytesOf(0);
    // The same day once more, as after a crash that lost the queue: next to nothing is left of it.
    const again = run(25 * 1024, 1);
    expect(whole + again.bytesOf(0)).toBeLessThanOrEqual(25 * 1024);
    expect(whole).toBeGreaterThan(10_000);
    expect(rowsOf(again.windows) + again.stream.sketch.rowCount).toBe(1440);
  });
});

describe('the detail of windows', () => {
  const cost = fc
    .record({ lean: fc.integer({ min: 100, max: 500 }), more: fc.nat(3000), most: fc.nat(3000) })
    .map(({ lean, more, most }) => ({ lean, plain: lean + more, full: lean + more + most }));
  it('is the most that fits, and never more with less to spend', () => {
    fc.assert(
      fc.property(
        fc.array(cost, { maxLength: 4 }), fc.nat(1e6), fc.nat(1e6), fc.integer({ min: 1000, max: DAY_MS }), fc.nat(DAY_MS),
        (costs, left, less, windowMs, now) => {
          const chosen = chooseDetail(costs, left, windowMs, now);
          expect(chooseDetail(costs, Math.max(0, left - less), windowMs, now)).toBeGreaterThanOrEqual(chosen);
          expect(chooseDetail(costs, Number.MAX_SAFE_INTEGER, windowMs, now)).toBe(0);
        },
      ),
    ); // biome-ignore format: one property
  });

  it('never lets a window last beyond its day by more than a window of the policy', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: DAY_MS }), fc.nat(1e12), fc.nat(2e12), fc.nat(DETAILS.length - 1),
        (windowMs, epoch, now, level) => {
          const detail = DETAILS[level] ?? { windows: 'full' as const, lengths: 1 };
          const end = boundaryAfter(windowMs, epoch, detail, now);
          expect(end).toBeGreaterThan(now);
          expect(end).toBeLessThanOrEqual(Math.max(now + windowMs, (Math.floor(now / DAY_MS) + 1) * DAY_MS));
        },
      ),
    ); // biome-ignore format: one property
  });
});
