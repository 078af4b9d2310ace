// The audit log of a whole hub: what it writes by itself, its checkpoints and their file, the export, and what is left
// after a kill -9.
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { openCheckpoint, readAuditKey } from '@drover/trust/audit/checkpoint';
import { parseAuditLine, splitLines } from '@drover/trust/audit/lines';
import { type AuditExpectation, type AuditFindings, verifyLog } from '@drover/trust/audit/verify-log';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let dir: string;
let hub: InsideHub | undefined;
beforeEach(() => {
  dir = scratch('audit');
});
afterEach(async () => {
  await hub?.end();
  hub = undefined;
  remove(dir);
});

const open = async (): Promise<InsideHub> => {
  hub = await openInsideHub({}, dir);
  return hub;
};
const close = async (): Promise<void> => {
  await hub?.end();
  hub = undefined;
};
const exportOf = async (from: InsideHub, query = ''): Promise<string> =>
  (await from.ask('GET', `/api/v1/audit/export${query}`)).text;
async function verify(text: string, expectation: Partial<AuditExpectation> = {}): Promise<AuditFindings | string> {
  const found = await verifyLog(splitLines([Buffer.from(text)]), { keys: new Map(), kept: [], ...expectation });
  return found.ok ? found.value : `${found.code}: ${found.detail}`;
}
const join = (to: InsideHub, id: string) => to.ask('POST', '/api/v1/devices', { id, labels: { site: 'north' } });
const file = (): string => path.join(dir, 'run/audit-checkpoints.jsonl');
const database = (): string => path.join(dir, 'db/hub.db');

/** A hand in the file itself, past the hub. */
function tamper(...statements: string[]): void {
  const db = new Database(database());
  for (const name of ['auditNoUpdate', 'auditNoDelete', 'auditCheckpointsNoDelete']) db.exec(`DROP TRIGGER ${name}`);
  db.pragma('foreign_keys = OFF');
  for (const statement of statements) db.exec(statement);
  db.close();
}

