// Owns the TypeScript view of the tables that prove something to others: the audit log, its checkpoints, model signatures.
// Never creates one: migrations do. The conventions of schema.ts hold.

interface AuditTable {
  readonly seq: number;
  readonly at: number;
  /** Who: `person:<name>`, `token:<name>`, `local`, `hub`, or `device:<id>`. */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detailJson: string;
  readonly prevHash: string;
  readonly hash: string;
}

export interface AuditCheckpointsTable {
  /** The row of the audit log that it vouches for. */
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
  /** The raw Ed25519 key that signed it, in base64url. */
  readonly publicKey: string;
  /** The signed envelope in protobuf. */
  readonly envelope: Uint8Array;
}

export interface OmsBundlesTable {
  readonly model: string;
  readonly version: number;
  /** SHA-256 of the public key's PEM, in hex. */
  readonly hint: string;
  /** Of the bundle's bytes. */
  readonly sha256: string;
  readonly bundle: Uint8Array;
  /** SubjectPublicKeyInfo in PEM. */
  readonly publicKey: string;
  readonly actor: string;
  readonly createdAt: number;
}

export interface ProofTables {
  readonly audit: AuditTable;
  readonly auditCheckpoints: AuditCheckpointsTable;
  readonly omsBundles: OmsBundlesTable;
}
