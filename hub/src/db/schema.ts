// Owns the TypeScript view of every table, for the query builder. Never creates one: migrations do.
// Columns ending in `Json` hold JSON text; digests are lower-case hex; times are ms since epoch.
import type { DeploymentState } from '@drover/core/deployment/table';
import type { ClosedBy, SlotRole } from '@drover/wire/messages';
import type { Generated } from 'kysely';
import type { CarriedTables } from './carried-schema.ts';
import type {
  BatchTokensTable,
  ClaimsTable,
  DeviceCertificatesTable,
  DeviceIdentitiesTable,
  EnrolmentsTable,
  FactoryCasTable,
  PreauthorizationsTable,
  RevokedKeysTable,
} from './identity-tables.ts';
import type { PeopleTables } from './people-schema.ts';
import type { ProofTables } from './proof-schema.ts';
import type { ReleaseTables } from './release-tables.ts';
import type { SampleTables } from './samples-schema.ts';
import type { AlertTables } from './schema-alerts.ts';
import type { DeliveryTables } from './schema-delivery.ts';
import type { MonitoringTables } from './schema-monitoring.ts';
import type { RolloutTables } from './schema-rollouts.ts';

export type Presence = 'never' | 'online' | 'offline';
export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
export type CmdState = 'open' | 'answered' | 'expired';

export interface MetaTable {
  readonly key: string;
  readonly value: string;
}

export interface DevicesTable {
  readonly id: string;
  readonly labelsJson: string;
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  readonly joinedAt: number;
  readonly presence: Presence;
  /** The CONNECT that is believed to be alive. */
  readonly sessionId: string | null;
  readonly lastSeenAt: number | null;
  readonly agentVersion: string | null;
  readonly capabilitiesJson: string | null;
  readonly bootId: string | null;
  readonly outboxId: string | null;
  readonly reportedGeneration: number;
  readonly healthJson: string | null;
  readonly stateRevision: number;
  /** Why the device refused the newest desired document, if it did. */
  readonly desiredCode: string | null;
  readonly desiredDetail: string | null;
}

export interface OutboxesTable {
  readonly device: string;
  readonly outboxId: string;
  /** Everything up to here is stored, refused or lost: the device was told so. */
  readonly lastSeq: number;
  readonly entries: number;
  /** Entries that the device dropped before they came here. */
  readonly lost: number;
  /** When the hub was last told of some; null: of none since it looks. */
  readonly lostAt: number | null;
  readonly refused: number;
  readonly updatedAt: number;
}

export interface DeviceSlotsTable {
  readonly device: string;
  readonly slot: string;
  readonly running: string | null;
  readonly previous: string | null;
  readonly deploymentId: string | null;
  readonly deploymentManifest: string | null;
  readonly state: DeploymentState | null;
  readonly revision: number;
  readonly code: string | null;
  readonly detail: string | null;
  readonly enteredAt: number | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly updatedAt: number;
  /** When the deployment in it, or how far it is, last changed. */
  readonly progressAt: number;
}

