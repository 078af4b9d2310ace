import { makeKey } from '@drover/trust/dsse';
import { buildRoot, buildSnapshot, buildTargets, buildTimestamp, type KeySet } from '@drover/trust/tuf/build';
import { type AnySigned, type Metadata, signMetadata } from '@drover/trust/tuf/metadata';
import { proposeChanges } from '@drover/trust/tuf/propose';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeDue, planRenewal, WARN_MS } from './plan.ts';
import { listLive, type ReleaseState } from './state.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');
const DAY = 86_400_000;
const online = makeKey().signer;
const offline = makeKey().signer;
const acme = makeKey().signer;
const setOf = (one: typeof online): KeySet => ({ keys: [one.publicKey], threshold: 1 });

async function sign<T extends AnySigned>(signed: T, by: typeof online): Promise<Metadata<T>> {
  const made = await signMetadata(signed, [by]);
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}

let state: ReleaseState;
beforeAll(async () => {
  const root = buildRoot(
    { root: setOf(offline), targets: setOf(offline), online: setOf(online), director: setOf(online) },
    1,
    NOW,
  );
  const teams = new Map([['hub', setOf(online)], ['acme', setOf(acme)]]); // biome-ignore format: two teams
  const roles = new Map<string, ReleaseState['targets']>();
  for (const [team, by] of [
    ['hub', online],
    ['acme', acme],
  ] as const) {
    const order = {
      team,
      keys: setOf(by),
      held: { team: undefined, models: new Map() },
      now: NOW,
    };
    const proposed = proposeChanges(order, new Map([['wear', {}]]));
    if (!proposed.ok) throw new Error(proposed.detail);
    for (const { role, signed } of proposed.value) roles.set(role, await sign(signed, by));
  }
  const snapshot = await sign(buildSnapshot(new Map([['targets', 1]]), 1, NOW), online);
  state = {
    revision: 1,
    root: await sign(root, offline),
    targets: await sign(buildTargets(teams, { version: 1, now: NOW }), offline),
    roles,
    snapshot,
    timestamp: await sign(buildTimestamp(snapshot, 1, NOW), online),
  };
});

const isHeld = ({ keys }: KeySet): boolean => keys.some((key) => Buffer.from(key).equals(online.publicKey));
const plan = (days: number) => planRenewal(state, isHeld, NOW + days * DAY);

describe('the clock', () => {
  it('asks for nothing on the first day but the timestamp after half of it', () => {
    expect(plan(0)).toEqual({ renew: [], isSnapshotDue: false, isTimestampDue: false, runningOut: [] });
    expect(plan(0.6)).toMatchObject({ isTimestampDue: true, isSnapshotDue: false, renew: [] });
    expect(plan(4)).toMatchObject({ isSnapshotDue: true });
  });

  it('renews only what keys of this hub sign, long before it ends, and warns of the rest', () => {
    expect(plan(46).renew).toEqual(['hub', 'hub~wear']);
    expect(plan(46).runningOut).toEqual([]);
    expect(plan(70).runningOut.map(({ role }) => role)).toEqual(['acme', 'acme~wear']);
    expect(plan(310).runningOut.map(({ role }) => role)).toEqual(expect.arrayContaining(['root', 'targets']));
  });

  it('never lets a role that it can sign come to its end between two looks, at any time', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 400, noNaN: true }), (days) => {
        const { renew, isTimestampDue, runningOut } = plan(days);
        const left = (expires: string): number => Date.parse(expires) - (NOW + days * DAY);
        for (const { role, metadata, keys } of listLive(state)) {
          if (left(metadata.signed.expires) < DAY) {
            const isOwn = isHeld(keys);
            expect(renew.includes(role)).toBe(isOwn);
            expect(runningOut.some((due) => due.role === role)).toBe(!isOwn);
          }
        }
        if (state.timestamp && left(state.timestamp.signed.expires) < DAY / 4) expect(isTimestampDue).toBe(true);
      }),
    );
  });

  it('signs freshness anew when the clock was ahead and is set right', () => {
    expect(plan(-1)).toMatchObject({ isTimestampDue: true, isSnapshotDue: true });
    expect(plan(-0.5 / 24)).toMatchObject({ isTimestampDue: false, isSnapshotDue: false });
  });

  it('reaches nothing of a team whose keys "targets" does not name any more', () => {
    const teams = new Map([['hub', setOf(online)]]);
    const targets = { ...state.targets, signed: buildTargets(teams, { version: 2, now: NOW }) };
    expect(listLive({ ...state, targets }).map(({ role }) => role)).toEqual(['hub', 'hub~wear']);
  });

  it('says what to do, and when', () => {
    const due = { role: 'acme~wear', expiresAt: NOW + 3 * DAY };
    expect(describeDue(due, NOW)).toMatch(/"acme~wear" expires in 3 day\(s\); drover keys renew acme --key/);
    expect(describeDue(due, NOW + 5 * DAY)).toMatch(/expired 2 day\(s\) ago: devices install nothing by it/);
    expect(describeDue({ role: 'root', expiresAt: NOW }, NOW)).toContain('drover keys renew root --dir DIR');
    expect(WARN_MS.root).toBeGreaterThan(30 * DAY);
  });
});
