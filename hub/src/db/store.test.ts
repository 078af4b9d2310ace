import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chainAudit } from '@drover/trust/audit/chain';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitWithAudit, findAudit, findAuditBreak, listAudit } from './audit.ts';
import { closeSession, insertDevice, openSession, readDevice, storeState } from './devices.ts';
import { ensureIdentity } from './meta.ts';
import { checksumOf, migrate, planMigrations } from './migrate.ts';
import { MIGRATIONS } from './migrations/all.ts';
import { openStore } from './sqlite-store.ts';
import { query, type Store, sqlOf } from './store.ts';
import {
  advanceOutbox,
  insertLog,
  insertOutbox,
  listLogs,
  readOutbox,
  readWindow,
  storeWindow,
  trimLogs,
} from './uplink.ts';

let folder: string;
let file: string;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drover-db-'));
  file = path.join(folder, 'db', 'hub.db');
  const opened = openStore(file, 1000);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const device = (id: string) => insertDevice({ id, labels: { site: 'berlin' }, secretHash: 'aa', joinedAt: 1 });
const window = {
  startAt: 900_000, device: 'd1', slot: 'default', role: 'active', manifest: 'ab'.repeat(32), bootId: 'cd'.repeat(16), number: 3,
  revision: 1, endAt: 1_800_000, firstMono: 1, lastMono: 2, rows: 10, errors: 0, closedBy: 'boundary',
  stats: Buffer.from([1, 2]), receivedAt: 5,
} as const; // biome-ignore format: one row

