import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeLabelled, LabelledCounts } from '@drover/sketch/labelled';
import type { Entry, LabelsEntry, WindowId } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeClock } from '../clock.ts';
import { type Db, openDatabase } from '../store/database.ts';
import { openLabelStore } from '../store/label-store.ts';
import { openLabelBook } from './labels.ts';
import { PredictionRing } from './predictions.ts';

const A = 'a'.repeat(64);
const BOOTS = ['1', '2'].map((n) => n.repeat(32)) as [string, string];
let dir: string;
let db: Db;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-labels-'));
  const opened = openDatabase(dir);
  if (!opened.ok) throw new Error(opened.detail);
  db = opened.value;
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const windowOf = (bootId: string, number: number, startAt = number * 10): WindowId => ({
  slot: 's', role: 'active', manifest: A, bootId, number, startAt,
}); // biome-ignore format: one record

function setUp(bootId: string, classes: readonly string[] = ['no', 'yes']) {
  const sent: LabelsEntry[] = [];
  const append = ({ body }: Entry): void => {
    if (body.kind === 'labels') sent.push(body);
  };
  const ring = new PredictionRing(128);
  const book = openLabelBook({ clock: makeClock(), bootId, ring, outbox: { append }, store: openLabelStore(db) });
  book.register(A, { kind: 'classification', classes }, undefined);
  const predict = (window: WindowId, p: number): string =>
    `${bootId}-${ring.remember(window, p >= 0.5 ? 1 : 0, [1 - p, p], 0, 2)}`;
  const last = (number: number) => sent.findLast((one) => one.number === number);
  return { sent, book, ring, predict, last };
}

const confusionOf = (entry: LabelsEntry | undefined): number[] => {
  const counts = entry && decodeLabelled(entry.counts);
  return counts?.ok ? [...counts.value.confusion] : [];
};

