// People's decisions on a real database with a clock of the test's own: what ends when, what locks whom, what is written.
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { findAuditBreak, listAudit } from '../db/audit.ts';
import { countAdmins, listPeople, readPerson } from '../db/people.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { addPerson, removePerson, resetPerson, setPersonRoles, setPersonState, unlockPerson } from './accounts.ts';
import { createApiToken } from './api-tokens.ts';
import { openFailureLog } from './failure-log.ts';
import { type IdentifyDeps, identify } from './identify.ts';
import { openHasher } from './password-hash.ts';
import type { Credentials } from './principal.ts';
import { openSetup, redeemCode } from './setup.ts';
import { type SignInDeps, signIn } from './sign-in.ts';

const dir = scratch('people-unit');
afterAll(() => remove(dir));
const hasher = openHasher({ running: 2, waiting: 64 });
const PASSWORD = 'four words nobody joins';
const HOUR = 3600_000;
const HOME = { address: '10.0.0.1', client: 'test' };
const AWAY = { address: '203.0.113.9', client: 'test' };

let files = 0;
let ids = 0;
let now = 0;
let store: Store;
let deps: SignInDeps & IdentifyDeps;

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  const opened = openStore(path.join(dir, `${files++}.db`), now);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  deps = {
    store,
    hasher,
    now: () => now,
    newId: () => String(ids++).padStart(32, '0'),
    sessions: { idleMs: HOUR, absoluteMs: 12 * HOUR },
    failures: openFailureLog({ store, now: () => now }),
    localToken: undefined,
  };
});

async function makePerson(name: string, roles: Parameters<typeof addPerson>[1]['roles'] = ['viewer']) {
  const added = await addPerson(deps, { name, roles }, 'local');
  if (!added.ok) throw new Error(added.code);
  const opened = await redeemCode(
    deps,
    { code: added.value.code.code, name: undefined, password: PASSWORD, kind: 'cli' },
    HOME,
  );
  if (!opened.ok) throw new Error(opened.code);
  return opened.value.session.secret;
}

const show = (secret: string, more: Partial<Credentials> = {}) =>
  identify(deps, {
    authorization: `Bearer ${secret}`,
    cookie: undefined,
    csrf: undefined,
    isSameOrigin: false,
    method: 'GET',
    ...more,
  });
const showCookie = (cookie: string) => show('', { authorization: undefined, cookie });
const sign = (name: string, password: string, visitor = HOME, kind: 'browser' | 'cli' = 'browser') =>
  signIn(deps, { name, password, kind, heldSecret: undefined }, visitor);
async function mustSign(name: string, visitor = HOME): Promise<string> {
  const opened = await sign(name, PASSWORD, visitor);
  if (!opened.ok) throw new Error(opened.code);
  return opened.value.session.secret;
}

describe('a session', () => {
  it('ends when it was not used for an hour, and after twelve in any case', async () => {
    await makePerson('ann');
    const secret = await mustSign('ann');
    for (let hours = 0; hours < 11; hours++) {
      now += HOUR - 1;
      expect(await showCookie(secret)).toMatchObject({ ok: true });
    }
    now += HOUR;
    expect(await showCookie(secret)).toMatchObject({ code: 'session_ended' });
    const idle = await mustSign('ann');
    now += HOUR;
    expect(await showCookie(idle)).toMatchObject({ code: 'session_ended' });
  });

  it('of one person are so many at most, and the oldest end', async () => {
    await makePerson('ann');
    const secrets: string[] = [];
    for (let i = 0; i < 34; i++) {
      now += 1000;
      secrets.push(await mustSign('ann'));
    }
    expect(await showCookie(secrets[0] ?? '')).toMatchObject({ code: 'session_ended' });
    expect(await showCookie(secrets.at(-1) ?? '')).toMatchObject({ ok: true });
  }, 30_000);
});

describe('a sign-in', () => {
  it('opens nothing when the password is taken away, or the account closed, while it is checked', async () => {
    await makePerson('ann', ['admin']);
    await makePerson('bob');
    for (const shut of [
      () => resetPerson(deps, 'bob', 'person:ann'),
      () => setPersonState(deps, 'bob', 'disabled', 'person:ann'),
    ]) {
      const slow = {
        ...deps,
        hasher: {
          ...hasher,
          async verify(...given: Parameters<typeof hasher.verify>) {
            const verdict = await hasher.verify(...given);
            expect((await shut()).ok).toBe(true);
            return verdict;
          },
        },
      };
      const attempt = { name: 'bob', password: PASSWORD, kind: 'cli', heldSecret: undefined } as const;
      expect(await signIn(slow, attempt, HOME)).toMatchObject({ code: 'write_conflict' });
      await removePerson(deps, 'bob', 'person:ann');
      await makePerson('bob');
    }
  });
});

