// Owns the TypeScript view of the tables of monitoring. Never creates one: migrations do.
import type { SlotRole } from '@drover/wire/messages';

/** What drift knew of a device when it was last written down. */
export interface DriftStatesTable {
  readonly device: string;
  readonly body: Uint8Array;
  readonly updatedAt: number;
}

/** Windows that came before `sinceAt` say nothing any more of that feature of the device; '' is all features. */
export interface DriftBaselinesTable {
  readonly device: string;
  readonly feature: string;
  readonly sinceAt: number;
}

/** What is left of the windows of one stream of one device that began on one day (UTC), once they were kept for long enough. */
export interface WindowDaysTable {
  /** Days since epoch. */
  readonly day: number;
  readonly device: string;
  readonly slot: string;
  readonly role: SlotRole;
  readonly manifest: string;
  readonly windows: number;
  readonly rows: number;
  readonly errors: number;
  readonly fromAt: number;
  readonly toAt: number;
  /** Windows whose statistics could not be read, and amendments that came when the window was in here already. */
  readonly unread: number;
  readonly late: number;
  /** Numbers of the windows and of the labels that are in here, by boot. */
  readonly seenJson: string;
  readonly stats: Uint8Array | null;
  readonly labels: Uint8Array | null;
}

/** One business number of a device at a time. */
export interface KpiPointsTable {
  readonly name: string;
  readonly device: string;
  readonly at: number;
  readonly value: number;
  readonly receivedAt: number;
}

/** Labels by whose values the answers of a model are compared. */
export interface ModelSlicesTable {
  readonly model: string;
  readonly label: string;
}

export interface MonitoringTables {
  readonly kpiPoints: KpiPointsTable;
  readonly modelSlices: ModelSlicesTable;
  readonly windowDays: WindowDaysTable;
  readonly driftStates: DriftStatesTable;
  readonly driftBaselines: DriftBaselinesTable;
}
