// The offset model in a real fleet: registers its versions, asks an agent which one answers, feeds it rows. For tests.
import type { DeviceDetail } from '@drover/wire/http/devices';
import type { Version } from '@drover/wire/http/models';
import type { Summary } from '@drover/wire/http/monitoring';
import { type AgentProgram, device, type HubProgram, registerModel } from './fleet.ts';
import { until } from './until.ts';
import { buildOffsetModel, buildOffsetVectors } from './versions.ts';

/** A version of the model "offset" with the fields a and b: it answers a + 2·b + offset. */
export const registerOffset = (hub: HubProgram, offset: number, padding = 0): Promise<Version> =>
  registerModel(hub, 'offset', {
    model: buildOffsetModel(offset, padding),
    vectors: buildOffsetVectors(offset),
    featureNames: ['a', 'b'],
  });

/** One prediction on the row (1, 1), as the offset that tells the version; undefined when nothing serves. */
export async function askOffset(agent: AgentProgram, slot = 'default'): Promise<number | undefined> {
  const response = await fetch(`${agent.httpUrl}/v2/models/${slot}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 1] }] }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (response.status !== 200) return undefined;
  const body = JSON.parse(text) as { outputs: { name: string; data: number[] }[] };
  return (body.outputs.find(({ name }) => name === 'y')?.data[0] ?? Number.NaN) - 3;
}

/** What an agent says about itself, as far as tests look at it. */
export interface AgentStatus {
  readonly hub: {
    readonly connected: boolean;
    readonly generation: number;
    readonly desiredRefusal: { readonly code: string } | null;
  };
  readonly agent: { readonly bootId: string };
  readonly slots: readonly { readonly slot: string; readonly running?: string; readonly version?: number }[];
  readonly outbox: { readonly outboxId: string; readonly entries: number; readonly nextSeq: number };
  /** By where chunks came from: `mqtt`, `broadcast`, `mirror`, `neighbour`, … */
  readonly delivery: Readonly<Record<string, { chunks: number; bytes: number; bad: number; duplicate: number }>>;
  readonly readings: { readonly taken: number; readonly refused: Readonly<Record<string, number>> };
}

export async function readStatus(agent: AgentProgram): Promise<AgentStatus> {
  const response = await fetch(`${agent.httpUrl}/v1/status`, { signal: AbortSignal.timeout(10_000) });
  return (await response.json()) as AgentStatus;
}

/** Predicts `rows` rows one after the other and fails when one is not answered. */
export async function predictRows(agent: AgentProgram, rows: number): Promise<void> {
  for (let i = 0; i < rows; i++)
    if ((await askOffset(agent)) === undefined) throw new Error(`prediction ${i} was not answered`);
}

/** Predictions that the hub has counted for a device, over all windows and models. */
export async function countPredictions(hub: HubProgram, id: string): Promise<number> {
  const { items } = await hub.get<Summary>(`/api/v1/summary?device=${id}`);
  return items.reduce((n, item) => n + item.predictions, 0);
}

export const waitOnline = (hub: HubProgram, id: string, deadlineMs = 30_000): Promise<DeviceDetail> =>
  until(
    `device ${id} to be online`,
    async () => {
      const found = await device(hub, id);
      return found.presence === 'online' ? found : undefined;
    },
    deadlineMs,
  );