describe('an API token', () => {
  it('expires, says so, and gives its name away then', async () => {
    const ask = { name: 'ci', roles: ['trainer' as const], days: 7 };
    const made = await createApiToken(deps, ask, 'person:ann');
    if (!made.ok) throw new Error(made.code);
    now += 7 * 24 * HOUR - 1;
    expect(await show(made.value.secret)).toMatchObject({ ok: true, value: { actor: 'token:ci', roles: ['trainer'] } });
    now += 1;
    expect(await show(made.value.secret)).toMatchObject({ code: 'token_expired' });
    expect(await createApiToken(deps, ask, 'person:ann')).toMatchObject({ ok: true });
  });
});

describe('the tokens of somebody who is shut out', () => {
  it.each(['disabled', 'removed'])('end with them when they are %s, and so do those made with them', async (how) => {
    await makePerson('ann', ['admin']);
    await makePerson('bob', ['admin']);
    const make = async (name: string, actor: string): Promise<string> => {
      const made = await createApiToken(deps, { name, roles: ['admin'], days: 30 }, actor);
      if (!made.ok) throw new Error(made.code);
      return made.value.secret;
    };
    const [own, kept, other] = [
      await make('own', 'person:bob'),
      await make('kept', 'token:own'),
      await make('other', 'person:ann'),
    ];
    const done =
      how === 'disabled'
        ? await setPersonState(deps, 'bob', 'disabled', 'person:ann')
        : await removePerson(deps, 'bob', 'person:ann');
    expect(done.ok).toBe(true);
    expect([await show(own), await show(kept)]).toMatchObject([{ code: 'token_refused' }, { code: 'token_refused' }]);
    expect(await show(other)).toMatchObject({ ok: true });
    const rows = await listAudit(store, { limit: 100 });
    const row = rows.find(({ action }) => action === 'person.disable' || action === 'person.remove');
    expect(JSON.stringify(row)).toContain('kept');
  });
});

describe('a setup code', () => {
  it('lasts a day for an admin and a week for others', async () => {
    const code = await openSetup(deps, false);
    const redeem = (text: string, name?: string) =>
      redeemCode(deps, { code: text, name, password: PASSWORD, kind: 'cli' }, HOME);
    now += 24 * HOUR;
    expect(await redeem(code?.code ?? '', 'ann')).toMatchObject({ code: 'setup_code_refused' });
    const added = await addPerson(deps, { name: 'bob', roles: ['viewer'] }, 'local');
    now += 7 * 24 * HOUR;
    expect(await redeem(added.ok ? added.value.code.code : '')).toMatchObject({ code: 'setup_code_refused' });
  });

  it('is used once, also when two use it at the same moment', async () => {
    const code = await openSetup(deps, false);
    const redeem = (name: string) =>
      redeemCode(deps, { code: code?.code ?? '', name, password: PASSWORD, kind: 'cli' }, HOME);
    const both = await Promise.all([redeem('ann'), redeem('bob')]);
    expect(both.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await countAdmins(store)).toBe(1);
  });

  it('does not count an admin who has not chosen a password', async () => {
    await addPerson(deps, { name: 'ann', roles: ['admin'] }, 'local');
    expect(await openSetup(deps, false)).toBeDefined();
  });
});

describe('the last admin', () => {
  it('stays, whatever two do at the same moment', async () => {
    await makePerson('ann', ['admin']);
    await makePerson('bob', ['admin']);
    const both = await Promise.all([
      removePerson(deps, 'ann', 'person:bob'),
      setPersonState(deps, 'bob', 'disabled', 'person:ann'),
    ]);
    expect(both.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await countAdmins(store)).toBe(1);
    const [left] = await listPeople(store, { limit: 1 });
    expect(await setPersonRoles(deps, left?.name ?? '', ['viewer'], 'local')).toMatchObject({ code: 'last_admin' });
  });
});

