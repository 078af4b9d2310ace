// Joining on a real database with a clock of the test's own: what ends when, and what happens between asking and approving.
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { makeCsr } from '@drover/trust/pki/csr';
import { makeP256 } from '@drover/trust/pki/p256';
import type { EnrolRequest } from '@drover/wire/http/enrolment';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { listAudit } from '../db/audit.ts';
import { readIdentity } from '../db/identities.ts';
import { openStore } from '../db/sqlite-store.ts';
import { approveEnrolment, type EnrolDeps, enrolDevice } from './enrol.ts';
import { openHubAuthority } from './hub-authority.ts';
import { addFactoryCa, endToken, makeBatchToken, makeClaim, preauthorize, removeFactoryCa } from './vouchers.ts';

const dir = scratch('enrol-unit');
afterAll(() => remove(dir));
let files = 0;
let ids = 0;
let now = 0;
let deps: EnrolDeps;
const warned: string[] = [];

beforeEach(async () => {
  now = Date.UTC(2026, 0, 1);
  warned.length = 0;
  const opened = openStore(path.join(dir, `${files++}.db`), now);
  const authority = await openHubAuthority(dir, 'a'.repeat(32), undefined);
  if (!opened.ok || !authority.ok) throw new Error('no database or no CA');
  deps = {
    store: opened.value,
    authority: authority.value.authority,
    now: () => now,
    newId: () => String(ids++).padStart(32, '0'),
    certDays: 30,
    endSession: () => undefined,
    warn: (_, message) => void warned.push(message),
  };
});

async function ask(door: EnrolRequest['door'], more: Partial<EnrolRequest> = {}) {
  const csr = Buffer.from(await makeCsr(makeP256(), 'test')).toString('base64');
  return enrolDevice(deps, { csr, door, ...more }, '10.0.0.1');
}
async function claimCode(wish: Parameters<typeof makeClaim>[1] = {}): Promise<string> {
  const made = await makeClaim(deps, wish, 'local');
  if (!made.ok) throw new Error(made.code);
  return made.value.code;
}
async function batchToken(uses = 9): Promise<string> {
  const made = await makeBatchToken(deps, { uses }, 'local');
  if (!made.ok) throw new Error(made.code);
  return made.value.token;
}
const must = <T>(done: { ok: true; value: T } | { ok: false; code: string }): T => {
  if (!done.ok) throw new Error(done.code);
  return done.value;
};

describe('a voucher', () => {
  it('of any kind ends at its time, and a claim a moment before it does not', async () => {
    const [late, inTime, token] = [
      await claimCode({ ttlSeconds: 60 }),
      await claimCode({ ttlSeconds: 60 }),
      await batchToken(),
    ];
    now += 60_000 - 1;
    expect(await ask({ kind: 'claim', code: inTime })).toMatchObject({ ok: true, value: { state: 'issued' } });
    now += 1;
    expect(await ask({ kind: 'claim', code: late })).toMatchObject({ code: 'claim_expired' });
    now += 7 * 86_400_000;
    expect(await ask({ kind: 'batch', token })).toMatchObject({ code: 'claim_expired' });
  });

  it('of a batch is never used more often than it is for, however many come at once', async () => {
    const door = { kind: 'batch', token: await batchToken(2) } as const;
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask(door)));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(2);
  });

  it('that is made, ended or taken away leaves a row that says what was before and after', async () => {
    const made = must(await makeBatchToken(deps, { uses: 3, labels: { site: 'north' } }, 'person:ann'));
    await endToken(deps, made.id, 'person:bob');
    await claimCode({ id: 'press-1' });
    await preauthorize(deps, { hardware: 'SN1', keyFingerprint: 'a'.repeat(64) }, 'person:ann');
    await preauthorize(deps, { hardware: 'SN1', keyFingerprint: 'a'.repeat(64), id: 'press-2' }, 'person:ann');
    const ca = { name: 'maker', certificate: deps.authority.pem };
    const { fingerprint } = must(await addFactoryCa(deps, ca, 'person:ann'));
    await removeFactoryCa(deps, fingerprint, 'person:bob');
    const rows = await listAudit(deps.store, { limit: 20 });
    const details = new Map(rows.map(({ action, detailJson }) => [action, JSON.parse(detailJson)]));
    const until = new Date(now + 7 * 86_400_000).toISOString();
    expect(details.get('device.batch_token_end')).toEqual({
      before: { labels: { site: 'north' }, uses: 3, used: 0, expiresAt: until },
      after: { expiresAt: new Date(now).toISOString() },
    });
    expect(details.get('device.factory_ca_remove')).toEqual({ before: { name: 'maker', labels: {} }, after: null });
    for (const action of ['device.claim', 'device.batch_token', 'device.factory_ca', 'device.preauthorize'])
      expect([action, Object.keys(details.get(action))]).toEqual([action, ['before', 'after']]);
  });
});

describe('approving', () => {
  it('does not give an id to a second key that began to wait while the id was free', async () => {
    const door = { kind: 'batch', token: await batchToken() } as const;
    const [one, two] = [must(await ask(door, { id: 'press-1' })), must(await ask(door, { id: 'press-1' }))];
    expect([one.why, two.why]).toEqual(['approval', 'approval']);
    must(await approveEnrolment(deps, one.id, 'person:ann'));
    expect(await approveEnrolment(deps, two.id, 'person:ann')).toMatchObject({ code: 'enrolment_changed' });
    expect(warned).toHaveLength(1);
    expect((await readIdentity(deps.store, 'press-1'))?.keyHash).toBe(one.keyHash);
    // A person who saw that it looks like a copy may still mean it.
    must(await approveEnrolment(deps, two.id, 'person:ann'));
    expect((await readIdentity(deps.store, 'press-1'))?.keyHash).toBe(two.keyHash);
  });

  it('does not take hardware away from a device that came meanwhile', async () => {
    const door = { kind: 'batch', token: await batchToken() } as const;
    const more = { hardware: 'SN-7' };
    const [one, two] = [must(await ask(door, more)), must(await ask(door, more))];
    must(await approveEnrolment(deps, one.id, 'person:ann'));
    expect(await approveEnrolment(deps, two.id, 'person:ann')).toMatchObject({ code: 'enrolment_changed' });
    expect((await readIdentity(deps.store, one.device))?.hardware).toBe('SN-7');
  });
});
