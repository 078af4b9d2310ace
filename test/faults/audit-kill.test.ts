// Kills the hub between rows and checkpoints, again and again: what is left verifies by itself, and after the next start
// with a checkpoint over it. Nothing that a checkpoint vouched for is lost.
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch, startHub } from '@drover/testkit/fleet';
import { killAll } from '@drover/testkit/program';
import { type AuditCheckpoint, openCheckpoint, readAuditKey } from '@drover/trust/audit/checkpoint';
import { parseAuditLine, splitLines } from '@drover/trust/audit/lines';
import { verifyLog } from '@drover/trust/audit/verify-log';
import { afterAll, describe, expect, it } from 'vitest';
import { findAuditBreak, listAudit, readLastCheckpoint } from '../../hub/src/db/audit.ts';
import { openStore } from '../../hub/src/db/sqlite-store.ts';

const dir = scratch('audit-kill');
const data = path.join(dir, 'hub');
afterAll(async () => {
  await killAll();
  remove(dir);
});

/** Looks at a copy of what the killed hub left, so that looking changes nothing. */
async function lookAtRest(round: number): Promise<{ rows: number; covered: number; broken: boolean }> {
  const copy = path.join(dir, `rest-${round}.db`);
  for (const rest of ['', '-wal'])
    if (existsSync(path.join(data, `db/hub.db${rest}`)))
      copyFileSync(path.join(data, `db/hub.db${rest}`), `${copy}${rest}`);
  const opened = openStore(copy, 1);
  if (!opened.ok) throw new Error(opened.detail);
  const rows = await listAudit(opened.value, { limit: 10_000 });
  const covered = (await readLastCheckpoint(opened.value))?.seq ?? 0;
  await opened.value.close();
  return { rows: rows.length, covered, broken: findAuditBreak(rows) !== undefined };
}

const readKept = (keys: ReadonlyMap<string, Uint8Array>): AuditCheckpoint[] =>
  readFileSync(path.join(data, 'run/audit-checkpoints.jsonl'), 'utf8')
    .split(/(?<=\n)/)
    .map((text) => {
      const line = parseAuditLine(text, 1);
      if (!line.ok || line.value.type !== 'checkpoint') throw new Error('a line of the file is no checkpoint');
      const opened = openCheckpoint(line.value.envelope, keys);
      if (!opened.ok) throw new Error(opened.detail);
      return opened.value;
    });

describe('a hub that is killed', () => {
  it('leaves an audit log that verifies, whatever it was doing', async () => {
    let joined = 0;
    let kept: AuditCheckpoint[] = [];
    for (let round = 0; round < 3; round++) {
      const hub = await startHub(data);
      const token = readFileSync(path.join(data, 'run/token'), 'utf8').trim();
      const ask = (route: string) => fetch(`${hub.httpUrl}${route}`, { headers: { authorization: `Bearer ${token}` } });
      const key = readAuditKey(((await (await ask('/api/v1/audit/key')).json()) as { publicKey: string }).publicKey);
      if (!key.ok) throw new Error(key.detail);
      const keys = new Map([[key.value.keyid, key.value.raw]]);
      const text = Buffer.from(await (await ask('/api/v1/audit/export')).arrayBuffer());
      const found = await verifyLog(splitLines([text]), { keys, kept });
      expect(found.ok ? 'ok' : `${found.code}: ${found.detail}`).toBe('ok');
      if (found.ok) expect(found.value.rows).toBeGreaterThanOrEqual(joined + round + 1);
      kept = readKept(keys);
      expect(kept.length).toBeGreaterThan(round);

      const answered: Promise<unknown>[] = [];
      for (let i = 0; i < 30; i++)
        answered.push(
          hub.post('/api/v1/devices', { id: `d-${round}-${i}` }).then(
            () => joined++,
            () => undefined,
          ),
        );
      // Some are answered, some are under way.
      await Promise.race(answered);
      await hub.kill();
      await Promise.all(answered);

      const rest = await lookAtRest(round);
      expect(rest.broken).toBe(false);
      expect(rest.rows).toBeGreaterThan(rest.covered);
    }
  });
});
