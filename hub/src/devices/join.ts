// Decides whether a device may join and makes its secret, which the hub keeps only as a hash. Never connects anything.
import { randomBytes } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { JoinRequest } from '@drover/wire/http/devices';
import { commitWithAudit } from '../db/audit.ts';
import { type DeviceRow, deleteDevice, insertDevice, readDevice, setLabels, setSecret } from '../db/devices.ts';
import type { Statement, Store } from '../db/store.ts';
import { hashSecret } from '../identity/admission.ts';

export interface JoinDeps {
  readonly store: Store;
  readonly now: () => number;
  /** Ends the live connection of a device, if there is one: its secret does not hold any more. */
  readonly endSession: (device: string) => void;
}

export interface Joined {
  readonly device: string;
  /** 32 random bytes in base64url; shown once. */
  readonly secret: string;
}

/** 50 random bits: enough names for any fleet, short enough to read out. */
export const makeDeviceId = (): string =>
  `d-${BigInt(`0x${randomBytes(7).toString('hex')}`)
    .toString(36)
    .slice(-10)
    .padStart(10, '0')}`;

/** What the audit log keeps of a device before it changes. */
const viewLabels = ({ labelsJson }: DeviceRow): { readonly labels: unknown } => ({
  labels: JSON.parse(labelsJson) as unknown,
});

export async function joinDevice(deps: JoinDeps, request: JoinRequest, actor: string): Promise<Result<Joined>> {
  const device = request.id ?? makeDeviceId();
  const secret = randomBytes(32).toString('base64url');
  const at = deps.now();
  const held = await readDevice(deps.store, device);
  if (held !== undefined && request.rejoin !== true)
    return refuse('device_id_taken', `"${device}" joined at ${new Date(held.joinedAt).toISOString()}.`);
  const statements: Statement[] =
    held === undefined
      ? [insertDevice({ id: device, labels: request.labels ?? {}, secretHash: hashSecret(secret), joinedAt: at })]
      : [
          setSecret(device, hashSecret(secret)),
          ...(request.labels === undefined ? [] : [setLabels(device, request.labels)]),
        ];
  const action = held === undefined ? 'device.join' : 'device.rejoin';
  const done = await commitWithAudit(deps.store, statements, {
    at,
    actor,
    action,
    subject: device,
    detail: {
      before: held === undefined ? null : viewLabels(held),
      after: { labels: request.labels ?? (held === undefined ? {} : viewLabels(held).labels), secret: 'new' },
    },
  });
  if (!done.ok) return refuse('device_id_taken', `"${device}" joined at this moment.`);
  if (held !== undefined) deps.endSession(device);
  return accept({ device, secret });
}

export async function removeDevice(deps: JoinDeps, device: string, actor: string): Promise<Result<undefined>> {
  const held = await readDevice(deps.store, device);
  if (held === undefined) return refuse('device_unknown', `"${device}".`);
  const done = await commitWithAudit(deps.store, [deleteDevice(device)], {
    at: deps.now(),
    actor,
    action: 'device.remove',
    subject: device,
    detail: { before: { ...viewLabels(held), joinedAt: new Date(held.joinedAt).toISOString() }, after: null },
  });
  if (!done.ok) return refuse('device_unknown', `"${device}".`);
  deps.endSession(device);
  return accept(undefined);
}