describe('the SQLite store', () => {
  it('keeps its files to the owner and durable settings on', () => {
    for (const name of readdirSync(path.dirname(file)))
      expect(statSync(path.join(path.dirname(file), name)).mode & 0o077).toBe(0);
    const other = new Database(file);
    expect(other.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(other.pragma('page_size', { simple: true })).toBe(16_384);
    other.close();
  });

  it('commits all statements or none, and names the one that did not do what was expected', async () => {
    expect(await store.commit([device('d1'), device('d2')])).toEqual({ ok: true, changes: [1, 1] });
    expect(await store.commit([device('d3'), device('d1')])).toEqual({ ok: false, at: 1, why: 'unique' });
    expect(await readDevice(store, 'd3')).toBeUndefined();
    const missing = { query: query(sqlOf.updateTable('devices').set({ secretHash: 'x' }).where('id', '=', 'none')) };
    expect(await store.commit([device('d3'), missing])).toEqual({ ok: false, at: 1, why: 'count' });
    expect(await readDevice(store, 'd3')).toBeUndefined();
    const orphan = insertOutbox({
      device: 'none',
      outboxId: 'a',
      lastSeq: 0,
      entries: 0,
      lost: 0,
      lostAt: null,
      refused: 0,
      updatedAt: 0,
    });
    expect(await store.commit([orphan])).toEqual({ ok: false, at: 0, why: 'reference' });
    expect(await store.commit([])).toEqual({ ok: true, changes: [] });
  });

  it('makes its identity once', async () => {
    const made = await ensureIdentity(store, { hubId: 'first', createdAt: 7 });
    expect(await ensureIdentity(store, { hubId: 'second', createdAt: 8 })).toEqual(made);
  });

  it('writes a copy that opens', async () => {
    await store.commit([device('d1')]);
    const copy = path.join(folder, 'copy.db');
    await store.backup(copy);
    const opened = openStore(copy, 2);
    expect(opened.ok && (await readDevice(opened.value, 'd1'))?.labelsJson).toBe('{"site":"berlin"}');
    if (opened.ok) await opened.value.close();
  });
});

describe('migrations', () => {
  const unused = Math.max(...MIGRATIONS.map(({ number }) => number)) + 1;
  const next = { number: unused, name: 'next', statements: ['CREATE TABLE later (x INTEGER) STRICT'] };

  it('back the file up before they change one that holds data', async () => {
    await store.commit([device('d1')]);
    await store.close();
    const db = new Database(file);
    expect(migrate(db, [...MIGRATIONS, next], 5000)).toEqual({ ok: true, value: [next.number] });
    expect(migrate(db, [...MIGRATIONS, next], 6000)).toEqual({ ok: true, value: [] });
    db.close();
    const backups = readdirSync(path.dirname(file)).filter((name) => name.startsWith('backup-'));
    expect(backups).toHaveLength(1);
    const kept = new Database(path.join(path.dirname(file), backups[0] ?? ''), { readonly: true });
    expect(kept.prepare('SELECT id FROM devices').all()).toEqual([{ id: 'd1' }]);
    kept.close();
    // The older program refuses what the newer one wrote.
    const refused = openStore(file, 7000);
    expect(refused).toMatchObject({ ok: false, code: 'database_newer' });
    expect(existsSync(file)).toBe(true);
  });

  it('refuse a history that was edited', () => {
    const [first] = MIGRATIONS;
    if (!first) throw new Error('there is no migration');
    const applied = [
      { number: 1, name: 'first', checksum: checksumOf({ ...first, statements: ['CREATE TABLE other (x)'] }) },
    ];
    expect(planMigrations(applied, MIGRATIONS)).toMatchObject({ ok: false, code: 'database_altered' });
  });

  it('leave nothing behind when one of them fails', async () => {
    await store.close();
    const db = new Database(file);
    const broken = {
      number: unused,
      name: 'broken',
      statements: ['CREATE TABLE half (x INTEGER)', 'CREATE TABLE half (x INTEGER)'],
    };
    expect(() => migrate(db, [...MIGRATIONS, broken], 1)).toThrow(/already exists/);
    expect(db.prepare(`SELECT name FROM sqlite_schema WHERE name = 'half'`).all()).toEqual([]);
    db.close();
  });
});

describe('rows of the uplink', () => {
  beforeEach(async () => {
    await store.commit([device('d1')]);
  });

  it('advance an outbox only from where it stands', async () => {
    await store.commit([
      insertOutbox({
        device: 'd1',
        outboxId: 'o',
        lastSeq: 0,
        entries: 0,
        lost: 0,
        lostAt: null,
        refused: 0,
        updatedAt: 0,
      }),
    ]);
    const advance = {
      device: 'd1',
      outboxId: 'o',
      fromSeq: 0,
      toSeq: 7,
      entries: 5,
      lost: 2,
      lostAt: 8,
      refused: 1,
      updatedAt: 9,
    };
    expect(await store.commit([advanceOutbox(advance)])).toMatchObject({ ok: true });
    expect(await store.commit([advanceOutbox(advance)])).toMatchObject({ ok: false, why: 'count' });
    expect(await readOutbox(store, 'd1', 'o')).toMatchObject({
      lastSeq: 7,
      entries: 5,
      lost: 2,
      lostAt: 8,
      refused: 1,
    });
    // What comes whole later does not change when something was lost.
    const next = { ...advance, fromSeq: 7, toSeq: 9, lost: 0, lostAt: null };
    expect(await store.commit([advanceOutbox(next)])).toMatchObject({ ok: true });
    expect(await readOutbox(store, 'd1', 'o')).toMatchObject({ lastSeq: 9, lost: 2, lostAt: 8 });
  });

  it('replace a window only by a higher revision', async () => {
    expect(await store.commit([storeWindow(window)])).toEqual({ ok: true, changes: [1] });
    expect(await store.commit([storeWindow({ ...window, rows: 99 })])).toEqual({ ok: true, changes: [0] });
    expect(await store.commit([storeWindow({ ...window, revision: 2, rows: 11 })])).toEqual({ ok: true, changes: [1] });
    expect(await store.commit([storeWindow({ ...window, revision: 1, rows: 10 })])).toEqual({ ok: true, changes: [0] });
    expect(await readWindow(store, window)).toMatchObject({ revision: 2, rows: 11, stats: window.stats });
  });

  it('keep the newest rows of a bounded table', async () => {
    const log = (n: number) =>
      insertLog({ device: 'd1', at: n, level: 30, code: null, message: `m${n}`, receivedAt: n });
    await store.commit([...Array(10).keys()].map(log));
    expect(await store.commit([trimLogs(3)])).toEqual({ ok: true, changes: [7] });
    expect((await listLogs(store, 'd1', 10)).map((row) => row.message)).toEqual(['m9', 'm8', 'm7']);
  });
});

describe('presence', () => {
  const session = (sessionId: string, bootId: string, at: number) =>
    openSession({
      id: 'd1', sessionId, bootId, outboxId: 'o', agentVersion: '0.1.0', capabilitiesJson: '{}', reportedGeneration: 1, lastSeenAt: at,
    }); // biome-ignore format: one row
  const state = (bootId: string, stateRevision: number) =>
    storeState({
      id: 'd1', bootId, stateRevision, reportedGeneration: 2, healthJson: '{}', desiredCode: null, desiredDetail: null, lastSeenAt: 9,
    }); // biome-ignore format: one row

  it('ignores the will of a session that is not the live one', async () => {
    await store.commit([device('d1'), session('s1', 'b1', 10), session('s2', 'b1', 20)]);
    expect(await store.commit([closeSession('d1', 's1', 30)])).toEqual({ ok: true, changes: [0] });
    expect(await readDevice(store, 'd1')).toMatchObject({ presence: 'online', sessionId: 's2', lastSeenAt: 20 });
    await store.commit([closeSession('d1', 's2', 40)]);
    expect(await readDevice(store, 'd1')).toMatchObject({ presence: 'offline', sessionId: null, lastSeenAt: 40 });
  });

  it('takes reports in order within a boot and starts again with the next boot', async () => {
    await store.commit([device('d1'), session('s1', 'b1', 10)]);
    expect(await store.commit([state('b1', 5), state('b1', 4), state('b0', 9)])).toEqual({
      ok: true,
      changes: [1, 0, 0],
    });
    await store.commit([session('s2', 'b1', 20)]);
    expect(await readDevice(store, 'd1')).toMatchObject({ stateRevision: 5 });
    await store.commit([session('s3', 'b2', 30)]);
    expect(await store.commit([state('b2', 1)])).toEqual({ ok: true, changes: [1] });
  });
});

describe('the audit log', () => {
  const entry = (n: number) => ({ at: n, actor: 'tester', action: 'try', subject: `s${n}`, detail: { n } });

  it('chains rows also when two writers meet', async () => {
    const done = await Promise.all(
      [...Array(6).keys()].map((n) => commitWithAudit(store, [device(`d${n}`)], entry(n))),
    );
    expect(done.every((d) => d.ok)).toBe(true);
    const rows = await listAudit(store, { limit: 100 });
    expect(rows).toHaveLength(6);
    expect(findAuditBreak(rows)).toBeUndefined();
  });

  it('does not log what was not done', async () => {
    await store.commit([device('d1')]);
    expect(await commitWithAudit(store, [device('d1')], entry(1))).toMatchObject({ ok: false, at: 0 });
    expect(await listAudit(store, { limit: 10 })).toEqual([]);
  });

  it('cannot be changed through the database and shows a change of the file', async () => {
    await commitWithAudit(store, [], entry(1));
    await expect(store.commit([{ query: query(sqlOf.updateTable('audit').set({ actor: 'x' })) }])).rejects.toThrow(
      /append-only/,
    );
    await expect(store.commit([{ query: query(sqlOf.deleteFrom('audit')) }])).rejects.toThrow(/append-only/);
    const put = `INSERT OR REPLACE INTO audit SELECT seq, at, 'eve', action, subject, detailJson, prevHash, hash FROM audit`;
    await expect(store.commit([{ query: { sql: put, parameters: [] } }])).rejects.toThrow(/append-only/);
    expect(findAuditBreak(await listAudit(store, { limit: 10 }))).toBeUndefined();
  });

  it('takes several entries in one commit, and lists by actor, action, subject and time', async () => {
    const of = (actor: string, action: string, subject: string, at: number) => ({
      at,
      actor,
      action,
      subject,
      detail: null,
    });
    await commitWithAudit(store, [], [of('ada', 'alias.set', 'wear@champion', 10), of('hub', 'alias', 'x', 20)]);
    await commitWithAudit(store, [], []);
    await commitWithAudit(store, [], of('ada', 'aliases.set', 'wear@champion', 30));
    expect(findAuditBreak(await listAudit(store, { limit: 10 }))).toBeUndefined();
    const seqs = async (filter: Parameters<typeof findAudit>[1], cursor?: number) =>
      (await findAudit(store, filter, { limit: 10, cursor })).map(({ seq }) => seq);
    expect(await seqs({})).toEqual([3, 2, 1]);
    expect(await seqs({}, 3)).toEqual([2, 1]);
    expect(await seqs({ action: 'alias' })).toEqual([2, 1]);
    expect(await seqs({ actor: 'ada', subject: 'wear@champion' })).toEqual([3, 1]);
    expect(await seqs({ since: 20, until: 30 })).toEqual([2]);
  });

  it('finds any row that was changed, removed or moved', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { minLength: 2, maxLength: 8 }),
        fc.nat(),
        fc.constantFrom('edit', 'drop', 'swap'),
        (texts, pick, how) => {
          const rows = texts.reduce<ReturnType<typeof chainAudit>[]>(
            (all, text, n) => [...all, chainAudit(all.at(-1), { ...entry(n), subject: text })],
            [],
          );
          expect(findAuditBreak(rows)).toBeUndefined();
          const i = pick % (rows.length - 1);
          const [a, b] = [rows[i], rows[i + 1]];
          if (!a || !b) throw new Error('index out of range');
          const broken = [...rows];
          if (how === 'edit') broken[i] = { ...a, subject: `${a.subject}!` };
          else if (how === 'drop') broken.splice(i, 1);
          else broken.splice(i, 2, b, a);
          expect(findAuditBreak(broken)).toBeDefined();
        },
      ),
    );
  });
});
