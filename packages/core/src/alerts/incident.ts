// Decides what of many alerts is one thing that happens: which incident an alert belongs to, what its devices have in common, when it is
// over, and what is to be said of it. Tells nobody itself, reads no clock.
import type { CommonCause } from '../drift/common-cause.ts';
import { type Alert, isActive } from './alert.ts';
import type { Severity } from './rule.ts';

export type IncidentState = 'open' | 'acknowledged' | 'resolved';

export interface Incident {
  readonly id: string;
  readonly rule: string;
  readonly group: string;
  readonly severity: Severity;
  readonly state: IncidentState;
  readonly openedAt: number;
  readonly resolvedAt: number | null;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
  /** Devices that are in it now, the most there were, and how many when it was acknowledged. */
  readonly devices: number;
  readonly most: number;
  readonly known: number;
  readonly cause: Pick<CommonCause, 'kind' | 'label' | 'moved' | 'judged'>;
  readonly title: string;
  readonly feedback: 'real' | 'noise' | null;
  /** Channels that were told since it was last news, and ever. */
  readonly told: number;
  readonly reached: number;
  readonly toldAt: number;
}

/** `widened`: it grew beyond what was acknowledged. `escalated`: nobody acknowledged it. */
export type NoticeKind = 'opened' | 'escalated' | 'widened' | 'resolved';

export interface Notice {
  readonly kind: NoticeKind;
  readonly incident: Incident;
  /** Index of the channel. */
  readonly tier: number;
}

/** What an incident is about now. */
export interface IncidentFacts {
  readonly active: readonly Alert[];
  readonly cause: Incident['cause'];
  readonly severity: Severity;
  readonly title: string;
}

const WIDER = 2;

/** An acknowledged incident is news again when it has twice as many devices or another kind of cause. */
const isWider = (incident: Incident, devices: number, kind: Incident['cause']['kind']): boolean =>
  devices >= WIDER * Math.max(1, incident.known) || (incident.cause.kind === 'devices' && kind !== 'devices');

export function openIncident(id: string, rule: string, group: string, facts: IncidentFacts, now: number): Incident {
  const devices = countDevices(facts.active);
  return {
    id, rule, group, severity: facts.severity, state: 'open', openedAt: now, resolvedAt: null, acknowledgedAt: null, acknowledgedBy: null,
    devices, most: devices, known: 0, cause: facts.cause, title: facts.title, feedback: null, told: 0, reached: 0, toldAt: 0,
  }; // biome-ignore format: one record
}

const countDevices = (alerts: readonly Alert[]): number => new Set(alerts.map(({ device }) => device)).size;

/** The incident after a look. The state of one that is over stays. */
export function stepIncident(incident: Incident, facts: IncidentFacts, now: number): Incident {
  if (incident.state === 'resolved') return incident;
  const active = facts.active.filter(isActive);
  if (active.length === 0) return { ...incident, state: 'resolved', resolvedAt: now, devices: 0 };
  const devices = countDevices(active);
  const next: Incident = {
    ...incident, devices, most: Math.max(incident.most, devices), cause: facts.cause, title: facts.title, severity: facts.severity,
  }; // biome-ignore format: one record
  if (incident.state === 'acknowledged' && isWider(incident, devices, facts.cause.kind))
    return { ...next, state: 'open', known: devices, told: 0 };
  return next;
}

export function acknowledgeIncident(incident: Incident, by: string, now: number): Incident {
  if (incident.state !== 'open') return incident;
  return { ...incident, state: 'acknowledged', acknowledgedAt: now, acknowledgedBy: by, known: incident.devices };
}

/**
 * What is to be said now, and the incident once that is queued. Silence only delays: what is still open when it ends is told then.
 * @param tiers channels, in the order of escalation.
 */
export function findNotices(
  incident: Incident,
  before: IncidentState | undefined,
  isSilenced: boolean,
  tiers: number,
  escalateMinutes: number,
  now: number,
): { readonly incident: Incident; readonly notices: readonly Notice[] } {
  const none = { incident, notices: [] };
  if (incident.state === 'resolved') {
    // Whoever was told that it is open is told that it is over, also in a silence.
    const tell = before === 'resolved' ? 0 : incident.reached;
    return {
      incident,
      notices: Array.from({ length: tell }, (_, tier) => ({ kind: 'resolved' as const, incident, tier })),
    };
  }
  if (incident.state === 'acknowledged' || isSilenced || incident.told >= tiers) return none;
  const isFirst = incident.told === 0;
  const isLate = escalateMinutes > 0 && now - incident.toldAt >= escalateMinutes * 60_000;
  if (!isFirst && !isLate) return none;
  const tier = incident.told;
  const told = { ...incident, told: tier + 1, reached: Math.max(incident.reached, tier + 1), toldAt: now };
  const kind = !isFirst ? 'escalated' : incident.known > 0 ? 'widened' : 'opened';
  return { incident: told, notices: [{ kind, incident: told, tier }] };
}
