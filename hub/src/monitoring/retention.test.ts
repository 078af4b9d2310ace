// Checks what is left of windows that were kept for long enough: the same sums, each window once, whatever comes late or crashes.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { buildBaseline } from '@drover/sketch/baseline';
import { LabelledCounts } from '@drover/sketch/labelled';
import { bindBaseline, decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeAgreement, sumAgreements } from '../db/agreements.ts';
import { openStore } from '../db/sqlite-store.ts';
import { query, type Statement, type Store, sqlOf } from '../db/store.ts';
import { storeWindow, storeWindowLabels } from '../db/uplink.ts';
import { DAY_MS } from '../db/window-days.ts';
import type { WindowRow } from '../db/window-rows.ts';
import { startRetention } from './retention.ts';
import { openSummaries } from './summary.ts';
import { addToDay, dayKeyOf } from './window-day.ts';

const made = buildBaseline([{ name: 'load', values: Float32Array.from({ length: 200 }, (_, i) => i % 50) }], {
  kind: 'classification', classes: ['0', '1'], probabilities: Float64Array.from({ length: 400 }, () => 0.5),
}); // biome-ignore format: one table
if (!made.ok) throw new Error(made.detail);
const reference = bindBaseline(made.value, createHash('sha256').update('baseline').digest('hex'));
const facts = async () => ({ model: 'wear', version: 1, baseline: made.value, reference });
const log = pino({ level: 'silent' });
const MANIFEST = 'a'.repeat(64);

let dir: string;
let store: Store;
let now: number;

beforeEach(() => {
  dir = scratch('retention');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  now = 100 * DAY_MS + 5000;
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

function windowRow(device: string, startAt: number, number: number, revision = 0): WindowRow {
  const sketch = new WindowSketch(reference);
  for (let i = 0; i < 10; i++) {
    sketch.addRow(Float32Array.of((i * 7 + number) % 50), 0);
    sketch.addLatency(100 + number);
    sketch.addScores([0.3, 0.7], 0, 2, 1);
  }
  return {
    startAt, device, slot: 'default', role: 'active', manifest: MANIFEST, bootId: 'b'.repeat(32), number, revision, endAt: startAt + 900_000,
    firstMono: 0, lastMono: 1, rows: 10, errors: 1, closedBy: 'boundary', stats: sketch.encode(), receivedAt: 1,
  }; // biome-ignore format: one row
}
const send = (device: string, startAt: number, number: number): Statement =>
  storeWindow(windowRow(device, startAt, number));
function label(device: string, startAt: number, number: number, revision = 1): Statement {
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 }, reference.prefix);
  for (let i = 0; i < 4; i++) counts.addClass(1, i % 2, [0.3, 0.7], 0);
  return storeWindowLabels({
    startAt, device, slot: 'default', role: 'active', manifest: MANIFEST, bootId: 'b'.repeat(32), number, revision, labelled: 4, unmatched: 0,
    counts: counts.encode(), receivedAt: 1,
  }); // biome-ignore format: one row
}
const open = (of: Store = store) =>
  startRetention({ store: of, readFacts: facts, now: () => now, log, windowDays: 30, summaryDays: 62, logDays: 90 });
const summarise = async () => (await openSummaries({ store, readFacts: facts })({}))[0];
const count = async (table: 'windows' | 'windowLabels' | 'windowDays'): Promise<number> =>
  (await store.rows(query(sqlOf.selectFrom(table).selectAll()))).length;

/** Three days, of which two are over. */
async function fill(): Promise<void> {
  for (const [at, day] of [68, 69, 70].entries())
    for (let i = 0; i < 96; i++)
      await store.commit(
        ['d1', 'd2'].flatMap((device) => [
          send(device, day * DAY_MS + i * 900_000, at * 96 + i),
          ...(i % 3 === 0 ? [label(device, day * DAY_MS + i * 900_000, at * 96 + i)] : []),
        ]),
      );
}