describe('the audit log of a hub', () => {
  it('tells of people and of the hub itself, and verifies with its key and with its file', async () => {
    const one = await open();
    await join(one, 'press-1');
    await one.ask('PUT', '/api/v1/devices/press-1/labels', { site: 'south' });
    const { json } = await one.ask('GET', '/api/v1/audit?subject=press-1');
    expect(json).toMatchObject({
      items: [
        { action: 'device.label', actor: 'local', detail: { before: { labels: { site: 'north' } }, after: { labels: { site: 'south' } } } },
        { action: 'device.join', detail: { before: null, after: { labels: { site: 'north' } } } },
      ],
      nextCursor: null,
    }); // biome-ignore format: one entry a line
    const pem = ((await one.ask('GET', '/api/v1/audit/key')).json as { publicKey: string }).publicKey;
    const key = readAuditKey(pem);
    if (!key.ok) throw new Error(key.detail);
    const keys = new Map([[key.value.keyid, key.value.raw]]);
    const kept = readFileSync(file(), 'utf8')
      .split(/(?<=\n)/)
      .map((text) => {
        const line = parseAuditLine(text, 1);
        if (!line.ok || line.value.type !== 'checkpoint') throw new Error('not a checkpoint');
        const opened = openCheckpoint(line.value.envelope, keys);
        if (!opened.ok) throw new Error(opened.detail);
        return opened.value;
      });
    expect(kept.map(({ seq }) => seq)).toEqual([1]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(await verify(await exportOf(one), { keys, kept })).toMatchObject({
      firstSeq: 1,
      lastSeq: 3,
      areKeysOwn: false,
      compared: 1,
    });
    await close();
    const two = await open();
    const text = await exportOf(two);
    expect(await verify(text, { keys, kept })).toMatchObject({ lastSeq: 5 });
    const rows = text
      .split('\n')
      .filter((line) => line.includes('"type":"row"'))
      .map((line) => JSON.parse(line) as { action: string; detailJson: string });
    expect(rows.map(({ action }) => action)).toEqual([
      'hub.start',
      'device.join',
      'device.label',
      'hub.stop',
      'hub.start',
    ]);
    const started = JSON.parse(rows[4]?.detailJson ?? '') as { before: unknown; after: unknown };
    expect(started.before).toEqual((JSON.parse(rows[0]?.detailJson ?? '') as { after: unknown }).after);
  });

  it('exports from a time on, behind the checkpoint before', async () => {
    const one = await open();
    await join(one, 'press-1');
    await exportOf(one);
    await join(one, 'press-2');
    const { items } = (await one.ask('GET', '/api/v1/audit?limit=1')).json as { items: { at: string }[] };
    const text = await exportOf(one, `?since=${items[0]?.at}`);
    expect(await verify(text)).toMatchObject({ lastSeq: 3 });
    expect((await verify(text)) as AuditFindings).toHaveProperty('firstSeq');
    expect(await verify(await exportOf(one, '?since=2999-01-01'))).toMatchObject({ rows: 0, lastSeq: 3 });
    expect(await one.ask('GET', '/api/v1/audit?since=yesterday')).toMatchObject({ status: 400 });
    const { json } = await one.ask('GET', '/api/v1/audit/checkpoints?limit=1');
    expect(json).toMatchObject({ items: [{ seq: 1 }], nextCursor: expect.any(String) });
  });

  it.each<[string, string[], RegExp]>([
    ['an edited row', [`UPDATE audit SET actor = 'eve' WHERE seq = 2`], /^audit_row_altered/],
    ['a removed row', ['DELETE FROM audit WHERE seq = 2'], /^audit_chain_broken/],
    ['two rows swapped', ['UPDATE audit SET seq = 99 WHERE seq = 2', 'UPDATE audit SET seq = 2 WHERE seq = 3', 'UPDATE audit SET seq = 3 WHERE seq = 99'], /^audit_row_altered/],
    ['a checkpoint cut off with its rows', ['DELETE FROM auditCheckpoints WHERE seq > 1', 'DELETE FROM audit WHERE seq > 1'], /^audit_(truncated|checkpoint_mismatch)/],
  ])('shows %s, and signs nothing over it', async (_, statements, says) => {
    const one = await open();
    await join(one, 'press-1');
    await join(one, 'press-2');
    const [line] = (await exportOf(one)).split(/(?<=\n)/).filter((text) => text.includes('"checkpoint"')).slice(-1);
    const mark = parseAuditLine(line ?? '', 1);
    if (!mark.ok || mark.value.type !== 'checkpoint') throw new Error('no checkpoint');
    const kept = [JSON.parse(Buffer.from(mark.value.envelope.payload).toString('utf8'))];
    await close();
    tamper(...statements);
    const two = await open();
    const found = await verify(await exportOf(two), { kept });
    expect(found).toMatch(says);
  }); // biome-ignore format: one case a line

  it('notes that it was set back behind its own checkpoints', async () => {
    const one = await open();
    const backup = path.join(dir, 'copy.db');
    const db = new Database(database());
    db.prepare('VACUUM INTO ?').run(backup);
    db.close();
    await join(one, 'press-1');
    await close();
    for (const rest of ['', '-wal', '-shm']) remove(`${database()}${rest}`);
    writeFileSync(database(), readFileSync(backup), { mode: 0o600 });
    const two = await open();
    const { json } = await two.ask('GET', '/api/v1/audit?action=audit');
    expect(json).toMatchObject({ items: [{ action: 'audit.setback', actor: 'hub', detail: { before: { seq: 3 } } }] });
  });

  it('mends the end of its file that a power cut tore', async () => {
    await open();
    await close();
    const whole = readFileSync(file(), 'utf8');
    appendFileSync(file(), whole.slice(0, 40));
    await open();
    await close();
    const text = readFileSync(file(), 'utf8');
    expect(text.startsWith(whole)).toBe(true);
    const lines = text.split(/(?<=\n)/);
    expect(lines.every((line) => parseAuditLine(line, 1).ok)).toBe(true);
    expect(new Set(lines).size).toBe(lines.length);
  });
});
