// Checks what looks at a fleet come to: states in their order, one incident for one thing, nothing lost in silence, nothing said twice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery } from '../query.ts';
import { type Alert, type AlertState, acknowledge, type Signal } from './alert.ts';
import { acknowledgeIncident } from './incident.ts';
import { type AlertBook, alertKey, EMPTY_BOOK, groupKey, type Look, type LookContext, look, takeOn } from './look.ts';
import type { AlertRule } from './rule.ts';
import type { ReadySilence } from './silence.ts';
import { tune } from './tuning.ts';

const MINUTE = 60_000;
const rule: AlertRule = {
  id: 'drift', source: 'drift', severity: 'warning', where: '', holdSeconds: 60, clearSeconds: 120, escalateMinutes: 30, isEnabled: true, limit: null,
}; // biome-ignore format: one record

function signal(device: string, state: Signal['state'], group = 'load'): Signal {
  return {
    rule: 'drift',
    subject: `${device}/${group}`,
    group,
    device,
    state,
    what: 'load of wear@1 drifts',
    summary: 'level',
  };
}

/** Looks one after another at one fleet. */
function watch(devices: readonly string[], more: Partial<LookContext> = {}) {
  let ids = 0;
  let book: AlertBook = EMPTY_BOOK;
  const labelsOf = (device: string): Record<string, string> => ({ site: `s${Number(device.slice(1)) % 10}` });
  const history: Look[] = [];
  const at = (minute: number, signals: readonly Signal[], again: Partial<LookContext> = {}): Look => {
    const done = look(book, signals, {
      rules: [rule],
      silences: [],
      factors: new Map(),
      watchedBy: () => devices.map((device) => ({ device, labels: labelsOf(device) })),
      labelsOf,
      tiers: 2,
      now: minute * MINUTE,
      newId: () => `i${++ids}`,
      ...more,
      ...again,
    });
    book = done.book;
    history.push(done);
    return done;
  };
  return {
    at,
    history,
    state: (device: string): AlertState | 'normal' =>
      book.alerts.get(alertKey('drift', `${device}/load`))?.state ?? 'normal',
    said: (): string[] => history.flatMap(({ notices }) => notices.map(({ kind, tier }) => `${kind} ${tier}`)),
    book: () => book,
    acknowledge(minute: number): void {
      for (const incident of book.incidents.values()) {
        const members = [...book.alerts.values()].filter((alert) => alert.incident === incident.id);
        const now = minute * MINUTE;
        book = takeOn(
          book,
          acknowledgeIncident(incident, 'ada', now),
          members.map((alert) => acknowledge(alert, now)),
        );
      }
    },
  };
}

describe('alerts', () => {
  it('go from pending over firing and acknowledged to resolved, in their time', () => {
    const fleet = watch(['d1']);
    fleet.at(0, [signal('d1', 'good')]);
    expect(fleet.state('d1')).toBe('normal');
    fleet.at(1, [signal('d1', 'bad')]);
    expect(fleet.state('d1')).toBe('pending');
    fleet.at(2, [signal('d1', 'bad')]);
    expect(fleet.state('d1')).toBe('firing');
    fleet.acknowledge(3);
    expect(fleet.state('d1')).toBe('acknowledged');
    fleet.at(4, [signal('d1', 'good')]);
    fleet.at(5, [signal('d1', 'bad')]);
    fleet.at(6, [signal('d1', 'good')]);
    fleet.at(7, [signal('d1', 'good')]);
    expect(fleet.state('d1')).toBe('acknowledged');
    const { alerts, incidents } = fleet.at(8, [signal('d1', 'good')]);
    expect(alerts).toMatchObject([{ state: 'resolved', incident: 'i1' }]);
    expect(incidents).toMatchObject([
      { state: 'resolved', resolvedAt: 8 * MINUTE, title: 'load of wear@1 drifts: d1 (level)' },
    ]);
    expect(fleet.said()).toEqual(['opened 0', 'resolved 0']);
    expect(fleet.book()).toEqual(EMPTY_BOOK);
  });

  it('that were pending and are good again leave nothing', () => {
    const fleet = watch(['d1']);
    fleet.at(1, [signal('d1', 'bad')]);
    expect(fleet.at(1.5, [signal('d1', 'good')])).toMatchObject({ dropped: [{ subject: 'd1/load' }], incidents: [] });
    expect(fleet.said()).toEqual([]);
  });

  it('without data are a state of their own, and go on where they were', () => {
    const fleet = watch(['d1']);
    fleet.at(1, [signal('d1', 'unknown')]);
    expect(fleet.state('d1')).toBe('normal');
    fleet.at(2, [signal('d1', 'bad')]);
    fleet.at(3, [signal('d1', 'bad')]);
    fleet.at(4, [signal('d1', 'unknown')]);
    expect(fleet.state('d1')).toBe('no_data');
    expect([...fleet.book().incidents.values()]).toMatchObject([{ state: 'open', devices: 1 }]);
    fleet.acknowledge(5);
    expect(fleet.state('d1')).toBe('no_data');
    fleet.at(6, [signal('d1', 'bad')]);
    expect(fleet.state('d1')).toBe('acknowledged');
  });

  it('of what is not watched any more are over', () => {
    const fleet = watch(['d1']);
    fleet.at(1, [signal('d1', 'bad')]);
    fleet.at(2, [signal('d1', 'bad')]);
    expect(fleet.at(3, [])).toMatchObject({ alerts: [{ state: 'resolved' }], incidents: [{ state: 'resolved' }] });
    fleet.at(4, [signal('d1', 'bad')]);
    fleet.at(5, [signal('d1', 'bad')]);
    expect(fleet.at(6, [signal('d1', 'bad')], { rules: [{ ...rule, isEnabled: false }] })).toMatchObject({
      incidents: [{ id: 'i2', state: 'resolved' }],
    });
  });
});

