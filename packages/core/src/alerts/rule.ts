// Owns the words of alert rules and the rules that a hub begins with. Never evaluates one.

/**
 * What a rule watches. `drift`: a feature of a device is material. `offline`: a device is not seen. `deployment`: the last deployment of a
 * slot failed, went back or stands still in an unclear state. `enrolment`: somebody wants to be a device and waits for a person.
 */
export const ALERT_SOURCES = ['drift', 'offline', 'deployment', 'enrolment'] as const;
export type AlertSource = (typeof ALERT_SOURCES)[number];

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface AlertRule {
  readonly id: string;
  readonly source: AlertSource;
  readonly severity: Severity;
  /** Label query: the devices that it watches; '' is all. */
  readonly where: string;
  /** How long it must be so before it fires, and how long not before it is over. */
  readonly holdSeconds: number;
  readonly clearSeconds: number;
  /** Nobody acknowledged for so long: the next channel is told too; 0 never. */
  readonly escalateMinutes: number;
  readonly isEnabled: boolean;
}

const rule = (id: string, source: AlertSource, severity: Severity, holdSeconds: number, clearSeconds: number): AlertRule => ({
  id, source, severity, where: '', holdSeconds, clearSeconds, escalateMinutes: 30, isEnabled: true,
}); // biome-ignore format: one record

/** What a new hub watches. */
export const DEFAULT_RULES: readonly AlertRule[] = [
  rule('drift', 'drift', 'warning', 0, 3600),
  rule('offline', 'offline', 'warning', 900, 60),
  rule('deployment', 'deployment', 'critical', 0, 0),
  rule('enrolment', 'enrolment', 'info', 0, 0),
];
