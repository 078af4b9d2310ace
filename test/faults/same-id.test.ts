// Two agents with one identity: on one machine the second does not start; from another machine the one that lives stays and
// the other is refused, and the hub says so where an operator looks.
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { type HubProgram, joinAgent, remove, runAgent, scratch, startHub } from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import { waitOnline } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('same-id');
const first = path.join(dir, 'first');
let hub: HubProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'));
  await joinAgent(hub, first, 'press-1');
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

const sessionOf = (): string | null =>
  readHubRows<{ sessionId: string | null }>(hub.data, 'SELECT sessionId FROM devices WHERE id = ?', 'press-1')[0]
    ?.sessionId ?? null;

describe('a second agent with the same id', () => {
  it('on the same data directory is refused at once, and the first goes on', async () => {
    const agent = await runAgent(first);
    await waitOnline(hub, 'press-1');
    const second = start(ENTRY.agent, ['run', '--data', first, '--http', '127.0.0.1:0']);
    const exit = await second.waitForExit(15_000);
    expect([1, 2]).toContain(exit);
    expect(second.output()).toContain('agent_running');
    expect(second.output()).toContain(String(agent.process.pid));
    expect((await waitOnline(hub, 'press-1')).presence).toBe('online');
    expect(agent.exit()).toBeUndefined();
    await agent.stop();
  });

  it('from a copied identity is refused while the first lives, aloud, and may come when it has gone', async () => {
    const agent = await runAgent(first);
    await waitOnline(hub, 'press-1');
    const session = sessionOf();
    expect(session).not.toBeNull();

    const copy = path.join(dir, 'copy');
    mkdirSync(copy, { mode: 0o700 });
    for (const file of ['identity.json', 'release'])
      cpSync(path.join(first, file), path.join(copy, file), { recursive: true });
    const intruder = await runAgent(copy);
    await until('the hub to say it in its log', () => hub.output().includes('device_already_connected'));
    // The one that lives was neither cut off nor replaced.
    expect(sessionOf()).toBe(session);
    expect((await waitOnline(hub, 'press-1')).presence).toBe('online');
    const metrics = await fetch(`${hub.httpUrl}/metrics`, { headers: { authorization: `Bearer ${hub.token}` } });
    const line = (await metrics.text()).split('\n').find((text) => text.includes('device_already_connected'));
    expect(line, 'a metric that an alert can watch').toMatch(/device_already_connected.*\s[1-9]\d*$/);

    await agent.stop();
    await until('the other to come in', () => sessionOf() !== session && sessionOf() !== null, 60_000);
    await waitOnline(hub, 'press-1', 60_000);
    expect(intruder.exit()).toBeUndefined();
    await intruder.stop();
  });
});
