// Looks at the fleet again and again and keeps what comes of it: one look or one act of a person after the other, each stored whole or
// not at all. Never decides what an alert is: core does.
import { acknowledge } from '@drover/core/alerts/alert';
import { acknowledgeIncident, type Incident } from '@drover/core/alerts/incident';
import { type AlertBook, alertKey, EMPTY_BOOK, groupKey, look, takeOn } from '@drover/core/alerts/look';
import { type AlertRule, DEFAULT_RULES } from '@drover/core/alerts/rule';
import type { ReadySilence, Silence } from '@drover/core/alerts/silence';
import { tune } from '@drover/core/alerts/tuning';
import { parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Logger } from 'pino';
import {
  dropAlert,
  dropOld,
  insertNotice,
  listFactors,
  listOpenAlerts,
  listOpenIncidents,
  listSilences,
  listStoredRules,
  readIncident,
  writeAlert,
  writeFactor,
  writeIncident,
} from '../db/alerts.ts';
import { type AuditEntry, commitWithAudit } from '../db/audit.ts';
import type { NoticesTable } from '../db/schema-alerts.ts';
import type { Statement } from '../db/store.ts';
import { incidentEvent } from './cloud-event.ts';
import { readSources, type SourceDeps } from './sources.ts';

export interface AlertDeps extends SourceDeps {
  readonly hubId: string;
  readonly newId: () => string;
  readonly log: Logger;
  /** How many channels there are. */
  readonly tiers: number;
  /** There is something to send. */
  readonly wake: () => void;
}

export interface AlertBookkeeper {
  /** Rules that ship, with what was changed, and those that people added. */
  rules(): Promise<readonly AlertRule[]>;
  look(): Promise<void>;
  acknowledge(id: string, actor: string): Promise<Result<Incident>>;
  feedback(id: string, said: 'real' | 'noise', actor: string): Promise<Result<Incident>>;
  /** Queues a test for each channel; how many. */
  test(actor: string): Promise<number>;
  /** Runs `act` between two looks. */
  between<T>(act: () => Promise<T>): Promise<T>;
}

const KEPT_MS = 90 * 86_400_000;
const TIDY_EVERY_MS = 3_600_000;

export function mergeRules(stored: readonly AlertRule[]): AlertRule[] {
  const own = new Map(stored.map((rule) => [rule.id, rule]));
  const shipped = DEFAULT_RULES.map((rule) => own.get(rule.id) ?? rule);
  return [...shipped, ...stored.filter(({ id }) => !DEFAULT_RULES.some((rule) => rule.id === id))];
}

function ready(silence: Silence): ReadySilence[] {
  const parsed = parseQuery(silence.where);
  return parsed.ok ? [{ ...silence, query: parsed.value }] : [];
}

