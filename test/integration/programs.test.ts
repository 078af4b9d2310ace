// How hub and agent start and end together: what keeps an agent from starting is a clear error with its own exit code; SIGTERM ends them cleanly in time; the next start continues with the same devices, models and keys.

import { existsSync, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  deploy,
  device,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { askOffset, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ENV = { DROVER_HUB_PROBATION_SECONDS: '0' };
let dir: string;

beforeEach(() => {
  dir = scratch('programs');
});

afterEach(async () => {
  await killAll();
  remove(dir);
});

const at = (...parts: string[]): string => path.join(dir, ...parts);

async function endOf(
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ exit: number | string; output: string }> {
  const program = start(entry, args, env);
  const exit = await program.waitForExit(20_000);
  return { exit, output: program.output() };
}

async function takePort(): Promise<{ port: number; free: () => Promise<void> }> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return { port, free: () => new Promise((resolve) => server.close(() => resolve())) };
}

describe('an agent does not start', () => {
  it('on a taken port: exit 3; without an identity: exit 1; with an unknown flag: exit 2', async () => {
    const hub = await startHub(at('hub'));
    await joinAgent(hub, at('press-1'), 'press-1');
    const { port, free } = await takePort();
    const taken = await endOf(ENTRY.agent, ['run', '--data', at('press-1'), '--http', `127.0.0.1:${port}`]);
    expect(taken).toMatchObject({ exit: 3 });
    expect(taken.output).toContain(`127.0.0.1:${port}`);
    await free();
    const stranger = await endOf(ENTRY.agent, ['run', '--data', at('nobody'), '--http', '127.0.0.1:0']);
    expect(stranger).toMatchObject({ exit: 1 });
    expect(stranger.output).toContain('agent_not_joined');
    expect(await endOf(ENTRY.agent, ['run', '--data', at('press-1'), '--frobnicate'])).toMatchObject({ exit: 2 });
  });

  it('joining a hub that is not there, or under a name that is taken, says so', async () => {
    const { port, free } = await takePort();
    await free();
    const nowhere = await endOf(ENTRY.agent, [
      'join',
      '--hub',
      `http://127.0.0.1:${port}`,
      '--id',
      'press-1',
      '--data',
      at('press-1'),
    ]);
    expect(nowhere).toMatchObject({ exit: 1 });
    expect(nowhere.output).toContain('hub_unreachable');
    const hub = await startHub(at('hub'));
    await joinAgent(hub, at('press-1'), 'press-1');
    const flags = ['--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token'), '--id', 'press-1'];
    const twice = await endOf(ENTRY.agent, ['join', ...flags, '--data', at('other')]);
    expect(twice).toMatchObject({ exit: 1 });
    expect(twice.output).toContain('device_id_taken');
    const wrong = await endOf(ENTRY.agent, ['join', '--hub', hub.httpUrl, '--id', 'press-2', '--data', at('press-2')]);
    expect(wrong).toMatchObject({ exit: 1 });
    expect(wrong.output).toContain('token_refused');
  });
});

describe('a hub and an agent', () => {
  it('end on SIGTERM with 0 and continue with the same devices, models and keys', async () => {
    let hub: HubProgram = await startHub(at('hub'), [], ENV);
    await joinAgent(hub, at('press-1'), 'press-1');
    let agent = await runAgent(at('press-1'));
    const { version, manifest } = await registerOffset(hub, 100);
    expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
    const before = { id: (await hub.get<{ hubId: string }>('/api/v1/status')).hubId, token: hub.token };

    expect(await hub.stop()).toBe(0);
    expect(existsSync(at('hub/run/hub.json'))).toBe(false);
    await until('the agent to notice', async () => !(await readStatus(agent)).hub.connected);
    expect(await agent.stop()).toBe(0);
    expect(existsSync(at('press-1/run/agent.json'))).toBe(false);

    agent = await runAgent(at('press-1'));
    expect(await until('a served model without the hub', () => askOffset(agent))).toBe(100);
    hub = await startHub(at('hub'), samePorts(hub), ENV);
    expect({ id: (await hub.get<{ hubId: string }>('/api/v1/status')).hubId, token: hub.token }).toEqual(before);
    await waitOnline(hub, 'press-1');
    expect((await device(hub, 'press-1')).slots).toMatchObject([{ inSync: true, running: { manifest } }]);
    expect((await hub.get<{ items: unknown[] }>('/api/v1/models')).items).toMatchObject([
      { name: 'offset', latest: version },
    ]);
    // Nothing is installed a second time because both came back.
    expect((await hub.get<{ items: unknown[] }>('/api/v1/rollouts')).items).toHaveLength(1);
    const next = await registerOffset(hub, 200);
    expect(next.version).toBe(version + 1);
    expect(await deploy(hub, 'offset', next.version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
    expect(await hub.stop()).toBe(0);
    expect(await agent.stop()).toBe(0);
  });

  it('keep what is secret readable for their owner only, and out of what they print', async () => {
    const hub = await startHub(at('hub'), ['--log-level', 'trace']);
    await joinAgent(hub, at('press-1'), 'press-1');
    const agent = await runAgent(at('press-1'), ['--log-level', 'trace']);
    await waitOnline(hub, 'press-1');
    const { secret } = JSON.parse(readFileSync(at('press-1/identity.json'), 'utf8')) as { secret: string };
    for (const file of [
      'hub/run/token',
      'hub/keys/root.pem',
      'hub/keys/release.pem',
      'hub/keys/director.pem',
      'press-1/identity.json',
    ]) {
      expect(statSync(at(file)).mode & 0o077, file).toBe(0);
    }
    for (const { output } of [hub, agent]) {
      expect(output()).not.toContain(secret);
      expect(output()).not.toContain(hub.token);
    }
  });
});
