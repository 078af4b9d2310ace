// Owns the TypeScript view of the tables of what is carried by hand. Never creates one: migrations do.

/** The newest report of an installation that was carried here by hand. */
export interface CarriedReportsTable {
  readonly device: string;
  readonly outboxId: string;
  readonly number: number;
  /** SHA-256 of its signed index. */
  readonly digest: string;
  readonly importedAt: number;
}

/** An export that was signed for devices without a network. */
export interface CarriedExportsTable {
  readonly number: number;
  readonly id: string;
  /** SHA-256 of its signed index. */
  readonly digest: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface CarriedTables {
  readonly carriedReports: CarriedReportsTable;
  readonly carriedExports: CarriedExportsTable;
}
