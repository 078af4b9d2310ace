// Takes business numbers in and joins them to the model versions that ran, afresh with each question. Decides nothing: core does.
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Averaged,
  averageOf,
  compareStreams,
  joinDevice,
  LONGEST_GAP_MS,
  newJoin,
} from '@drover/core/quality/kpi';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { KpiPoints, KpiVersion, KpiView } from '@drover/wire/http/kpis';
import { commitWithAudit } from '../db/audit.ts';
import { readDevice } from '../db/devices.ts';
import { type KpiPointRow, listPoints, listRan, storePoint } from '../db/kpis.ts';
import type { Store } from '../db/store.ts';
import type { ReadModelFacts } from './model-facts.ts';

export interface KpiDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly now: () => number;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;
const PAGE = 2000;

/** All points or none. */
export async function storeKpi(
  { store, now }: KpiDeps,
  name: string,
  { points }: KpiPoints,
  actor: string,
): Promise<Result<{ points: number }>> {
  const receivedAt = now();
  const rows = points.map(({ device, at, value }) => ({
    name, device, at: INSTANT.test(at) ? Date.parse(at) : Number.NaN, value, receivedAt,
  })); // biome-ignore format: one row
  const bad = rows.findIndex(({ at }) => Number.isNaN(at));
  if (bad >= 0)
    return refuse(
      'request_invalid',
      `"at" of point ${bad + 1} must be an RFC 3339 instant such as 2026-03-01T00:00:00Z.`,
    );
  const devices = new Set(points.map(({ device }) => device));
  for (const device of devices)
    if ((await readDevice(store, device)) === undefined) return refuse('device_unknown', `"${device}".`);
  const detail = { before: null, after: { points: rows.length, devices: devices.size } };
  const done = await commitWithAudit(store, rows.map(storePoint), {
    at: receivedAt, actor, action: 'kpi.push', subject: name, detail,
  }); // biome-ignore format: one record
  return done.ok ? accept({ points: rows.length }) : refuse('write_conflict', 'A device was removed meanwhile.');
}

const viewAverage = ({ mean, interval, devices, points }: Averaged) => ({
  mean,
  low: interval?.low ?? null,
  high: interval?.high ?? null,
  devices,
  points,
});

export async function viewKpi({ store, readFacts }: KpiDeps, name: string, since = 0): Promise<KpiView> {
  const join = newJoin();
  const take = async (device: string, points: readonly KpiPointRow[]): Promise<void> => {
    const [first, last] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0];
    joinDevice(join, device, points, await listRan(store, device, first - LONGEST_GAP_MS, last));
    await nextTurn();
  };
  let after = { device: '', at: 0 };
  for (;;) {
    const rows = await listPoints(store, name, since, after, PAGE);
    for (let from = 0; from < rows.length; ) {
      const { device } = rows[from] as KpiPointRow;
      const end = rows.findIndex((row, at) => at > from && row.device !== device);
      const to = end < 0 ? rows.length : end;
      await take(device, rows.slice(from, to));
      from = to;
    }
    if (rows.length < PAGE) break;
    after = rows.at(-1) as KpiPointRow;
  }
  const streams = [...join.streams.values()].toSorted((a, b) => a.firstAt - b.firstAt);
  const versions: KpiVersion[] = [];
  for (const [at, stream] of streams.entries()) {
    const { slot, manifest, firstAt } = stream;
    const { model, version } = await readFacts(manifest);
    const before = streams.slice(0, at).findLast((one) => one.slot === slot);
    const apart = before && compareStreams(before, stream);
    const change =
      before && apart
        ? { manifest: before.manifest, version: (await readFacts(before.manifest)).version, ...viewAverage(apart) }
        : null;
    versions.push({
      slot,
      manifest,
      model,
      version,
      fromAt: new Date(firstAt).toISOString(),
      ...viewAverage(averageOf(stream)),
      change,
    });
  }
  return { name, versions, unjoined: join.unjoined };
}
