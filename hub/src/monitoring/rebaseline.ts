// Takes what a device does now for its usual, by the word of a person, in the audit log. Never decides that by itself.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Rebaselined, RebaselineRequest } from '@drover/wire/http/monitoring';
import { commitWithAudit } from '../db/audit.ts';
import { readDevice } from '../db/devices.ts';
import { listBaselines, writeBaseline } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import type { DriftBook } from './drift.ts';

export interface RebaselineDeps {
  readonly store: Store;
  readonly book: DriftBook;
  readonly now: () => number;
}

export async function rebaseline(
  { store, book, now }: RebaselineDeps,
  { device, feature, reason }: RebaselineRequest,
  actor: string,
): Promise<Result<Rebaselined>> {
  if ((await readDevice(store, device)) === undefined) return refuse('device_unknown', `"${device}".`);
  const known = (await book.read()).filter((one) => one.device === device);
  if (feature !== undefined && !known.some((one) => one.feature === feature)) {
    const names = [...new Set(known.map((one) => one.feature))];
    return refuse(
      'request_invalid',
      `Nothing is followed as "${feature.slice(0, 80)}" on "${device}"; followed: ${names.slice(0, 20).join(', ') || 'nothing yet'}.`,
    );
  }
  const key = feature ?? '';
  const before = (await listBaselines(store, device)).find((one) => one.feature === key)?.sinceAt ?? null;
  const sinceAt = now();
  const done = await commitWithAudit(store, [writeBaseline({ device, feature: key, sinceAt })], {
    at: sinceAt,
    actor,
    action: 'drift.rebaseline',
    subject: device,
    detail: { feature: feature ?? null, reason, before: { sinceAt: before }, after: { sinceAt } },
  });
  if (!done.ok) return refuse('write_conflict', `The baseline of "${device}" changed meanwhile.`);
  await book.forget(device, key);
  return accept({ device, feature: feature ?? null, sinceAt: new Date(sinceAt).toISOString() });
}
