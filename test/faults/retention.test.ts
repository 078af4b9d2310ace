// Kills what sums old windows, with kill -9 at one transaction after the other: summaries say the same after each death, each window
// counts once, and the next run ends what was begun.
import path from 'node:path';
import { WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { killAll, start } from '@drover/testkit/program';
import { afterAll, describe, expect, it } from 'vitest';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { query, type Store, sqlOf } from '../../hub/src/db/store.ts';
import { storeWindow } from '../../hub/src/db/uplink.ts';
import { DAY_MS } from '../../hub/src/db/window-days.ts';
import { UNKNOWN_MODEL } from '../../hub/src/monitoring/model-facts.ts';
import { openSummaries } from '../../hub/src/monitoring/summary.ts';

const dir = scratch('retention-kill');
const file = path.join(dir, 'hub.db');
afterAll(async () => {
  await killAll();
  remove(dir);
});

async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const opened = openStore(file, 1);
  if (!opened.ok) throw new Error(opened.detail);
  try {
    return await use(opened.value);
  } finally {
    await opened.value.close();
  }
}
const summarise = () => withStore((store) => openSummaries({ store, readFacts: async () => UNKNOWN_MODEL })({}));

describe('a hub that is killed while it sums old windows', () => {
  it('tells each window once', async () => {
    const sketch = new WindowSketch();
    for (let i = 0; i < 5; i++) {
      sketch.addRow(new Float32Array(), 0);
      sketch.addLatency(100 + i);
    }
    const stats = sketch.encode();
    const day = 68;
    await withStore(async (store) => {
      for (let device = 0; device < 12; device++)
        await store.commit(
          Array.from(
            { length: 96 },
            (_, number) =>
            storeWindow({
              startAt: day * DAY_MS + number * 900_000, device: `d${device}`, slot: 'default', role: 'active', manifest: 'a'.repeat(64),
              bootId: 'b'.repeat(32), number, revision: 0, endAt: day * DAY_MS + (number + 1) * 900_000, firstMono: 0, lastMono: 1, rows: 5,
              errors: 1, closedBy: 'boundary', stats, receivedAt: 1,
            }), // biome-ignore format: one row
          ),
        );
    });
    const before = await summarise();
    expect(before).toMatchObject([{ windows: 12 * 96, predictions: 5 * 12 * 96, latency: { count: 5 * 12 * 96 } }]);
    const windows = () =>
      withStore(async (store) => (await store.rows(query(sqlOf.selectFrom('windows').select('number')))).length);
    const left: number[] = [];
    for (let run = 0; ; run++) {
      expect(run, 'it ends in fewer runs').toBeLessThan(40);
      // With nothing left to do it makes four: one for each kind of row that goes.
      const [number, moment] = [1 + (run % 5), run % 2 === 0 ? 'while' : 'before'];
      const program = start(path.join(import.meta.dirname, 'retention-main.ts'), [file, '100', String(number), moment]);
      const exit = await program.waitForExit();
      expect(await summarise()).toEqual(before);
      left.push(await windows());
      if (exit === 0) break;
      expect(exit, program.output()).toBe('SIGKILL');
    }
    // It died with some windows summed and some not, more than once.
    expect(new Set(left).size).toBeGreaterThan(3);
    expect(left.at(-1)).toBe(0);
    expect(await summarise()).toEqual(before);
  });
});
