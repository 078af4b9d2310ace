// Owns the TypeScript view of the tables about people: accounts, sessions, tokens, codes, failures. Never creates one.

export type PersonState = 'active' | 'disabled';
export type SessionKind = 'browser' | 'cli';
/** `first`: while there is no admin; `recovery`: asked for at the start; `person`: for one who is already known. */
export type SetupKind = 'first' | 'recovery' | 'person';

export interface PeopleTable {
  readonly name: string;
  readonly rolesJson: string;
  /** 1 when the roles hold admin: what keeps the last admin is decided by the database. */
  readonly isAdmin: 0 | 1;
  readonly state: PersonState;
  /** A PHC string; null for those who sign in elsewhere or have not chosen one. */
  readonly passwordHash: string | null;
  readonly oidcIssuer: string | null;
  readonly oidcSubject: string | null;
  readonly createdAt: number;
  readonly lastSignInAt: number | null;
}

export interface SessionsTable {
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  /** Names the session where it is listed; opens nothing. */
  readonly id: string;
  readonly person: string;
  readonly kind: SessionKind;
  readonly createdAt: number;
  readonly usedAt: number;
  /** It ends when it was not used for so long, and at `expiresAt` whatever happens. */
  readonly idleMs: number;
  readonly expiresAt: number;
  readonly address: string;
  readonly client: string;
}

export interface ApiTokensTable {
  readonly id: string;
  readonly name: string;
  readonly secretHash: string;
  readonly rolesJson: string;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  readonly revokedAt: number | null;
}

export interface SetupCodesTable {
  readonly codeHash: string;
  readonly kind: SetupKind;
  /** Whose code it is; null for one that makes an admin. */
  readonly person: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface SignInFailuresTable {
  readonly name: string;
  /** '' for everywhere that the person never signed in from, otherwise the address. */
  readonly source: string;
  readonly count: number;
  readonly lastAt: number;
  readonly lockedUntil: number;
}

export interface KnownAddressesTable {
  readonly person: string;
  readonly address: string;
  readonly usedAt: number;
}

export interface PeopleTables {
  readonly people: PeopleTable;
  readonly sessions: SessionsTable;
  readonly apiTokens: ApiTokensTable;
  readonly setupCodes: SetupCodesTable;
  readonly signInFailures: SignInFailuresTable;
  readonly knownAddresses: KnownAddressesTable;
}
