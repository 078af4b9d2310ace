// Decides what one look at the fleet changes: alerts, the incidents that they are, and what is to be said. Pure; an executor stores it.
import { findCommonCause } from '../drift/common-cause.ts';
import { type Alert, acknowledge, endAlert, isActive, type Signal, stepAlert } from './alert.ts';
import { findNotices, type Incident, type IncidentFacts, type Notice, openIncident, stepIncident } from './incident.ts';
import type { AlertRule } from './rule.ts';
import { isSilenced, type ReadySilence } from './silence.ts';
import { tunedHold } from './tuning.ts';

/** What is known between two looks: nothing that is over. */
export interface AlertBook {
  /** By `alertKey`. */
  readonly alerts: ReadonlyMap<string, Alert>;
  /** By id. */
  readonly incidents: ReadonlyMap<string, Incident>;
}

export const EMPTY_BOOK: AlertBook = { alerts: new Map(), incidents: new Map() };

export interface Watched {
  readonly device: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface LookContext {
  readonly rules: readonly AlertRule[];
  readonly silences: readonly ReadySilence[];
  /** By `groupKey`: what feedback made of the hold. */
  readonly factors: ReadonlyMap<string, number>;
  /** Devices of which a group could tell: the bad ones among them have something in common or not. */
  readonly watchedBy: (rule: string, group: string) => readonly Watched[];
  readonly labelsOf: (device: string) => Readonly<Record<string, string>>;
  /** Channels, in the order of escalation. */
  readonly tiers: number;
  readonly now: number;
  readonly newId: () => string;
}

export interface Look {
  readonly book: AlertBook;
  /** What is to be stored: alerts as they are now (also those that are over), keys of those that came to nothing. */
  readonly alerts: readonly Alert[];
  readonly dropped: readonly Alert[];
  readonly incidents: readonly Incident[];
  readonly notices: readonly Notice[];
}

export const alertKey = (rule: string, subject: string): string => `${rule}\n${subject}`;
export const groupKey = (rule: string, group: string): string => `${rule}\n${group}`;

const NAMED = 3;

function titleOf(active: readonly Alert[], { kind, label, moved, judged }: Incident['cause']): string {
  const [first] = active;
  if (!first) return '';
  const devices = [...new Set(active.map(({ device }) => device))].toSorted();
  if (devices.length === 1) return `${first.what}: ${first.device} (${first.summary})`;
  if (kind === 'group' && label) return `${first.what}: ${moved} of ${judged} devices with ${label.key}=${label.value}`;
  if (kind === 'fleet') return `${first.what}: ${moved} of ${judged} devices, whatever their labels`;
  const more = devices.length > NAMED ? ', …' : '';
  return `${first.what}: ${devices.length} devices that no label explains (${devices.slice(0, NAMED).join(', ')}${more})`;
}

function factsOf(
  incident: Pick<Incident, 'rule' | 'group'>,
  active: readonly Alert[],
  context: LookContext,
): IncidentFacts {
  const bad = new Set(active.map(({ device }) => device));
  const watched = context.watchedBy(incident.rule, incident.group);
  const located = watched.map(({ device, labels }) => ({ device, labels, hasMoved: bad.has(device) }));
  const { kind, label, moved, judged } = findCommonCause(located);
  const cause = { kind, label, moved, judged };
  const severity = context.rules.find(({ id }) => id === incident.rule)?.severity ?? 'info';
  return { active, cause, severity, title: titleOf(active, cause) };
}

/** Alerts after their signals; what has none any more ends. */
function stepAlerts(book: AlertBook, signals: readonly Signal[], context: LookContext): Map<string, Alert | undefined> {
  const { now } = context;
  const rules = new Map(context.rules.filter(({ isEnabled }) => isEnabled).map((rule) => [rule.id, rule]));
  const next = new Map<string, Alert | undefined>();
  for (const signal of signals) {
    const rule = rules.get(signal.rule);
    if (!rule) continue;
    const key = alertKey(signal.rule, signal.subject);
    const factor = context.factors.get(groupKey(signal.rule, signal.group)) ?? 1;
    const patience = { holdSeconds: tunedHold(rule.holdSeconds, factor), clearSeconds: rule.clearSeconds };
    next.set(key, stepAlert(book.alerts.get(key), signal, patience, now));
  }
  for (const [key, alert] of book.alerts) if (!next.has(key)) next.set(key, endAlert(alert, now));
  return next;
}

export function look(book: AlertBook, signals: readonly Signal[], context: LookContext): Look {
  const { now } = context;
  const next = stepAlerts(book, signals, context);
  const incidents = new Map(book.incidents);
  const openOf = new Map([...incidents.values()].map((one) => [groupKey(one.rule, one.group), one.id]));
  const members = new Map<string, Alert[]>();
  for (const [key, alert] of [...next].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!alert || !isActive(alert)) continue;
    const of = groupKey(alert.rule, alert.group);
    const id = openOf.get(of) ?? context.newId();
    openOf.set(of, id);
    const isAcknowledged = incidents.get(id)?.state === 'acknowledged';
    const member = { ...(isAcknowledged ? acknowledge(alert, now) : alert), incident: id };
    next.set(key, member);
    const list = members.get(id);
    if (list) list.push(member);
    else members.set(id, [member]);
  }
  const changed: Incident[] = [];
  const notices: Notice[] = [];
  for (const [id, active] of members) {
    const [first] = active as [Alert, ...Alert[]];
    if (!incidents.has(id))
      incidents.set(id, openIncident(id, first.rule, first.group, factsOf(first, active, context), now));
  }
  for (const [id, incident] of incidents) {
    const active = members.get(id) ?? [];
    const before = book.incidents.get(id);
    const stepped = before ? stepIncident(incident, factsOf(incident, active, context), now) : incident;
    const silenced =
      active.length > 0 &&
      active.every((one) => isSilenced(one.rule, context.labelsOf(one.device), context.silences, now));
    const escalate = context.rules.find((rule) => rule.id === incident.rule)?.escalateMinutes ?? 0;
    const found = findNotices(stepped, before?.state, silenced, context.tiers, escalate, now);
    // A title without members says less than the last one.
    const kept =
      found.incident.title === ''
        ? { ...found.incident, title: incident.title, cause: incident.cause }
        : found.incident;
    notices.push(...found.notices.map((notice) => ({ ...notice, incident: kept })));
    if (!isSame(before, kept)) changed.push(kept);
    if (kept.state === 'resolved') incidents.delete(id);
    else incidents.set(id, kept);
    // It is news again: who acknowledged it has not seen this.
    if (before?.state === 'acknowledged' && kept.state === 'open')
      for (const one of active) {
        const key = alertKey(one.rule, one.subject);
        const held = next.get(key);
        if (held?.state === 'acknowledged') next.set(key, { ...held, state: 'firing', held: 'firing', enteredAt: now });
      }
  }
  const alerts = new Map<string, Alert>();
  const stored: Alert[] = [];
  const dropped: Alert[] = [];
  for (const [key, alert] of next) {
    const before = book.alerts.get(key);
    if (alert && alert.state !== 'resolved') alerts.set(key, alert);
    if (alert && !isSame(before, alert)) stored.push(alert);
    if (!alert && before) dropped.push(before);
  }
  return { book: { alerts, incidents }, alerts: stored, dropped, incidents: changed, notices };
}

/** Flat records, and one of them in another. */
const isSame = (a: object | undefined, b: object): boolean =>
  a !== undefined && JSON.stringify(a) === JSON.stringify(b);

/** A person takes an incident on: the book after it, and what is to be stored. */
export function takeOn(book: AlertBook, incident: Incident, alerts: readonly Alert[]): AlertBook {
  const next = new Map(book.alerts);
  for (const alert of alerts) next.set(alertKey(alert.rule, alert.subject), alert);
  return { alerts: next, incidents: new Map(book.incidents).set(incident.id, incident) };
}
