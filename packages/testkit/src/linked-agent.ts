// Runs real agents whose every byte over MQTT goes through a link of its own, which can be made bad, and watches what is rolled
// out to them. For tests.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type AgentProgram, type HubProgram, joinAgent, runAgent } from './fleet.ts';
import { readStatus, waitOnline } from './offset.ts';
import { until } from './until.ts';

export interface Linked {
  readonly id: string;
  readonly data: string;
  readonly proxy: FaultProxy;
  agent: AgentProgram;
  /** Starts the agent again after it ended. */
  start(): Promise<void>;
}

export interface LinkedOptions {
  readonly labels?: readonly string[];
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

/** Joins `id` in `dir`, starts it behind its link and waits until the hub sees it. */
export async function runLinked(
  hub: HubProgram,
  dir: string,
  id: string,
  { labels = [], flags, env, nodeArgs }: LinkedOptions = {},
): Promise<Linked> {
  const data = path.join(dir, id);
  await joinAgent(
    hub,
    data,
    id,
    labels.flatMap((label) => ['--label', label]),
  );
  const proxy = await startFaultProxy({ host: '127.0.0.1', port: hub.mqttPort });
  const file = path.join(data, 'identity.json');
  const identity = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  writeFileSync(file, JSON.stringify({ ...identity, mqttUrl: `mqtt://127.0.0.1:${proxy.port}` }));
  const run = (): Promise<AgentProgram> => runAgent(data, flags, env, nodeArgs);
  const linked: Linked = {
    id,
    data,
    proxy,
    agent: await run(),
    async start() {
      linked.agent = await run();
    },
  };
  await waitOnline(hub, id);
  return linked;
}

/** Bytes of artifacts that came since the agent started, by any way. */
export const receivedBy = async ({ agent }: Linked): Promise<number> =>
  Object.values((await readStatus(agent)).delivery).reduce((sum, { bytes }) => sum + bytes, 0);

export interface Watched {
  of(device: string): Promise<Deployment | undefined>;
  committed(device: string, deadlineMs?: number): Promise<unknown>;
}

/** Rolls out a version of the model "offset". */
export async function rollOut(hub: HubProgram, version: number, devices: readonly string[]): Promise<Watched> {
  const { id } = await hub.post<Rollout>('/api/v1/rollouts', { model: 'offset', version, devices });
  const of = async (device: string): Promise<Deployment | undefined> => {
    const { items } = await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${id}/deployments`);
    return items.find((item) => item.device === device);
  };
  return {
    of,
    committed: (device, deadlineMs = 60_000) =>
      until(`${device} to commit`, async () => (await of(device))?.state === 'committed', deadlineMs),
  };
}
