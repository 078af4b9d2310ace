// Owns the TypeScript view of the tables of the release metadata. Never creates one: migrations do.

/** One file of the release metadata; the newest version of each role is the current one. */
export interface TufRolesTable {
  readonly role: string;
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** What the current release metadata lists. */
export interface TufTargetsTable {
  readonly path: string;
  readonly team: string;
  readonly model: string;
  readonly version: number;
  readonly manifest: string;
}

/** One row; its revision counts the changes of the release metadata. */
export interface TufStateTable {
  readonly id: number;
  readonly revision: number;
}

export interface ReleaseTables {
  readonly tufRoles: TufRolesTable;
  readonly tufTargets: TufTargetsTable;
  readonly tufState: TufStateTable;
}
