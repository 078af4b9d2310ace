// Checks that spans come from the alerts of drift rules in a real database, with what their incidents were about.
import path from 'node:path';
import type { Alert } from '@drover/core/alerts/alert';
import { type Incident, openIncident } from '@drover/core/alerts/incident';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAlert, writeIncident } from '../db/alerts.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { readSpans } from './read-spans.ts';

let dir: string;
let store: Store;
beforeEach(() => {
  dir = scratch('spans');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

const alert = (device: string, incident: string, rule = 'drift'): Alert => ({
  rule, subject: `${device}/default/load`, group: '', device, state: 'firing', held: 'firing', enteredAt: 9e9, badSince: 9e9, goodSince: null,
  what: '', summary: '', incident,
}); // biome-ignore format: one record
const incident = (id: string, kind: Incident['cause']['kind']): Incident =>
  openIncident(
    id,
    'drift',
    '',
    { active: [], cause: { kind, label: undefined, moved: 1, judged: 9 }, severity: 'warning', title: '' },
    9e9,
  );

describe('spans of suspect rows', () => {
  it('are of the devices asked for, from drift alone, and not from what many share', async () => {
    const [one, many] = ['1'.repeat(32), '2'.repeat(32)];
    const rows = [alert('d1', one), alert('d2', many), alert('d3', one), alert('d1', one, 'offline')];
    await store.commit([
      writeIncident(incident(one, 'devices')), writeIncident(incident(many, 'group')), ...rows.map(writeAlert),
    ]); // biome-ignore format: one list
    expect(await readSpans(store, ['d1', 'd2', 'd9'])).toMatchObject([
      { device: 'd1', slot: 'default', feature: 'load' },
    ]);
    expect(await readSpans(store, [])).toEqual([]);
  });
});
