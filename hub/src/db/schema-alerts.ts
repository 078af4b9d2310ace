// Owns the TypeScript view of the tables of alerts. Never creates one: migrations do.
import type { AlertState } from '@drover/core/alerts/alert';
import type { IncidentState, NoticeKind } from '@drover/core/alerts/incident';

export interface AlertRulesTable {
  readonly id: string;
  readonly bodyJson: string;
  readonly updatedAt: number;
}

/** The last alert of each subject of each rule. */
export interface AlertsTable {
  readonly rule: string;
  readonly subject: string;
  readonly enteredAt: number;
  readonly device: string;
  readonly state: AlertState;
  readonly incident: string | null;
  readonly bodyJson: string;
}

export interface IncidentsTable {
  readonly id: string;
  readonly state: IncidentState;
  readonly openedAt: number;
  readonly resolvedAt: number | null;
  readonly bodyJson: string;
}

export interface SilencesTable {
  readonly id: string;
  readonly endsAt: number;
  readonly bodyJson: string;
}

/** What feedback made of the hold of the alerts of a group. */
export interface AlertFactorsTable {
  readonly rule: string;
  readonly groupKey: string;
  readonly factor: number;
}

/** `dead`: tried too often; a person has to look. */
export type NoticeState = 'queued' | 'sent' | 'dead';

export interface NoticesTable {
  readonly id: string;
  readonly incident: string | null;
  readonly kind: NoticeKind | 'test';
  /** Index of the channel. */
  readonly tier: number;
  /** The event that is sent. */
  readonly bodyJson: string;
  readonly state: NoticeState;
  readonly attempts: number;
  readonly nextAt: number;
  readonly error: string | null;
  readonly createdAt: number;
}

export interface AlertTables {
  readonly alertRules: AlertRulesTable;
  readonly alerts: AlertsTable;
  readonly incidents: IncidentsTable;
  readonly silences: SilencesTable;
  readonly alertFactors: AlertFactorsTable;
  readonly notices: NoticesTable;
}