export async function openAlertBook(deps: AlertDeps): Promise<AlertBookkeeper> {
  const { store, now, newId, hubId, tiers } = deps;
  let book: AlertBook = EMPTY_BOOK;
  let turn: Promise<unknown> = Promise.resolve();
  let tidyAt = 0;
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const own = turn.then(act);
    turn = own.catch(() => undefined);
    return own;
  };

  const rules = async (): Promise<readonly AlertRule[]> => mergeRules(await listStoredRules(store));

  function noticeOf(kind: NoticesTable['kind'], tier: number, incident: Incident | undefined): Statement {
    const id = newId();
    const at = now();
    const bodyJson = JSON.stringify(incidentEvent(id, hubId, kind, incident, at));
    return insertNotice({
      id, incident: incident?.id ?? null, kind, tier, bodyJson, state: 'queued', attempts: 0, nextAt: at, error: null, createdAt: at,
    }); // biome-ignore format: one record
  }

  async function lookOnce(): Promise<void> {
    const all = await rules();
    const sources = await readSources(deps, all, new Set(book.alerts.keys()));
    const silences = (await listSilences(store, now())).flatMap(ready);
    const factors = new Map((await listFactors(store)).map((row) => [groupKey(row.rule, row.groupKey), row.factor]));
    const done = look(book, sources.signals, { ...sources, rules: all, silences, factors, tiers, now: now(), newId });
    const statements = [
      ...done.alerts.map(writeAlert),
      ...done.dropped.map(dropAlert),
      ...done.incidents.map(writeIncident),
      ...done.notices.map(({ kind, tier, incident }) => noticeOf(kind, tier, incident)),
    ];
    if (now() >= tidyAt) {
      statements.push(...dropOld(now() - KEPT_MS));
      tidyAt = now() + TIDY_EVERY_MS;
    }
    if (statements.length > 0) {
      const stored = await store.commit(statements);
      if (!stored.ok) throw new Error(`alerts were not stored: ${stored.why}`);
    }
    book = done.book;
    if (done.notices.length > 0) deps.wake();
  }

  /** What a person does to an incident that is open, with the audit row that says so. */
  async function change(
    id: string,
    decide: (incident: Incident) => Result<{ incident: Incident; statements: readonly Statement[]; book: AlertBook }>,
    entry: Pick<AuditEntry, 'actor' | 'action'> & { readonly detail: object },
  ): Promise<Result<Incident>> {
    const held = book.incidents.get(id) ?? (await readIncident(store, id));
    if (!held) return refuse('incident_unknown', `"${id.slice(0, 64)}".`);
    const decided = decide(held);
    if (!decided.ok) return decided;
    const { incident, statements, book: next } = decided.value;
    const detail = { ...entry.detail, before: { state: held.state }, after: { state: incident.state } };
    const done = await commitWithAudit(store, [writeIncident(incident), ...statements], {
      ...entry, detail, at: now(), subject: id,
    }); // biome-ignore format: one record
    if (!done.ok) return refuse('write_conflict', `Incident ${id} changed meanwhile.`);
    book = next;
    return accept(incident);
  }

  book = {
    alerts: new Map((await listOpenAlerts(store)).map((alert) => [alertKey(alert.rule, alert.subject), alert])),
    incidents: new Map((await listOpenIncidents(store)).map((incident) => [incident.id, incident])),
  };

  return {
    rules,
    between: inTurn,
    look: () => inTurn(lookOnce),
    acknowledge: (id, actor) =>
      inTurn(() =>
        change(
          id,
          (held) => {
            if (held.state === 'resolved') return refuse('incident_over', `Incident ${id}.`);
            const incident = acknowledgeIncident(held, actor, now());
            const members = [...book.alerts.values()]
              .filter((alert) => alert.incident === id)
              .map((alert) => acknowledge(alert, now()));
            return accept({ incident, statements: members.map(writeAlert), book: takeOn(book, incident, members) });
          },
          { actor, action: 'incident.acknowledge', detail: {} },
        ),
      ),
    feedback: (id, said, actor) =>
      inTurn(async () => {
        const factors = await listFactors(store);
        return change(
          id,
          (held) => {
            const { rule, group } = held;
            const factor = tune(factors.find((row) => row.rule === rule && row.groupKey === group)?.factor ?? 1, said);
            const incident: Incident = { ...held, feedback: said };
            const incidents = new Map(book.incidents);
            if (incidents.has(id)) incidents.set(id, incident);
            const statements = [writeFactor({ rule, groupKey: group, factor })];
            return accept({ incident, statements, book: { ...book, incidents } });
          },
          { actor, action: 'incident.feedback', detail: { said } },
        );
      }),
    test: (actor) =>
      inTurn(async () => {
        if (tiers === 0) return 0;
        const statements = Array.from({ length: tiers }, (_, tier) => noticeOf('test', tier, undefined));
        await commitWithAudit(store, statements, {
          at: now(),
          actor,
          action: 'alerts.test',
          subject: hubId,
          detail: { tiers },
        });
        deps.wake();
        return tiers;
      }),
  };
}