describe('incidents', () => {
  const thousand = Array.from({ length: 10_000 }, (_, i) => `d${i}`);

  it('are one where a thousand devices of a site drift alike, and name the site', () => {
    const fleet = watch(thousand);
    const bad = thousand.filter((_, i) => i % 10 === 3).map((device) => signal(device, 'bad'));
    fleet.at(0, bad);
    const { incidents, notices } = fleet.at(1, bad);
    expect(incidents).toMatchObject([
      {
        devices: 1000,
        cause: { kind: 'group', label: { key: 'site', value: 's3' }, moved: 1000, judged: 1000 },
        title: 'load of wear@1 drifts: 1000 of 1000 devices with site=s3',
      },
    ]);
    expect(notices).toHaveLength(1);
  });

  it('are one for each thing', () => {
    const fleet = watch(['d1', 'd2']);
    const bad = [signal('d1', 'bad'), signal('d2', 'bad', 'heat')];
    fleet.at(0, bad);
    expect(fleet.at(1, bad).incidents).toMatchObject([{ group: 'load' }, { group: 'heat' }]);
  });

  it('escalate until somebody acknowledges, are news again when they widen, and tell all who heard of them of the end', () => {
    const devices = ['d1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8', 'd9', 'd10'];
    const fleet = watch(devices);
    const bad = (n: number) => devices.slice(0, n).map((device) => signal(device, 'bad'));
    fleet.at(0, bad(1));
    fleet.at(1, bad(1));
    fleet.at(30, bad(1));
    expect(fleet.said()).toEqual(['opened 0']);
    fleet.at(31, bad(1));
    fleet.at(90, bad(1));
    expect(fleet.said()).toEqual(['opened 0', 'escalated 1']);
    fleet.acknowledge(91);
    fleet.at(92, bad(2));
    fleet.at(93, bad(2));
    expect(fleet.said().at(-1)).toBe('widened 0');
    expect(fleet.state('d1')).toBe('firing');
    fleet.at(94, []);
    expect(fleet.said().slice(3)).toEqual(['resolved 0', 'resolved 1']);
  });

  it('are not spoken of in a silence, shown all the same, and told when it ends', () => {
    const query = parseQuery('site=s1');
    if (!query.ok) throw new Error(query.detail);
    const silence: ReadySilence = {
      id: 's', rule: null, where: 'site=s1', startsAt: 0, endsAt: 10 * MINUTE, reason: 'cleaning', by: 'ada', query: query.value,
    }; // biome-ignore format: one record
    const fleet = watch(['d1', 'd2'], { silences: [silence] });
    fleet.at(0, [signal('d1', 'bad')]);
    fleet.at(1, [signal('d1', 'bad')]);
    expect(fleet.state('d1')).toBe('firing');
    fleet.at(9, [signal('d1', 'bad')]);
    expect(fleet.said()).toEqual([]);
    // One that is not silenced is in it now.
    fleet.at(9.1, [signal('d1', 'bad'), signal('d2', 'bad')]);
    fleet.at(9.2, [signal('d1', 'bad')]);
    fleet.at(10, [signal('d1', 'bad')]);
    expect(fleet.said()).toEqual(['opened 0']);
  });

  it('that people call noise must hold longer, by a bound, and less when they were real', () => {
    let factor = 1;
    for (let i = 0; i < 9; i++) factor = tune(factor, 'noise');
    expect(factor).toBe(16);
    expect(tune(tune(2, 'real'), 'real')).toBe(1);
    const fleet = watch(['d1'], { factors: new Map([[groupKey('drift', 'load'), 2]]) });
    fleet.at(0, [signal('d1', 'bad')]);
    fleet.at(14, [signal('d1', 'bad')]);
    expect(fleet.state('d1')).toBe('pending');
    fleet.at(15, [signal('d1', 'bad')]);
    expect(fleet.state('d1')).toBe('firing');
  });
});

