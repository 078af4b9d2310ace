// What the hub signs anew by the clock, on a real database: once, and with a row in the audit log for what it changed by itself.
import path from 'node:path';
import { accept } from '@drover/core/reasons';
import { remove, scratch } from '@drover/testkit/fleet';
import { pino } from 'pino';
import { afterAll, expect, it } from 'vitest';
import { listAudit } from '../db/audit.ts';
import { openStore } from '../db/sqlite-store.ts';
import { openRelease } from './open.ts';
import { startRenewer } from './renew.ts';

const dir = scratch('renew');
afterAll(() => remove(dir));
const DAY = 86_400_000;

it('writes down which offline roles the hub renewed with keys that it holds, and is silent about freshness', async () => {
  let at = Date.UTC(2026, 0, 1);
  const now = (): number => at;
  const opened = openStore(path.join(dir, 'hub.db'), at);
  if (!opened.ok) throw new Error(opened.detail);
  const store = opened.value;
  const release = await openRelease({
    folder: path.join(dir, 'keys'), isDev: true, passphrase: async () => accept(''), store, now,
    listRegistered: async () => new Map(),
  }); // biome-ignore format: one record
  if (!release.ok) throw new Error(release.detail);
  const renewer = startRenewer({ ...release.value, store, now, log: pino({ level: 'silent' }) });
  const renewals = async () =>
    (await listAudit(store, { limit: 100 })).filter(({ action }) => action === 'release.renew');
  at += DAY;
  await renewer.look();
  expect(await renewals()).toEqual([]);
  at += 200 * DAY;
  await Promise.all([renewer.look(), renewer.look()]);
  const [row, ...more] = await renewals();
  expect(more).toEqual([]);
  expect([row?.actor, JSON.parse(row?.detailJson ?? '{}')]).toEqual([
    'hub',
    { before: { root: 1, targets: 1 }, after: { root: 2, targets: 2 } },
  ]);
  renewer.close();
  await store.close();
});
