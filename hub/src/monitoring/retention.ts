// Takes away what was kept for long enough, a slice at a time: windows into the sum of their day, then days, logs and refused entries.
// Each day of a stream is one transaction, so a crash loses and doubles nothing. Never decides what a day comes to.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { dropAgreements } from '../db/agreements.ts';
import type { Statement, Store } from '../db/store.ts';
import {
  DAY_MS,
  type DayKey,
  dropDays,
  dropLogs,
  dropQuarantine,
  listLabelsOfDay,
  listOldKeys,
  listWindowsOfDay,
  readDay,
  takeLabels,
  takeWindow,
  writeDay,
} from '../db/window-days.ts';
import type { ReadModelFacts } from './model-facts.ts';
import { addToDay } from './window-day.ts';

export interface RetentionDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly now: () => number;
  readonly log: Logger;
  readonly windowDays: number;
  readonly summaryDays: number;
  readonly logDays: number;
}

export interface Retention {
  /** Takes away all that is due; whether there was anything. */
  tidy(): Promise<boolean>;
  close(): Promise<void>;
}

/** Rows between which ingest has its turns: some ten milliseconds. */
const SLICE = 256;
/** Windows of one stream in one day: one in five seconds; what is beyond is added next, and for that moment not told. */
const MOST_OF_A_DAY = 20_000;
const TIDY_EVERY_MS = 600_000;
/** Tries when a window is amended at the same moment. */
const TRIES = 5;

/** Each once, in the order in which they came. */
const distinct = (keys: readonly DayKey[]): DayKey[] => [
  ...new Map(keys.map((key) => [JSON.stringify(Object.values(key)), key])).values(),
];

export function startRetention(deps: RetentionDeps): Retention {
  const { store, readFacts, now, log } = deps;
  let isClosed = false;
  let running: Promise<boolean> | undefined;

  /**
   * One day of one stream becomes a sum in one transaction: summaries tell its windows or its sum, never both. False: something was
   * amended at that moment, and nothing was done.
   */
  async function sumDay(key: DayKey): Promise<boolean> {
    const { reference } = await readFacts(key.manifest);
    const windows = await listWindowsOfDay(store, key, MOST_OF_A_DAY);
    const labels = await listLabelsOfDay(store, key, MOST_OF_A_DAY);
    let day = await readDay(store, key);
    for (let at = 0; at < Math.max(windows.length, labels.length); at += SLICE) {
      day = addToDay(key, day, windows.slice(at, at + SLICE), labels.slice(at, at + SLICE), reference);
      await nextTurn();
    }
    if (day === undefined) return true;
    const done = await store.commit([writeDay(day), ...windows.map(takeWindow), ...labels.map(takeLabels)]);
    if (!done.ok && done.why !== 'count') throw new Error(`old windows were not summed: ${done.why}`);
    return done.ok;
  }

  async function sumWindows(): Promise<boolean> {
    // Whole days only: a day that is half kept would be told twice.
    const before = (Math.floor(now() / DAY_MS) - deps.windowDays) * DAY_MS;
    let summed = 0;
    for (let tries = 0; tries < TRIES; ) {
      const keys = distinct(await listOldKeys(store, before, SLICE));
      if (keys.length === 0) break;
      let isAmended = false;
      for (const key of keys) {
        if (isClosed) return true;
        if (await sumDay(key)) summed += 1;
        else isAmended = true;
        await nextTurn();
      }
      tries = isAmended ? tries + 1 : 0;
    }
    return summed > 0;
  }

  /** Until there is nothing left to drop. */
  async function dropSlices(make: (limit: number) => Statement): Promise<boolean> {
    let dropped = 0;
    while (!isClosed) {
      const done = await store.commit([make(SLICE * 8)]);
      const count = done.ok ? (done.changes[0] ?? 0) : 0;
      if (count === 0) break;
      dropped += count;
      await nextTurn();
    }
    return dropped > 0;
  }

  async function tidyAll(): Promise<boolean> {
    const summed = await sumWindows();
    const [firstDay, before] = [Math.floor(now() / DAY_MS) - deps.summaryDays, now() - deps.logDays * DAY_MS];
    const days = await dropSlices((limit) => dropDays(firstDay, limit));
    const logs = await dropSlices((limit) => dropLogs(before, limit));
    const refused = await dropSlices((limit) => dropQuarantine(before, limit));
    const agreements = await dropSlices((limit) => dropAgreements(now() - deps.windowDays * DAY_MS, limit));
    return agreements || summed || days || logs || refused;
  }

  const tidy = (): Promise<boolean> => {
    running ??= tidyAll().finally(() => {
      running = undefined;
    });
    return running;
  };
  const timer = setInterval(
    () => void tidy().catch((error: unknown) => log.error({ err: error }, 'old windows were not tidied away')),
    TIDY_EVERY_MS,
  );
  return {
    tidy,
    async close() {
      isClosed = true;
      clearInterval(timer);
      await running?.catch(() => undefined);
    },
  };
}
