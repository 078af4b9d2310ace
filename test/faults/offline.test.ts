// The agent without its hub: it predicts, counts and keeps; a kill -9 loses at most the window that was open, and that can be
// seen from the numbers. When the hub is back everything arrives once.
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import { askOffset, countPredictions, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('offline');
const data = path.join(dir, 'press-1');
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '1' };
let hub: HubProgram;
let agent: AgentProgram;
/** Rows that were answered, over the whole file. */
let played = 0;
/** Rows that a kill took: known exactly at the end of the test that kills. */
let lost = 0;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  await joinAgent(hub, data, 'press-1');
  agent = await runAgent(data);
  const { version } = await registerOffset(hub, 100);
  expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

/** Plays rows until the condition holds; every one must be answered. Returns when each was answered. */
async function playUntil(what: string, isEnough: () => Promise<boolean>): Promise<number[]> {
  const times: number[] = [];
  await until(
    what,
    async () => {
      for (let i = 0; i < 20; i++) {
        expect(await askOffset(agent)).toBe(100);
        played += 1;
        times.push(performance.now());
      }
      return isEnough();
    },
    60_000,
  );
  return times;
}

const held = async (): Promise<number> => (await readStatus(agent)).outbox.entries;

describe('an agent whose hub is away', () => {
  it('predicts on, keeps its windows, and brings them all when the hub is back', async () => {
    const windows = async () => (await readStatus(agent)).outbox.nextSeq;
    await hub.stop();
    const from = await windows();
    await playUntil('three windows in the outbox', async () => (await windows()) >= from + 3);
    expect(await held()).toBeGreaterThanOrEqual(3);
    hub = await startHub(hub.data, samePorts(hub), ENV);
    await waitOnline(hub, 'press-1');
    await until('every prediction to be counted', async () => (await countPredictions(hub, 'press-1')) === played);
    await until('an empty outbox', async () => (await held()) === 0);
  });

  it('is killed with -9: what was in the outbox arrives, at most the open window is lost', async () => {
    await hub.stop();
    const from = (await readStatus(agent)).outbox.nextSeq;
    const times = await playUntil(
      'three windows in the outbox',
      async () => (await readStatus(agent)).outbox.nextSeq >= from + 3,
    );
    const kept = (await readStatus(agent)).outbox;
    const killedAt = performance.now();
    await agent.kill();

    // The hub is still away: the model serves at once, from what is on the disk.
    agent = await runAgent(data);
    expect(await askOffset(agent)).toBe(100);
    played += 1;
    const now = (await readStatus(agent)).outbox;
    expect(now.outboxId).toBe(kept.outboxId);
    expect(now.nextSeq).toBeGreaterThanOrEqual(kept.nextSeq);
    expect(now.entries).toBeGreaterThanOrEqual(kept.entries);

    hub = await startHub(hub.data, samePorts(hub), ENV);
    await waitOnline(hub, 'press-1');
    // The window that is open now is closed by its end, and then nothing is on its way any more.
    await until('an empty outbox and a closed window', async () => {
      const { outbox } = await readStatus(agent);
      const windows = readHubRows<{ rows: number }>(
        hub.data,
        'SELECT sum(rows) AS rows FROM windows WHERE bootId = ?',
        (await readStatus(agent)).agent.bootId,
      );
      return outbox.entries === 0 && windows[0]?.rows === 1;
    });
    lost = played - (await countPredictions(hub, 'press-1'));
    // Windows are one second long and are closed within a tick of their end.
    const openAtKill = times.filter((at) => killedAt - at < 1500).length;
    expect(lost).toBeGreaterThanOrEqual(0);
    expect(lost).toBeLessThanOrEqual(openAtKill);
    // The hub has been told of no loss in the outbox: only a window that was never closed is missing.
    const [outbox] = readHubRows<{ lost: number; refused: number }>(hub.data, 'SELECT lost, refused FROM outboxes');
    expect(outbox).toEqual({ lost: 0, refused: 0 });
    expect(
      readHubRows(
        hub.data,
        'SELECT number FROM windows GROUP BY startAt, bootId, manifest, number HAVING count(*) > 1',
      ),
    ).toEqual([]);
  });

  it('ends on SIGTERM in time, with its window closed, and the hub has it after the next start', async () => {
    await hub.stop();
    for (let i = 0; i < 25; i++) expect(await askOffset(agent)).toBe(100);
    played += 25;
    expect(await agent.stop()).toBe(0);
    hub = await startHub(hub.data, samePorts(hub), ENV);
    agent = await runAgent(data);
    await until(
      'every prediction but the lost ones',
      async () => (await countPredictions(hub, 'press-1')) === played - lost,
    );
  });
});
