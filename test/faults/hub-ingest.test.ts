import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { query, sqlOf } from '../../hub/src/db/store.ts';
import { readOutbox } from '../../hub/src/db/uplink.ts';
import { until } from '../../packages/testkit/src/until.ts';
import { connectDevice, makeWindow, newId, type TestDevice } from '../integration/mqtt-bench.ts';

const DEVICES = ['d1', 'd2', 'd3', 'd4'];
const main = path.resolve('test/faults/mqtt-side-main.ts');

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drover-kill-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function startChild(): Promise<number> {
  const started = spawn(process.execPath, [main, folder, '0', ...DEVICES], { stdio: ['ignore', 'pipe', 'inherit'] });
  child = started;
  let said = '';
  started.stdout.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  await until('the hub is ready', () => said.includes('ready') || started.exitCode !== null);
  return Number(/ready (\d+)/.exec(said)?.[1]);
}

async function kill(): Promise<void> {
  const dying = child;
  dying?.kill('SIGKILL');
  await until('the hub is dead', () => dying?.signalCode === 'SIGKILL');
}

describe('a hub that is killed with -9 while windows stream in', () => {
  it('has every window that it acknowledged, none twice, and takes the rest after its start', async () => {
    const outboxes = new Map(DEVICES.map((d) => [d, newId()]));
    /** The highest number that each device saw acknowledged, over all lives of the hub. */
    const acked = new Map(DEVICES.map((d) => [d, 0]));
    const next = new Map(DEVICES.map((d) => [d, 1]));

    async function readAll() {
      const opened = openStore(path.join(folder, 'db', 'hub.db'), Date.now());
      if (!opened.ok) throw new Error(opened.detail);
      const store = opened.value;
      const stored = await store.rows(
        query(sqlOf.selectFrom('windows').select(['device', 'number']).orderBy('number')),
      );
      const rows = await Promise.all(DEVICES.map((d) => readOutbox(store, d, outboxes.get(d) ?? '')));
      await store.close();
      return { stored: Map.groupBy(stored, (w) => w.device), rows };
    }

    for (let life = 0; life < 3; life++) {
      const port = await startChild();
      const devices: TestDevice[] = [];
      for (const d of DEVICES) devices.push(await connectDevice(port, d, { outboxId: outboxes.get(d) ?? '' }));
      const goal = 40 * (life + 1);
      // Each device keeps sending what is not acknowledged, as an agent does, until enough got through; then the hub dies.
      await until('enough is acknowledged', () => {
        for (const [i, d] of DEVICES.entries()) {
          const device = devices[i];
          if (!device?.client.connected) continue;
          acked.set(d, Math.max(acked.get(d) ?? 0, device.acked()));
          const from = (acked.get(d) ?? 0) + 1;
          next.set(d, Math.max(next.get(d) ?? 1, from + 60));
          device.up(
            from,
            Array.from({ length: 60 }, (_, k) => makeWindow(from + k)),
          );
        }
        return [...acked.values()].every((n) => n >= goal);
      });
      await kill();
      for (const [i, d] of DEVICES.entries()) {
        acked.set(d, Math.max(acked.get(d) ?? 0, devices[i]?.acked() ?? 0));
        await devices[i]?.end();
      }
      const { stored, rows } = await readAll();
      for (const [i, d] of DEVICES.entries()) {
        const numbers = (stored.get(d) ?? []).map((w) => w.number);
        const lastSeq = rows[i]?.lastSeq ?? 0;
        expect(lastSeq).toBeGreaterThanOrEqual(acked.get(d) ?? 0);
        // Exactly the windows 1 to lastSeq: none is missing and none is there that the outbox does not count.
        expect(numbers).toEqual(Array.from({ length: lastSeq }, (_, k) => k + 1));
        expect(rows[i]).toMatchObject({ entries: lastSeq, lost: 0, refused: 0 });
      }
    }
  });
});
