// Owns the SQL of alerts, incidents, silences, rules and notices. Never decides one.
import type { Alert } from '@drover/core/alerts/alert';
import type { Incident } from '@drover/core/alerts/incident';
import type { AlertRule } from '@drover/core/alerts/rule';
import type { Silence } from '@drover/core/alerts/silence';
import type { AlertFactorsTable, NoticesTable } from './schema-alerts.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

const bodies = async <T>(rows: Promise<readonly { readonly bodyJson: string }[]>): Promise<T[]> =>
  (await rows).map(({ bodyJson }) => JSON.parse(bodyJson) as T);

// Rules that differ from those that ship.
export const listStoredRules = (store: Store): Promise<AlertRule[]> =>
  bodies(store.rows(query(sqlOf.selectFrom('alertRules').select('bodyJson').orderBy('id'))));
export const writeRule = (rule: AlertRule, updatedAt: number): Statement => {
  const bodyJson = JSON.stringify(rule);
  return {
    query: query(
      sqlOf
        .insertInto('alertRules')
        .values({ id: rule.id, bodyJson, updatedAt })
        .onConflict((c) => c.column('id').doUpdateSet({ bodyJson, updatedAt })),
    ),
  };
};
export const deleteRule = (id: string): Statement => ({
  query: query(sqlOf.deleteFrom('alertRules').where('id', '=', id)),
});

// Alerts and incidents.
export const listOpenAlerts = (store: Store): Promise<Alert[]> =>
  bodies(store.rows(query(sqlOf.selectFrom('alerts').select('bodyJson').where('state', '!=', 'resolved'))));
export const listAlertsOf = (store: Store, incident: string, limit: number): Promise<Alert[]> =>
  bodies(
    store.rows(
      query(
        sqlOf
          .selectFrom('alerts')
          .select('bodyJson')
          .where('incident', '=', incident)
          .orderBy('rule')
          .orderBy('subject')
          .limit(limit),
      ),
    ),
  );
export const listAlerts = (store: Store, device: string | undefined, limit: number): Promise<Alert[]> => {
  const base = sqlOf
    .selectFrom('alerts')
    .select('bodyJson')
    .where('state', '!=', 'resolved')
    .orderBy('enteredAt', 'desc')
    .orderBy('rule')
    .orderBy('subject')
    .limit(limit);
  return bodies(store.rows(query(device === undefined ? base : base.where('device', '=', device))));
};

/** Of those rules and devices, in any state. */
export const listAlertsByRule = async (
  store: Store,
  rules: readonly string[],
  devices: readonly string[],
): Promise<Alert[]> =>
  rules.length === 0 || devices.length === 0
    ? []
    : bodies(
        store.rows(
          query(
            sqlOf
              .selectFrom('alerts')
              .select('bodyJson')
              .where('rule', 'in', rules)
              .where('device', 'in', devices)
              .orderBy('subject'),
          ),
        ),
      );
export const listIncidentsById = async (store: Store, ids: readonly string[]): Promise<Incident[]> =>
  ids.length === 0
    ? []
    : bodies(store.rows(query(sqlOf.selectFrom('incidents').select('bodyJson').where('id', 'in', ids))));

const alertWritten = template<{
  rule: string;
  subject: string;
  enteredAt: number;
  device: string;
  state: Alert['state'];
  incident: string | null;
  bodyJson: string;
}>(['rule', 'subject', 'enteredAt', 'device', 'state', 'incident', 'bodyJson'], (row) =>
  sqlOf
    .insertInto('alerts')
    .values(row)
    .onConflict((c) =>
      c.columns(['rule', 'subject']).doUpdateSet((e) => ({
        enteredAt: e.ref('excluded.enteredAt'),
        device: e.ref('excluded.device'),
        state: e.ref('excluded.state'),
        incident: e.ref('excluded.incident'),
        bodyJson: e.ref('excluded.bodyJson'),
      })),
    ),
);
export const writeAlert = (alert: Alert): Statement => {
  const { rule, subject, enteredAt, device, state, incident } = alert;
  return {
    query: alertWritten({ rule, subject, enteredAt, device, state, incident, bodyJson: JSON.stringify(alert) }),
  };
};
export const dropAlert = ({ rule, subject }: Alert): Statement => ({
  query: query(sqlOf.deleteFrom('alerts').where('rule', '=', rule).where('subject', '=', subject)),
  expect: 'any',
});

