// Owns how keys, certificates and waiting enrolments look over HTTP. Reads the database, never writes it.
import type { Labels } from '@drover/wire/http/common';
import type { IdentityView, PendingEnrolment } from '@drover/wire/http/enrolment';
import type { EnrolmentRow } from '../db/enrolments.ts';
import { type IdentityRow, listIdentities, readIdentityByHardware } from '../db/identities.ts';
import type { Store } from '../db/store.ts';

const instant = (at: number): string => new Date(at).toISOString();

const SECRET: IdentityView = {
  state: 'secret',
  door: null,
  serial: null,
  notAfter: null,
  keyFingerprint: null,
  hardware: null,
  release: null,
  enrolledAt: null,
  revokedAt: null,
};

export function viewIdentity(row: IdentityRow | undefined, now: number): IdentityView {
  if (row === undefined) return SECRET;
  return {
    state: row.revokedAt !== null ? 'revoked' : row.notAfter <= now ? 'expired' : 'valid',
    door: row.door,
    serial: row.serial,
    notAfter: instant(row.notAfter),
    keyFingerprint: row.keyHash,
    hardware: row.hardware,
    release: row.release,
    enrolledAt: instant(row.enrolledAt),
    revokedAt: row.revokedAt === null ? null : instant(row.revokedAt),
  };
}

export async function viewIdentities(
  store: Store,
  devices: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, IdentityView>> {
  const rows = devices.length === 0 ? [] : await listIdentities(store, devices);
  const held = new Map(rows.map((row) => [row.device, row]));
  return new Map(devices.map((device) => [device, viewIdentity(held.get(device), now)]));
}

/** With the key that the device or hardware has now, so that a person can compare. */
export async function viewPending(store: Store, rows: readonly EnrolmentRow[]): Promise<PendingEnrolment[]> {
  const known =
    rows.length === 0
      ? []
      : await listIdentities(
          store,
          rows.map(({ device }) => device),
        );
  const views: PendingEnrolment[] = [];
  for (const row of rows) {
    const byHardware = row.hardware === null ? undefined : await readIdentityByHardware(store, row.hardware);
    const holder = byHardware ?? known.find(({ device }) => device === row.device);
    views.push({
      id: row.id,
      device: row.device,
      door: row.door,
      why: row.why ?? 'approval',
      hardware: row.hardware,
      keyFingerprint: row.keyHash,
      knownKeyFingerprint: holder?.keyHash ?? null,
      labels: JSON.parse(row.labelsJson) as Labels,
      fromAddress: row.fromAddress,
      createdAt: instant(row.createdAt),
    });
  }
  return views;
}