describe('failed sign-ins', () => {
  it('lock a name from where nobody knows them, and not from where the person usually is', async () => {
    await makePerson('ann', ['admin']);
    for (let i = 0; i < 5; i++) expect(await sign('ann', 'wrong', AWAY)).toMatchObject({ code: 'sign_in_refused' });
    expect(await sign('ann', PASSWORD, AWAY)).toMatchObject({ code: 'sign_in_locked', retryAfterS: 30 });
    expect(await sign('ann', PASSWORD, HOME)).toMatchObject({ ok: true });
    // From home a lock of its own counts.
    for (let i = 0; i < 5; i++) expect(await sign('ann', 'wrong', HOME)).toMatchObject({ code: 'sign_in_refused' });
    expect(await sign('ann', PASSWORD, HOME)).toMatchObject({ code: 'sign_in_locked' });
    expect(await unlockPerson(deps, 'ann', 'local')).toMatchObject({ ok: true });
    expect(await sign('ann', PASSWORD, HOME)).toMatchObject({ ok: true });
    expect(await sign('ann', PASSWORD, AWAY)).toMatchObject({ ok: true });
  });

  it('cannot lock out an admin for good: a try after the wait is always taken', async () => {
    await makePerson('ann', ['admin']);
    for (let round = 0; round < 20; round++) {
      const tried = await sign('ann', 'wrong', AWAY);
      if (!tried.ok && tried.code === 'sign_in_locked') now += 15 * 60_000;
    }
    now += 15 * 60_000;
    expect(await sign('ann', PASSWORD, AWAY)).toMatchObject({ ok: true });
  });

  it('that come all at once are not more guesses than one after the other', async () => {
    await makePerson('ann');
    const all = await Promise.all(Array.from({ length: 20 }, () => sign('ann', 'wrong', AWAY)));
    const wrong = all.filter((one) => !one.ok && one.code === 'sign_in_refused');
    expect(wrong.length).toBeLessThanOrEqual(6);
    expect(await sign('ann', PASSWORD, AWAY)).toMatchObject({ code: 'sign_in_locked' });
  });

  it('work as long for a name that nobody has, and answer the same', async () => {
    await makePerson('ann');
    await setPersonState(deps, 'ann', 'disabled', 'local');
    let hashed = 0;
    const counting = {
      ...deps,
      hasher: { ...hasher, verify: (...args: Parameters<typeof hasher.verify>) => (hashed++, hasher.verify(...args)) },
    };
    const answers = [];
    for (const name of ['ann', 'nobody'])
      for (let i = 0; i < 6; i++)
        answers.push(await signIn(counting, { name, password: PASSWORD, kind: 'cli', heldSecret: undefined }, AWAY));
    expect(hashed).toBe(10);
    expect(answers.slice(0, 6)).toEqual(answers.slice(6));
  });

  it('are written down, bounded, and never with a name that nobody has', async () => {
    await makePerson('ann');
    for (let i = 0; i < 3; i++) await sign(`my-password-${i}`, 'x', AWAY);
    const guess = { person: undefined, address: AWAY.address, count: 1, lockedUntil: 0 };
    for (let i = 0; i < 297; i++) await deps.failures.commit([], guess);
    for (let i = 0; i < 5; i++) await sign('ann', 'wrong', AWAY);
    now += HOUR;
    await sign('ann', 'wrong', AWAY);
    const rows = await listAudit(store, { limit: 1000 });
    const failed = rows.filter(({ action }) => action === 'session.refused');
    expect(failed.length).toBeLessThanOrEqual(121);
    expect(failed.some(({ detailJson }) => detailJson.includes('my-password'))).toBe(false);
    expect(failed.some(({ subject }) => subject.includes('my-password'))).toBe(false);
    expect(failed.at(-1)).toMatchObject({ subject: 'ann', actor: 'anonymous' });
    expect(JSON.parse(failed.at(-1)?.detailJson ?? '')).toMatchObject({ unwritten: 185, failures: 6 });
  });
});

describe('the audit log', () => {
  it('says who changed what, from what to what, and holds no secret', async () => {
    const secret = await makePerson('ann', ['admin']);
    await setPersonRoles(deps, 'ann', ['admin', 'trainer'], 'person:bob');
    const made = await createApiToken(deps, { name: 'ci', roles: ['viewer'], days: 1 }, 'person:ann');
    const rows = await listAudit(store, { limit: 100 });
    expect(findAuditBreak(rows)).toBeUndefined();
    expect(rows.map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
      ['local', 'person.add', 'ann'],
      ['person:ann', 'person.password', 'ann'],
      ['person:bob', 'person.roles', 'ann'],
      ['person:ann', 'token.create', 'ci'],
    ]);
    expect(JSON.parse(rows[2]?.detailJson ?? '')).toEqual({
      before: { roles: ['admin'] },
      after: { roles: ['trainer', 'admin'] },
    });
    const text = JSON.stringify(rows);
    const hash = (await readPerson(store, 'ann'))?.passwordHash ?? 'none';
    for (const one of [secret, made.ok ? made.value.secret : 'none', PASSWORD, hash]) expect(text).not.toContain(one);
  });
});