export const listOpenIncidents = (store: Store): Promise<Incident[]> =>
  bodies(store.rows(query(sqlOf.selectFrom('incidents').select('bodyJson').where('state', '!=', 'resolved'))));
export const listIncidents = (store: Store, isOpenOnly: boolean, limit: number): Promise<Incident[]> => {
  const base = sqlOf.selectFrom('incidents').select('bodyJson').orderBy('openedAt', 'desc').orderBy('id').limit(limit);
  return bodies(store.rows(query(isOpenOnly ? base.where('state', '!=', 'resolved') : base)));
};
export const readIncident = async (store: Store, id: string): Promise<Incident | undefined> => {
  const row = await store.first<{ bodyJson: string }>(
    query(sqlOf.selectFrom('incidents').select('bodyJson').where('id', '=', id)),
  );
  return row && (JSON.parse(row.bodyJson) as Incident);
};
export const writeIncident = (incident: Incident): Statement => {
  const { id, state, openedAt, resolvedAt } = incident;
  const bodyJson = JSON.stringify(incident);
  return {
    query: query(
      sqlOf
        .insertInto('incidents')
        .values({ id, state, openedAt, resolvedAt, bodyJson })
        .onConflict((c) => c.column('id').doUpdateSet({ state, resolvedAt, bodyJson })),
    ),
  };
};

// Silences and feedback.
export const listSilences = (store: Store, endsAfter: number): Promise<Silence[]> =>
  bodies(
    store.rows(
      query(
        sqlOf.selectFrom('silences').select('bodyJson').where('endsAt', '>', endsAfter).orderBy('endsAt').orderBy('id'),
      ),
    ),
  );
export const writeSilence = (silence: Silence): Statement => {
  const { id, endsAt } = silence;
  const bodyJson = JSON.stringify(silence);
  return {
    query: query(
      sqlOf
        .insertInto('silences')
        .values({ id, endsAt, bodyJson })
        .onConflict((c) => c.column('id').doUpdateSet({ endsAt, bodyJson })),
    ),
  };
};
export const listFactors = (store: Store): Promise<readonly AlertFactorsTable[]> =>
  store.rows(query(sqlOf.selectFrom('alertFactors').selectAll().orderBy('rule').orderBy('groupKey')));
export const writeFactor = (row: AlertFactorsTable): Statement => ({
  query: query(
    sqlOf
      .insertInto('alertFactors')
      .values(row)
      .onConflict((c) => c.columns(['rule', 'groupKey']).doUpdateSet({ factor: row.factor })),
  ),
});

// What is to be said.
export const insertNotice = (row: NoticesTable): Statement => ({
  query: query(sqlOf.insertInto('notices').values(row)),
});
export const listDueNotices = (store: Store, now: number, limit: number): Promise<readonly NoticesTable[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('notices')
        .selectAll()
        .where('state', '=', 'queued')
        .where('nextAt', '<=', now)
        .orderBy('nextAt')
        .orderBy('id')
        .limit(limit),
    ),
  );
export const listNotices = (store: Store, limit: number): Promise<readonly NoticesTable[]> =>
  store.rows(query(sqlOf.selectFrom('notices').selectAll().orderBy('createdAt', 'desc').orderBy('id').limit(limit)));
export const settleNotice = (
  id: string,
  set: Pick<NoticesTable, 'state' | 'attempts' | 'nextAt' | 'error'>,
): Statement => ({ query: query(sqlOf.updateTable('notices').set(set).where('id', '=', id)), expect: 'any' });
/** Dead ones that a person wants to be tried again. */
export const retryNotices = (now: number): Statement => ({
  query: query(
    sqlOf.updateTable('notices').set({ state: 'queued', attempts: 0, nextAt: now }).where('state', '=', 'dead'),
  ),
  expect: 'any',
});

/** Forgets what is over since before `before`. */
export const dropOld = (before: number): readonly Statement[] =>
  [
    sqlOf.deleteFrom('alerts').where('state', '=', 'resolved').where('enteredAt', '<', before),
    sqlOf.deleteFrom('incidents').where('state', '=', 'resolved').where('resolvedAt', '<', before),
    sqlOf.deleteFrom('silences').where('endsAt', '<', before),
    sqlOf.deleteFrom('notices').where('state', '!=', 'queued').where('createdAt', '<', before),
  ].map((one) => ({ query: query(one), expect: 'any' as const }));
