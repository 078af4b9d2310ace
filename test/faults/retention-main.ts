// Tidies the database that it is told, as of the day that it is told, and ends itself with kill -9 before its transaction of that
// number, or while that runs. Run by retention.test.ts. Never receives anything.
//
//   node retention-main.ts DATABASE DAY NUMBER before|while
import { pino } from 'pino';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import type { Store } from '../../hub/src/db/store.ts';
import { DAY_MS } from '../../hub/src/db/window-days.ts';
import { UNKNOWN_MODEL } from '../../hub/src/monitoring/model-facts.ts';
import { startRetention } from '../../hub/src/monitoring/retention.ts';

const [file = '', day = '', number = '', moment = ''] = process.argv.slice(2);
const opened = openStore(file, 1);
if (!opened.ok) throw new Error(opened.detail);
const held = opened.value;
let commits = 0;
const store: Store = {
  ...held,
  rows: (one) => held.rows(one),
  first: (one) => held.first(one),
  commit(statements) {
    const isLast = ++commits === Number(number);
    if (isLast && moment === 'before') process.kill(process.pid, 'SIGKILL');
    const done = held.commit(statements);
    if (isLast) process.kill(process.pid, 'SIGKILL');
    return done;
  },
};
const retention = startRetention({
  store, readFacts: async () => UNKNOWN_MODEL, now: () => Number(day) * DAY_MS, log: pino({ level: 'silent' }),
  windowDays: 30, summaryDays: 62, logDays: 90,
}); // biome-ignore format: one record
await retention.tidy();
await retention.close();
await held.close();
