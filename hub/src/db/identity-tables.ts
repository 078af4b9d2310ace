// Owns the TypeScript view of the tables of device identity, for the query builder. Never creates one: migrations do.
import type { EnrolmentDoor, EnrolmentState, PendingReason } from '@drover/core/enrolment';

/** The key that a device enrolled with; absent for a device that only has a secret (development). */
export interface DeviceIdentitiesTable {
  readonly device: string;
  /** The public key: SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array;
  readonly keyHash: string;
  /** What the maker calls this piece of hardware. */
  readonly hardware: string | null;
  readonly door: EnrolmentDoor;
  /** `person`: installs only what a release key held off the hub signed. */
  readonly release: 'person' | null;
  readonly enrolledAt: number;
  readonly revokedAt: number | null;
  /** Of the newest certificate. */
  readonly serial: string;
  readonly notAfter: number;
}

export interface DeviceCertificatesTable {
  readonly serial: string;
  readonly device: string;
  readonly keyHash: string;
  readonly issuedAt: number;
  readonly notAfter: number;
  readonly revokedAt: number | null;
}

export interface RevokedKeysTable {
  readonly keyHash: string;
  readonly device: string;
  readonly revokedAt: number;
}

export interface ClaimsTable {
  readonly id: string;
  /** SHA-256 of the code, in hex. */
  readonly codeHash: string;
  readonly device: string | null;
  readonly labelsJson: string;
  readonly release: 'person' | null;
  readonly actor: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  /** The key that used it: the same key may ask again. */
  readonly usedKey: string | null;
}

export interface BatchTokensTable {
  readonly id: string;
  /** SHA-256 of the token, in hex. */
  readonly tokenHash: string;
  readonly labelsJson: string;
  readonly uses: number;
  readonly used: number;
  readonly actor: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface PreauthorizationsTable {
  readonly hardware: string;
  readonly keyHash: string;
  readonly device: string | null;
  readonly labelsJson: string;
  readonly actor: string;
  readonly createdAt: number;
}

export interface FactoryCasTable {
  readonly fingerprint: string;
  readonly name: string;
  readonly pem: string;
  readonly labelsJson: string;
  readonly actor: string;
  readonly createdAt: number;
}

export interface EnrolmentsTable {
  readonly id: string;
  readonly state: EnrolmentState;
  readonly door: EnrolmentDoor;
  /** Which claim, token or factory CA it came by. */
  readonly source: string;
  readonly device: string;
  readonly spki: Uint8Array;
  readonly keyHash: string;
  readonly hardware: string | null;
  readonly labelsJson: string;
  readonly release: 'person' | null;
  /** Why it waits. */
  readonly why: PendingReason | null;
  readonly fromAddress: string;
  /** PEM, once it was issued: whoever asks again gets the same one. */
  readonly certificate: string | null;
  /** Who decided. */
  readonly actor: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
