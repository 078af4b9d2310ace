// Owns the SQL about keys and certificates of devices, and what was revoked. Never decides who may connect.
import type { Selectable } from 'kysely';
import type { DeviceCertificatesTable, DeviceIdentitiesTable } from './identity-tables.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type IdentityRow = Selectable<DeviceIdentitiesTable>;
export type CertificateRow = Selectable<DeviceCertificatesTable>;

/** What one connection attempt needs to know, in one read. */
export interface Standing {
  readonly keyHash: string | null;
  readonly revokedAt: number | null;
  /** The serial asked for was revoked. */
  readonly serialRevokedAt: number | null;
}

const standing = template<{ device: string; serial: string }, Standing>(['device', 'serial'], ({ device, serial }) =>
  sqlOf
    .selectFrom('devices')
    .leftJoin('deviceIdentities', 'deviceIdentities.device', 'devices.id')
    .leftJoin('deviceCertificates', (join) => join.on('deviceCertificates.serial', '=', serial))
    .where('devices.id', '=', device)
    .select([
      'deviceIdentities.keyHash as keyHash',
      'deviceIdentities.revokedAt as revokedAt',
      'deviceCertificates.revokedAt as serialRevokedAt',
    ]),
);
/** Undefined: there is no such device. */
export const readStanding = (store: Store, device: string, serial: string): Promise<Standing | undefined> =>
  store.first(standing({ device, serial }));

const byDevice = template<{ device: string }, IdentityRow>(['device'], ({ device }) =>
  sqlOf.selectFrom('deviceIdentities').selectAll().where('device', '=', device),
);
export const readIdentity = (store: Store, device: string): Promise<IdentityRow | undefined> =>
  store.first(byDevice({ device }));
export const listIdentities = (store: Store, devices: readonly string[]): Promise<readonly IdentityRow[]> =>
  store.rows(query(sqlOf.selectFrom('deviceIdentities').selectAll().where('device', 'in', devices)));
export const readIdentityByKey = (store: Store, keyHash: string): Promise<IdentityRow | undefined> =>
  store.first(query(sqlOf.selectFrom('deviceIdentities').selectAll().where('keyHash', '=', keyHash)));
export const readIdentityByHardware = (store: Store, hardware: string): Promise<IdentityRow | undefined> =>
  store.first(query(sqlOf.selectFrom('deviceIdentities').selectAll().where('hardware', '=', hardware)));

export const isKeyRevoked = async (store: Store, keyHash: string): Promise<boolean> =>
  (await store.first(query(sqlOf.selectFrom('revokedKeys').select('keyHash').where('keyHash', '=', keyHash)))) !==
  undefined;

/**
 * The identity of a device, in place of the one with the key `held`, or the first. Changes nothing, which is a conflict, when
 * the device came by another key meanwhile.
 */
export const storeIdentity = (row: IdentityRow, held: string | undefined): Statement => {
  const { device: _, ...rest } = row;
  return {
    query: query(
      sqlOf
        .insertInto('deviceIdentities')
        .values(row)
        .onConflict((c) =>
          held === undefined
            ? c.column('device').doNothing()
            : c.column('device').doUpdateSet(rest).where('deviceIdentities.keyHash', '=', held),
        ),
    ),
  };
};

/** Two pieces of hardware that say the same serial: the one that a person approved last has it. */
export const releaseHardware = (hardware: string, device: string): Statement => ({
  query: query(
    sqlOf
      .updateTable('deviceIdentities')
      .set({ hardware: null })
      .where('hardware', '=', hardware)
      .where('device', '!=', device),
  ),
  expect: 'any',
});

/** The newest certificate; only for the key that it was issued for. */
export const setCertificate = (device: string, keyHash: string, serial: string, notAfter: number): Statement => ({
  query: query(
    sqlOf
      .updateTable('deviceIdentities')
      .set({ serial, notAfter })
      .where('device', '=', device)
      .where('keyHash', '=', keyHash)
      .where('revokedAt', 'is', null),
  ),
});

export const insertCertificate = (row: CertificateRow): Statement => ({
  query: query(sqlOf.insertInto('deviceCertificates').values(row)),
});

/** Certificates that ended before `before` are refused by date: their rows are not needed. */
export const dropOldCertificates = (before: number): Statement => ({
  query: query(sqlOf.deleteFrom('deviceCertificates').where('notAfter', '<', before)),
  expect: 'any',
});

/** Marks identity, every certificate of the key, and the key itself. */
export const revokeIdentity = (device: string, keyHash: string, at: number): Statement[] => [
  {
    query: query(
      sqlOf
        .updateTable('deviceIdentities')
        .set({ revokedAt: at })
        .where('device', '=', device)
        .where('keyHash', '=', keyHash)
        .where('revokedAt', 'is', null),
    ),
  },
  ...revokeKey(device, keyHash, at),
];

/** The key does not come back, and no certificate with it. */
export const revokeKey = (device: string, keyHash: string, at: number): Statement[] => [
  {
    query: query(
      sqlOf
        .updateTable('deviceCertificates')
        .set({ revokedAt: at })
        .where('keyHash', '=', keyHash)
        .where('revokedAt', 'is', null),
    ),
    expect: 'any',
  },
  {
    query: query(
      sqlOf
        .insertInto('revokedKeys')
        .values({ keyHash, device, revokedAt: at })
        .onConflict((c) => c.column('keyHash').doNothing()),
    ),
    expect: 'any',
  },
];
