// Reads when sensors of some devices were at fault, from the drift alerts that are kept (90 days). Decides nothing.
import { mergeRules } from '../alerts/book.ts';
import { listAlertsByRule, listIncidentsById, listStoredRules } from '../db/alerts.ts';
import type { Store } from '../db/store.ts';
import { findSpans, type SuspectSpan } from './suspect.ts';

export async function readSpans(store: Store, devices: readonly string[]): Promise<SuspectSpan[]> {
  if (devices.length === 0) return [];
  const rules = mergeRules(await listStoredRules(store)).filter(({ source }) => source === 'drift');
  const ids = rules.map(({ id }) => id);
  const alerts = await listAlertsByRule(store, ids, devices);
  const incidents = [...new Set(alerts.flatMap(({ incident }) => (incident === null ? [] : [incident])))];
  const kinds = new Map((await listIncidentsById(store, incidents)).map(({ id, cause }) => [id, cause.kind]));
  return findSpans(alerts, (id) => kinds.get(id));
}