describe('any looks', () => {
  const NEXT: Readonly<Record<AlertState | 'normal', readonly (AlertState | 'normal')[]>> = {
    normal: ['normal', 'pending', 'firing', 'acknowledged'],
    // One that joins what was acknowledged is acknowledged with it.
    pending: ['pending', 'firing', 'acknowledged', 'no_data', 'normal'],
    firing: ['firing', 'no_data', 'resolved', 'acknowledged'],
    acknowledged: ['acknowledged', 'no_data', 'resolved', 'firing'],
    no_data: ['no_data', 'pending', 'firing', 'acknowledged', 'resolved', 'normal'],
    resolved: [],
  };
  const devices = ['d1', 'd2', 'd3', 'd4'];
  const step = fc.record({
    minutes: fc.integer({ min: 1, max: 40 }),
    states: fc.array(fc.constantFrom('bad' as const, 'good' as const, 'unknown' as const, undefined), {
      minLength: 4,
      maxLength: 4,
    }),
    acknowledges: fc.boolean(),
  });

  it('keep the states in their order, one open incident for a group, and end what they opened', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const fleet = watch(devices);
        let minute = 0;
        const were = new Map<string, AlertState | 'normal'>();
        for (const { minutes, states, acknowledges } of steps) {
          minute += minutes;
          const signals = devices.flatMap((device, i) => {
            const state = states[i];
            return state ? [signal(device, state)] : [];
          });
          const done = fleet.at(minute, signals);
          const over = new Set(done.alerts.filter(({ state }) => state === 'resolved').map(({ device }) => device));
          for (const device of devices) {
            const is = over.has(device) ? 'resolved' : fleet.state(device);
            expect(NEXT[were.get(device) ?? 'normal']).toContain(is);
            were.set(device, is === 'resolved' ? 'normal' : is);
          }
          expect(fleet.book().incidents.size).toBeLessThanOrEqual(1);
          const active = [...fleet.book().alerts.values()].some(
            ({ incident, state }) => incident !== null && state !== 'pending',
          );
          expect(fleet.book().incidents.size === 1).toBe(active);
          // The same look again changes nothing and says nothing.
          const again = fleet.at(minute, signals);
          expect(again.notices.filter(({ kind }) => kind !== 'escalated')).toEqual([]);
          expect(again.alerts.concat(again.dropped).filter(({ state }) => state === 'resolved')).toEqual([]);
          if (acknowledges) fleet.acknowledge(minute);
          for (const device of devices) were.set(device, fleet.state(device));
        }
        fleet.at(minute + 1, []);
        const said = fleet.said();
        const opened = said.filter((one) => one === 'opened 0').length;
        expect(said.filter((one) => one === 'resolved 0')).toHaveLength(opened);
        expect(fleet.book()).toEqual(EMPTY_BOOK);
      }),
    );
  });

  it('do not depend on the order of signals', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(devices, { minLength: 4 }), (order) => {
        const run = (of: readonly string[]) => {
          const fleet = watch(devices);
          fleet.at(
            0,
            of.map((device) => signal(device, 'bad')),
          );
          const { alerts, incidents } = fleet.at(1, of.map((device) => signal(device, 'bad'))); // biome-ignore format: short
          return { incidents, alerts: alerts.toSorted((a: Alert, b: Alert) => (a.subject < b.subject ? -1 : 1)) };
        };
        expect(run(order)).toEqual(run(devices));
      }),
    );
  });
});