describe('labels', () => {
  it('amend the window of their prediction, with growing revisions, and only when something came', () => {
    const { book, predict, sent, last } = setUp(BOOTS[0]);
    const [first, second] = [windowOf(BOOTS[0], 0), windowOf(BOOTS[0], 1)];
    const ids = [predict(first, 0.9), predict(first, 0.2), predict(second, 0.7)] as const;
    expect(book.join(ids[0], 'yes')).toBeUndefined();
    expect(book.join(ids[2], 'no')).toBeUndefined();
    book.flush();
    book.flush();
    expect(sent.map(({ number, revision, labelled }) => [number, revision, labelled])).toEqual([[0, 1, 1], [1, 1, 1]]); // biome-ignore format: triples
    expect(book.join(ids[1], 'yes')).toBeUndefined();
    book.flush();
    expect(last(0)).toMatchObject({ revision: 2, labelled: 2 });
    expect(confusionOf(last(0))).toEqual([0, 0, 1, 1]);
  });

  it('count what cannot be joined, once for what is unknown and never for a repetition', () => {
    const { book, predict } = setUp(BOOTS[0]);
    const id = predict(windowOf(BOOTS[0], 0), 0.9);
    expect(book.join(id, 'maybe')).toMatchObject({ code: 'label_invalid' });
    expect(book.join(id, 'yes')).toBeUndefined();
    expect(book.join(id, 'yes')).toMatchObject({ code: 'label_unknown' });
    expect(book.counts()).toEqual({ labelled: 1, unmatched: 0 });
    for (const unknown of [`${BOOTS[0]}-99`, `${BOOTS[1]}-1`, 'nonsense', '', `${BOOTS[0]}-1e3`, `${BOOTS[0]}--1`]) {
      expect(book.join(unknown, 'yes')).toMatchObject({ code: 'label_unknown' });
    }
    expect(book.counts()).toEqual({ labelled: 1, unmatched: 6 });
  });

  it('take "1", "1.0" and 1 for the same class', () => {
    const { book, predict, last } = setUp(BOOTS[0], ['0', '1']);
    const window = windowOf(BOOTS[0], 0);
    for (const truth of ['1', '1.0', 1]) expect(book.join(predict(window, 0.9), truth)).toBeUndefined();
    book.flush();
    expect(confusionOf(last(0))).toEqual([0, 0, 0, 3]);
  });

  it('join after a clean restart, and never twice after a crash', () => {
    const before = setUp(BOOTS[0]);
    const window = windowOf(BOOTS[0], 3);
    const [known, late] = [before.predict(window, 0.9), before.predict(window, 0.9)];
    before.book.join(known, 'yes');
    before.book.flush();
    before.book.save();

    const after = setUp(BOOTS[1]);
    expect(after.book.join(known, 'yes')).toMatchObject({ code: 'label_unknown' });
    expect(after.book.join(late, 'no')).toBeUndefined();
    after.book.flush();
    expect(after.last(3)).toMatchObject({ bootId: BOOTS[0], revision: 2, labelled: 2 });
    expect(confusionOf(after.last(3))).toEqual([0, 1, 0, 1]);
    // That process is killed: nothing of the first boot is left that could be joined again.
    expect(setUp('3'.repeat(32)).book.join(late, 'no')).toMatchObject({ code: 'label_unknown' });
  });

  it('are right for windows that had to leave memory', () => {
    const { book, predict, last } = setUp(BOOTS[0]);
    const windows = Array.from({ length: 90 }, (_, n) => windowOf(BOOTS[0], n));
    const first = predict(windows[0] ?? windowOf(BOOTS[0], 0), 0.9);
    for (const window of windows) book.join(predict(window, 0.9), 'yes');
    expect(book.join(first, 'no')).toBeUndefined();
    book.flush();
    expect(last(0)).toMatchObject({ revision: 2, labelled: 2 });
    expect(confusionOf(last(0))).toEqual([0, 1, 0, 1]);
  });

  it('of a regression are errors', () => {
    const { book, ring, last } = setUp(BOOTS[0]);
    book.register(A, { kind: 'regression', output: 'y' }, undefined);
    const window = windowOf(BOOTS[0], 0);
    const number = ring.remember(window, -1, [12], 0, 1);
    expect(book.join(`${BOOTS[0]}-${number}`, 'x')).toMatchObject({ code: 'label_invalid' });
    expect(book.join(`${BOOTS[0]}-${number}`, '10')).toBeUndefined();
    book.flush();
    const counts = decodeLabelled(last(0)?.counts ?? new Uint8Array());
    expect(counts.ok && counts.value.errors).toEqual({ bias: 2, mae: 2, rmse: 2 });
  });

  it('agree with counting at once, in any order', () => {
    const row = fc.record({
      window: fc.integer({ min: 0, max: 3 }),
      p: fc.double({ min: 0, max: 1, noNaN: true }),
      truth: fc.integer({ min: 0, max: 1 }),
      at: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), (rows) => {
        db.exec('DELETE FROM labelled_windows');
        const { book, predict, last } = setUp(BOOTS[0]);
        const windows = [0, 1, 2, 3].map((n) => windowOf(BOOTS[0], n));
        const made = rows.map((one) => ({ ...one, id: predict(windows[one.window] ?? windowOf(BOOTS[0], 0), one.p) }));
        for (const { id, truth } of made.toSorted((a, b) => a.at - b.at)) book.join(id, truth === 1 ? 'yes' : 'no');
        book.flush();
        for (const number of new Set(rows.map((one) => one.window))) {
          const expected = new LabelledCounts({ kind: 'classification', classCount: 2 });
          for (const { window, p, truth } of rows)
            if (window === number) expected.addClass(truth, p >= 0.5 ? 1 : 0, [1 - p, p], 0);
          expect(confusionOf(last(number))).toEqual([...expected.confusion]);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('prediction ring', () => {
  it('remembers the newest, keeps them when wider models come, and allocates by its bound', () => {
    const ring = new PredictionRing(64);
    expect(ring.find(1)).toBeUndefined();
    ring.reserve(1);
    const window = windowOf(BOOTS[0], 0);
    for (let n = 1; n <= 100; n++) expect(ring.remember(window, n, [n / 100], 0, 1)).toBe(n);
    expect(ring.find(36)).toBeUndefined();
    ring.reserve(3);
    expect(ring.find(37)).toMatchObject({ predicted: 37, isLabelled: false });
    expect(ring.find(100)?.scores[0]).toBe(1);
    ring.markLabelled(100);
    expect(ring.find(100)?.isLabelled).toBe(true);
    expect([...ring.list()].map(([number]) => number)).toEqual(Array.from({ length: 64 }, (_, i) => 37 + i));
  });
});