describe('windows that were kept for long enough', () => {
  it('leave the same summary, a row for each day of a device, and those that are not as old', async () => {
    await fill();
    const before = await summarise();
    const retention = open();
    expect(await retention.tidy()).toBe(true);
    expect(await retention.tidy()).toBe(false);
    await retention.close();
    expect(await summarise()).toEqual(before);
    expect(before).toMatchObject({
      windows: 576,
      predictions: 5760,
      errors: 576,
      devices: 2,
      quality: { labelled: 4 * 192 },
    });
    expect([await count('windows'), await count('windowLabels'), await count('windowDays')]).toEqual([192, 64, 4]);
    // Sums go too, in their time.
    now += 31 * DAY_MS;
    const later = open();
    await later.tidy();
    expect([await count('windows'), await count('windowDays')]).toEqual([0, 4]);
    await later.close();
  });

  it('that come late go into the sum of their day, and an amendment that is too late is only counted', async () => {
    await fill();
    const retention = open();
    await retention.tidy();
    await store.commit([
      send('d1', 68 * DAY_MS + 450_000, 5000),
      storeWindow(windowRow('d1', 68 * DAY_MS, 0, 3)),
      label('d1', 68 * DAY_MS, 0, 9),
    ]);
    // What is in the sum is not told again by what came late.
    expect(await summarise()).toMatchObject({ windows: 576, quality: { labelled: 4 * 192 } });
    await retention.tidy();
    await retention.close();
    expect(await summarise()).toMatchObject({ windows: 577, quality: { labelled: 4 * 192 } });
    const days = await store.rows(
      query(
        sqlOf.selectFrom('windowDays').select(['device', 'day', 'windows', 'late']).orderBy('day').orderBy('device'),
      ),
    );
    expect(days[0]).toEqual({ device: 'd1', day: 68, windows: 97, late: 2 });
  });

  it('are there once, wherever the hub stops', async () => {
    await fill();
    const before = await summarise();
    // A database that ends after so many transactions, again and again.
    for (let left = 0; left < 12; left++) {
      let commits = left;
      const failing: Store = {
        ...store,
        rows: (one) => store.rows(one),
        first: (one) => store.first(one),
        commit(statements) {
          if (commits-- <= 0) throw new Error('the hub was killed');
          return store.commit(statements);
        },
      };
      const retention = open(failing);
      await retention.tidy().catch(() => undefined);
      await retention.close();
      expect(await summarise()).toEqual(before);
    }
    expect(await count('windows')).toBe(192);
  });

  it('come to the same day in any order and slices, each once', () => {
    const rows = Array.from({ length: 12 }, (_, i) => windowRow('d1', 68 * DAY_MS + i, i));
    const [first] = rows as [WindowRow];
    const key = dayKeyOf(first);
    const whole = addToDay(key, undefined, rows, [], reference);
    fc.assert(
      fc.property(
        fc.array(fc.nat(11), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        (order, slice) => {
          let day = addToDay(key, undefined, [], [], reference);
          const all = [...order, ...rows.keys()];
          for (let from = 0; from < all.length; from += slice)
            day = addToDay(
              key,
              day,
              all.slice(from, from + slice).map((i) => rows[i] as WindowRow),
              [],
              reference,
            );
          expect(day).toMatchObject({ windows: 12, rows: 120, errors: 12, unread: 0, late: order.length });
          expect({ fromAt: day.fromAt, toAt: day.toAt, seen: day.seenJson }).toEqual({
            fromAt: whole.fromAt,
            toAt: whole.toAt,
            seen: whole.seenJson,
          });
          const [a, b] = [
            decodeWindow(day.stats ?? new Uint8Array(), reference),
            decodeWindow(whole.stats ?? new Uint8Array(), reference),
          ];
          expect(a.ok && b.ok && a.value.numeric[0]?.hist.counts).toEqual(b.ok && b.value.numeric[0]?.hist.counts);
        },
      ),
    );
    expect(addToDay(key, undefined, [{ ...first, stats: new Uint8Array([1, 2]) }], [], reference)).toMatchObject({
      windows: 1,
      unread: 1,
      stats: null,
    });
  });

  it('keeps what shadows agreed on for as long as windows, and each window of it once', async () => {
    const row = {
      slot: 'default',
      manifest: MANIFEST,
      device: 'a',
      bootId: 'b'.repeat(32),
      compared: 10,
      agreed: 9,
      skipped: 1,
      gap: 0.5,
    };
    for (const day of [69, 70, 71])
      for (let times = 0; times < 2; times++)
        await store.commit([storeAgreement({ ...row, startAt: day * DAY_MS, number: day, receivedAt: day * DAY_MS })]);
    const held = () => sumAgreements(store, { slot: 'default', manifest: MANIFEST, from: 0 });
    expect(await held()).toEqual([{ device: 'a', compared: 30, agreed: 27, skipped: 3, gap: 1.5 }]);
    const retention = open();
    expect(await retention.tidy()).toBe(true);
    expect(await held()).toEqual([{ device: 'a', compared: 10, agreed: 9, skipped: 1, gap: 0.5 }]);
    await retention.close();
  });
});
