// What people see of alerts and do about them, with an audit row for each change. Never looks at the fleet.
import type { Alert } from '@drover/core/alerts/alert';
import type { Incident } from '@drover/core/alerts/incident';
import { type AlertRule, DEFAULT_RULES } from '@drover/core/alerts/rule';
import type { Silence } from '@drover/core/alerts/silence';
import { parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type {
  AlertRules,
  AlertView,
  IncidentDetail,
  IncidentView,
  Notices,
  SilenceRequest,
  SilenceView,
} from '@drover/wire/http/alerts';
import {
  deleteRule,
  listAlerts,
  listAlertsOf,
  listFactors,
  listIncidents,
  listNotices,
  listSilences,
  listStoredRules,
  readIncident,
  retryNotices,
  writeRule,
  writeSilence,
} from '../db/alerts.ts';
import { commitWithAudit } from '../db/audit.ts';
import type { Store } from '../db/store.ts';
import type { AlertBookkeeper } from './book.ts';

export interface DeskDeps {
  readonly store: Store;
  readonly book: AlertBookkeeper;
  readonly now: () => number;
  readonly newId: () => string;
  readonly tiers: number;
  readonly wake: () => void;
}

export type AlertDesk = ReturnType<typeof openDesk>;

const SHOWN_ALERTS = 1000;
const SHOWN_NOTICES = 200;
const MOST_RULES = 100;
const MOST_SILENCES = 1000;
/** A silence is for a while: whoever wants it for good disables the rule. */
const LONGEST_SILENCE_MS = 90 * 86_400_000;

const instant = (at: number): string => new Date(at).toISOString();
const instantOrNull = (at: number | null): string | null => (at === null ? null : instant(at));

const viewAlert = ({ rule, subject, device, state, what, summary, enteredAt, badSince, incident }: Alert): AlertView => ({
  rule, subject, device, state, what, summary, enteredAt: instant(enteredAt), badSince: instant(badSince), incident,
}); // biome-ignore format: one record

const viewIncident = (one: Incident): IncidentView => ({
  id: one.id,
  rule: one.rule,
  severity: one.severity,
  state: one.state,
  title: one.title,
  devices: one.devices,
  most: one.most,
  cause: { ...one.cause, label: one.cause.label ?? null },
  openedAt: instant(one.openedAt),
  acknowledgedAt: instantOrNull(one.acknowledgedAt),
  acknowledgedBy: one.acknowledgedBy,
  resolvedAt: instantOrNull(one.resolvedAt),
  feedback: one.feedback,
  told: one.reached,
});

const viewSilence = ({ startsAt, endsAt, ...rest }: Silence): SilenceView => ({
  ...rest, startsAt: instant(startsAt), endsAt: instant(endsAt),
}); // biome-ignore format: one record

const mapped = (result: Result<Incident>): Result<IncidentView> =>
  result.ok ? accept(viewIncident(result.value)) : result;

function readInstant(text: string, name: string): Result<number> {
  const at = Date.parse(text);
  return /^\d{4}-\d\d-\d\dT/.test(text) && Number.isFinite(at)
    ? accept(at)
    : refuse('request_invalid', `"${name}" must be an RFC 3339 instant such as 2026-03-01T00:00:00Z.`);
}

export function openDesk({ store, book, now, newId, tiers, wake }: DeskDeps) {
  async function setRule(rule: AlertRule, actor: string): Promise<Result<AlertRule>> {
    const parsed = parseQuery(rule.where);
    if (!parsed.ok) return parsed;
    const hasLimit = rule.limit !== null && (rule.limit.above !== null || rule.limit.below !== null);
    if (hasLimit !== (rule.source === 'metric'))
      return refuse(
        'request_invalid',
        'A rule that watches a metric names it with a limit above or below; no other rule has one.',
      );
    const all = await book.rules();
    const before = all.find(({ id }) => id === rule.id);
    if (!before && all.length >= MOST_RULES) return refuse('request_invalid', `There are ${MOST_RULES} rules already.`);
    const detail = { before: before ?? null, after: rule };
    await commitWithAudit(store, [writeRule(rule, now())], {
      at: now(),
      actor,
      action: 'alert-rule.set',
      subject: rule.id,
      detail,
    });
    return accept(rule);
  }

  async function removeRule(id: string, actor: string): Promise<Result<undefined>> {
    const before = (await listStoredRules(store)).find((rule) => rule.id === id);
    if (!before) {
      const why = DEFAULT_RULES.some((rule) => rule.id === id)
        ? 'it is as it ships; disable it instead'
        : 'there is none';
      return refuse('alert_rule_unknown', `"${id}": ${why}.`);
    }
    const detail = { before, after: DEFAULT_RULES.find((rule) => rule.id === id) ?? null };
    await commitWithAudit(store, [deleteRule(id)], {
      at: now(),
      actor,
      action: 'alert-rule.remove',
      subject: id,
      detail,
    });
    return accept(undefined);
  }

  async function silence(request: SilenceRequest, actor: string): Promise<Result<SilenceView>> {
    const { rule = null, where = '', reason } = request;
    const parsed = parseQuery(where);
    if (!parsed.ok) return parsed;
    const ends = readInstant(request.endsAt, 'endsAt');
    const starts = request.startsAt === undefined ? accept(now()) : readInstant(request.startsAt, 'startsAt');
    if (!ends.ok) return ends;
    if (!starts.ok) return starts;
    const [startsAt, endsAt] = [starts.value, ends.value];
    if (endsAt <= Math.max(startsAt, now())) return refuse('request_invalid', 'It would be over before it begins.');
    if (endsAt - startsAt > LONGEST_SILENCE_MS)
      return refuse('request_invalid', 'A silence lasts 90 days at most; disable the rule instead.');
    if (rule !== null && !(await book.rules()).some(({ id }) => id === rule))
      return refuse('alert_rule_unknown', `"${rule}".`);
    if ((await listSilences(store, now())).length >= MOST_SILENCES)
      return refuse('request_invalid', `There are ${MOST_SILENCES} silences already.`);
    const made: Silence = { id: newId(), rule, where, startsAt, endsAt, reason, by: actor };
    await commitWithAudit(store, [writeSilence(made)], {
      at: now(),
      actor,
      action: 'silence.add',
      subject: made.id,
      detail: { after: made },
    });
    return accept(viewSilence(made));
  }

  async function endSilence(id: string, actor: string): Promise<Result<undefined>> {
    const held = (await listSilences(store, now())).find((one) => one.id === id);
    if (!held) return refuse('silence_unknown', `"${id}".`);
    const after: Silence = { ...held, startsAt: Math.min(held.startsAt, now()), endsAt: now() };
    const detail = { before: held, after };
    await commitWithAudit(store, [writeSilence(after)], {
      at: now(),
      actor,
      action: 'silence.end',
      subject: id,
      detail,
    });
    return accept(undefined);
  }

  return {
    incidents: async (isOpenOnly: boolean, limit: number): Promise<IncidentView[]> =>
      (await listIncidents(store, isOpenOnly, limit)).map(viewIncident),
    async incident(id: string): Promise<Result<IncidentDetail>> {
      const held = await readIncident(store, id);
      if (!held) return refuse('incident_unknown', `"${id}".`);
      return accept({ ...viewIncident(held), alerts: (await listAlertsOf(store, id, SHOWN_ALERTS)).map(viewAlert) });
    },
    alerts: async (device: string | undefined, limit: number): Promise<AlertView[]> =>
      (await listAlerts(store, device, limit)).map(viewAlert),
    async rules(): Promise<AlertRules> {
      const tuned = (await listFactors(store)).filter(({ factor }) => factor > 1);
      return {
        items: [...(await book.rules())],
        tuned: tuned.map(({ rule, groupKey, factor }) => ({ rule, group: groupKey, factor })),
      };
    },
    acknowledge: async (id: string, actor: string) => mapped(await book.acknowledge(id, actor)),
    feedback: async (id: string, said: 'real' | 'noise', actor: string) => mapped(await book.feedback(id, said, actor)),
    silences: async (): Promise<SilenceView[]> => (await listSilences(store, now())).map(viewSilence),
    setRule: (rule: AlertRule, actor: string) => book.between(() => setRule(rule, actor)),
    removeRule: (id: string, actor: string) => book.between(() => removeRule(id, actor)),
    silence: (request: SilenceRequest, actor: string) => book.between(() => silence(request, actor)),
    endSilence: (id: string, actor: string) => book.between(() => endSilence(id, actor)),
    test: (actor: string) => book.test(actor),
    async notices(): Promise<Notices> {
      const rows = await listNotices(store, SHOWN_NOTICES);
      const items = rows.map(({ id, kind, incident, tier, state, attempts, error, createdAt }) => ({
        id, kind, incident, channel: tier + 1, state, attempts, error, createdAt: instant(createdAt),
      })); // biome-ignore format: one record
      return { items, channels: tiers };
    },
    async retry(actor: string): Promise<number> {
      const entry = { at: now(), actor, action: 'notices.retry', subject: 'notices', detail: {} };
      const done = await commitWithAudit(store, [retryNotices(now())], entry);
      wake();
      return done.ok ? (done.changes[0] ?? 0) : 0;
    },
  };
}