export interface DesiredDocsTable {
  readonly device: string;
  readonly generation: number;
  /** SHA-256 of the signed payload. */
  readonly digest: string;
  /** The signed envelope in protobuf. */
  readonly envelope: Uint8Array;
  /** slot → {deploymentId, manifest}. */
  readonly slotsJson: string;
  /** The policy that the document carries. */
  readonly policyJson: string;
  /** Digests of the manifests named. */
  readonly manifestsJson: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface ModelsTable {
  readonly name: string;
  readonly project: string;
  readonly createdAt: number;
}

export interface VersionsTable {
  readonly model: string;
  readonly version: number;
  /** Manifest digest: unique, so that the same signed bytes are the same version. */
  readonly manifest: string;
  readonly envelope: Uint8Array;
  readonly documentJson: string;
  readonly source: 'trained' | 'uploaded';
  readonly sizeBytes: number;
  readonly run: string | null;
  readonly metricsJson: string;
  readonly createdAt: number;
}

export interface AliasesTable {
  readonly model: string;
  readonly alias: string;
  readonly version: number;
  readonly updatedAt: number;
}

export interface BlobsTable {
  readonly sha256: string;
  readonly size: number;
  readonly createdAt: number;
}

export interface DatasetsTable {
  readonly sha256: string;
  readonly name: string;
  readonly size: number;
  readonly project: string;
  readonly createdAt: number;
}

export interface RunsTable {
  readonly id: string;
  readonly model: string;
  readonly project: string;
  readonly state: RunState;
  readonly requestJson: string;
  readonly progressJson: string | null;
  readonly metricsJson: string;
  readonly notesJson: string;
  readonly version: number | null;
  readonly manifest: string | null;
  readonly code: string | null;
  readonly detail: string | null;
  readonly pid: number | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

interface WindowKey {
  readonly startAt: number;
  readonly device: string;
  readonly slot: string;
  readonly role: SlotRole;
  readonly manifest: string;
  readonly bootId: string;
  readonly number: number;
}

export interface WindowsTable extends WindowKey {
  readonly revision: number;
  readonly endAt: number;
  readonly firstMono: number;
  readonly lastMono: number;
  readonly rows: number;
  readonly errors: number;
  readonly closedBy: ClosedBy;
  readonly stats: Uint8Array;
  readonly receivedAt: number;
}

export interface WindowLabelsTable extends WindowKey {
  readonly revision: number;
  readonly labelled: number;
  readonly unmatched: number;
  readonly counts: Uint8Array;
  readonly receivedAt: number;
}

export interface QuarantineTable {
  readonly id: Generated<number>;
  readonly device: string;
  readonly outboxId: string;
  readonly seq: number;
  readonly code: string;
  readonly detail: string;
  readonly body: Uint8Array;
  readonly receivedAt: number;
}

export interface LogsTable {
  readonly id: Generated<number>;
  readonly device: string;
  readonly at: number;
  readonly level: number;
  readonly code: string | null;
  readonly message: string;
  readonly receivedAt: number;
}

export interface CmdsTable {
  readonly id: string;
  readonly device: string;
  readonly kind: string;
  /** The body of the command as JSON (wire messages `Cmd.body`). */
  readonly bodyJson: string;
  readonly state: CmdState;
  readonly code: string | null;
  readonly detail: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

export interface IdempotencyTable {
  readonly key: string;
  /** SHA-256 over method, path and body of the request. */
  readonly request: string;
  /** Null while the first request is being worked on. */
  readonly status: number | null;
  readonly body: string | null;
  readonly createdAt: number;
}

export interface RunLogsTable {
  readonly run: string;
  readonly line: number;
  readonly at: number;
  readonly text: string;
}

export interface Tables
  extends PeopleTables,
    ProofTables,
    ReleaseTables,
    DeliveryTables,
    CarriedTables,
    MonitoringTables,
    AlertTables,
    RolloutTables,
    SampleTables {
  readonly meta: MetaTable;
  readonly devices: DevicesTable;
  readonly outboxes: OutboxesTable;
  readonly deviceSlots: DeviceSlotsTable;
  readonly desiredDocs: DesiredDocsTable;
  readonly models: ModelsTable;
  readonly versions: VersionsTable;
  readonly aliases: AliasesTable;
  readonly blobs: BlobsTable;
  readonly datasets: DatasetsTable;
  readonly runs: RunsTable;
  readonly windows: WindowsTable;
  readonly windowLabels: WindowLabelsTable;
  readonly quarantine: QuarantineTable;
  readonly logs: LogsTable;
  readonly cmds: CmdsTable;
  readonly idempotency: IdempotencyTable;
  readonly runLogs: RunLogsTable;
  readonly deviceIdentities: DeviceIdentitiesTable;
  readonly deviceCertificates: DeviceCertificatesTable;
  readonly revokedKeys: RevokedKeysTable;
  readonly claims: ClaimsTable;
  readonly batchTokens: BatchTokensTable;
  readonly preauthorizations: PreauthorizationsTable;
  readonly factoryCas: FactoryCasTable;
  readonly enrolments: EnrolmentsTable;
}
