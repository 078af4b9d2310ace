// Changes the labels of a device and says in the audit log what they were: the change holds only if they still are that.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { commitWithAudit } from '../db/audit.ts';
import { type DeviceRow, readDevice, replaceLabels } from '../db/devices.ts';
import type { Store } from '../db/store.ts';

/** Tries when somebody else labels the same device. */
const TRIES = 5;

export async function labelDevice(
  deps: { readonly store: Store; readonly now: () => number },
  id: string,
  labels: Readonly<Record<string, string>>,
  actor: string,
): Promise<Result<DeviceRow>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const held = await readDevice(deps.store, id);
    if (held === undefined) return refuse('device_unknown', `"${id}".`);
    const done = await commitWithAudit(deps.store, [replaceLabels(id, held.labelsJson, labels)], {
      at: deps.now(),
      actor,
      action: 'device.label',
      subject: id,
      detail: { before: { labels: JSON.parse(held.labelsJson) as unknown }, after: { labels } },
    });
    if (done.ok) return accept({ ...held, labelsJson: JSON.stringify(labels) });
  }
  return refuse('write_conflict', `The labels of "${id}" changed meanwhile.`);
}
