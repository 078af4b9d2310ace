// Takes away what was kept for long enough, a slice at a time: windows into the sum of their day, then days, logs and refused entries.
// Each slice is one transaction, so a crash loses and doubles nothing. Never decides what a day comes to.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Statement, Store } from '../db/store.ts';
import {
  DAY_MS,
  type DayKey,
  dropDays,
  dropLogs,
  dropQuarantine,
  findOldest,
  listOldLabels,
  listOldWindows,
  readDay,
  takeLabels,
  takeWindow,
  writeDay,
} from '../db/window-days.ts';
import type { LabelledRow, WindowRow } from '../db/window-rows.ts';
import type { ReadModelFacts } from './model-facts.ts';
import { addToDay, dayKeyOf } from './window-day.ts';

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

/** Rows of one transaction: some ten milliseconds, between which ingest has its turns. */
const SLICE = 256;
const TIDY_EVERY_MS = 600_000;
/** Tries when a window is amended at the same moment. */
const TRIES = 5;

interface Group {
  readonly key: DayKey;
  readonly windows: WindowRow[];
  readonly labels: LabelledRow[];
}

function groupByDay(windows: readonly WindowRow[], labels: readonly LabelledRow[]): Group[] {
  const groups = new Map<string, Group>();
  const groupOf = (row: WindowRow | LabelledRow): Group => {
    const key = dayKeyOf(row);
    const name = JSON.stringify(key);
    const group = groups.get(name) ?? { key, windows: [], labels: [] };
    groups.set(name, group);
    return group;
  };
  for (const row of windows) groupOf(row).windows.push(row);
  for (const row of labels) groupOf(row).labels.push(row);
  return [...groups.values()];
}

export function startRetention(deps: RetentionDeps): Retention {
  const { store, readFacts, now, log } = deps;
  let isClosed = false;
  let running: Promise<boolean> | undefined;

  /** One slice of windows and labels that began before then. False: there are none. */
  async function sumSlice(before: number): Promise<boolean> {
    const windows = await listOldWindows(store, before, SLICE);
    const labels = await listOldLabels(store, before, SLICE);
    if (windows.length + labels.length === 0) return false;
    const statements: Statement[] = [];
    for (const { key, windows: some, labels: truths } of groupByDay(windows, labels)) {
      const { reference } = await readFacts(key.manifest);
      statements.push(writeDay(addToDay(key, await readDay(store, key), some, truths, reference)));
    }
    statements.push(...windows.map(takeWindow), ...labels.map(takeLabels));
    const done = await store.commit(statements);
    if (!done.ok && done.why !== 'count') throw new Error(`old windows were not summed: ${done.why}`);
    return true;
  }

  async function sumWindows(): Promise<boolean> {
    // Whole days only: a day that is half kept would be told twice.
    const before = (Math.floor(now() / DAY_MS) - deps.windowDays) * DAY_MS;
    const oldest = await findOldest(store);
    if (oldest === undefined || oldest >= before) return false;
    let idle = 0;
    while (!isClosed && idle < TRIES) {
      const at = await findOldest(store);
      if (!(await sumSlice(before))) break;
      idle = (await findOldest(store)) === at ? idle + 1 : 0;
      await nextTurn();
    }
    return true;
  }

  async function dropSlices(make: (before: number, limit: number) => Statement): Promise<boolean> {
    const before = now() - deps.logDays * DAY_MS;
    let dropped = 0;
    while (!isClosed) {
      const done = await store.commit([make(before, SLICE * 8)]);
      const count = done.ok ? (done.changes[0] ?? 0) : 0;
      dropped += count;
      if (count < SLICE * 8) break;
      await nextTurn();
    }
    return dropped > 0;
  }

  async function tidyAll(): Promise<boolean> {
    const summed = await sumWindows();
    const days = await store.commit([dropDays(Math.floor(now() / DAY_MS) - deps.summaryDays)]);
    const logs = await dropSlices(dropLogs);
    const refused = await dropSlices(dropQuarantine);
    return summed || logs || refused || (days.ok && (days.changes[0] ?? 0) > 0);
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
