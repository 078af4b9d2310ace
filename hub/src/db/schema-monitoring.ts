// Owns the TypeScript view of the tables of monitoring. Never creates one: migrations do.

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

export interface MonitoringTables {
  readonly driftStates: DriftStatesTable;
  readonly driftBaselines: DriftBaselinesTable;
}
