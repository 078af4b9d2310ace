import type { Entry, WindowEntry } from '@drover/wire/messages';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { nextBoundary, openWindowBook, WINDOW_ROWS } from './windows.ts';

const BOOT = 'b'.repeat(32);
const A = 'a'.repeat(64);
const ROW = new Float32Array(0);

function setUp(windowMs = 1000, startAt = 10_250) {
  const time = { wall: startAt, mono: 500 };
  const clock: Clock = {
    now: () => time.wall,
    mono: () => time.mono,
    seeSigned: () => undefined,
    forgetSigned: () => undefined,
  };
  const sent: WindowEntry[] = [];
  const append = ({ body }: Entry): void => {
    if (body.kind === 'window') sent.push(body);
  };
  const book = openWindowBook({ clock, bootId: BOOT, outbox: { append }, policy: { windowMs, windowEpochAt: 0 } });
  const pass = (ms: number): void => {
    time.wall += ms;
    time.mono += ms;
  };
  return { time, book, sent, pass };
}

describe('windows', () => {
  it('end at whole multiples of their length from the epoch of the policy', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 1e7 }),
        fc.integer({ min: 0, max: 1e12 }),
        fc.integer({ min: 0, max: 2e12 }),
        (windowMs, windowEpochAt, now) => {
          const end = nextBoundary({ windowMs, windowEpochAt }, now);
          expect(end).toBeGreaterThan(now);
          expect(end - now).toBeLessThanOrEqual(windowMs);
          expect(Math.abs((end - windowEpochAt) % windowMs)).toBe(0);
        },
      ),
    );
  });

  it('close at the boundary and the next one starts there', () => {
    const { book, sent, pass } = setUp();
    const stream = book.open('s', 'active', A, undefined);
    stream.sketch.addRow(ROW, 0);
    stream.noteRow(600);
    pass(760);
    book.tick();
    expect(sent).toMatchObject([
      { startAt: 10_250, endAt: 11_000, rows: 1, closedBy: 'boundary', number: 0, lastMono: 600 },
    ]);
    expect(stream.id).toMatchObject({ startAt: 11_000, number: 1 });
    book.tick();
    pass(1000);
    book.tick();
    expect(sent).toHaveLength(1);
    expect(stream.id).toMatchObject({ startAt: 12_000, number: 1 });
  });

  it('close although no timer came, when a row comes after the end, and when they are full', () => {
    const { book, sent, pass, time } = setUp(1e9);
    const stream = book.open('s', 'active', A, undefined);
    for (let n = 0; n < WINDOW_ROWS; n++) {
      stream.sketch.addRow(ROW, 0);
      stream.noteRow(time.mono);
    }
    expect(sent).toMatchObject([{ rows: WINDOW_ROWS, closedBy: 'count' }]);
    pass(1e9);
    stream.sketch.addRow(ROW, 0);
    stream.noteRow(time.mono);
    expect(sent[1]).toMatchObject({ rows: 1, closedBy: 'boundary', number: 1 });
  });

  it('carry errors without rows, and close on a new model and at the end', () => {
    const { book, sent, pass } = setUp();
    const stream = book.open('s', 'active', A, undefined);
    stream.errors = 3;
    pass(100);
    stream.end('version');
    expect(sent).toMatchObject([{ rows: 0, errors: 3, closedBy: 'version', startAt: 10_250, endAt: 10_350 }]);
    const again = book.open('s', 'active', A, undefined);
    again.sketch.addRow(ROW, 0);
    book.open('s', 'active', A, undefined).end('version');
    again.end('shutdown');
    // The same manifest in the same boot never uses a number twice.
    expect(sent[1]).toMatchObject({ closedBy: 'shutdown', number: 1 });
    expect(book.open('s', 'active', A, undefined).id.number).toBe(2);
  });

  it('are not stretched or held open by a clock that is set', () => {
    const { book, sent, time } = setUp();
    const stream = book.open('s', 'active', A, undefined);
    stream.sketch.addRow(ROW, 0);
    time.wall = 1_700_000_000_123;
    book.tick();
    expect(sent[0]).toMatchObject({ startAt: 10_250, endAt: 11_000 });
    stream.sketch.addRow(ROW, 0);
    time.wall = 5;
    time.mono += 1000;
    book.tick();
    expect(sent).toHaveLength(2);
    expect(stream.id.startAt).toBe(0);
  });

  it('are cut when the policy changes', () => {
    const { book, sent, time } = setUp();
    const stream = book.open('s', 'active', A, undefined);
    stream.sketch.addRow(ROW, 0);
    book.setPolicy({ windowMs: 1000, windowEpochAt: 0 });
    expect(sent).toHaveLength(0);
    book.setPolicy({ windowMs: 5000, windowEpochAt: 300 });
    expect(sent).toHaveLength(1);
    expect(book.dueAt()).toBe(10_300);
    time.wall = 12_000;
    book.tick();
    expect(stream.id.number).toBe(1);
  });
});
