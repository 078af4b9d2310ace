// People against a real hub over TLS: first start, sessions, CSRF, tokens, locks, and every route with every role.
import path from 'node:path';
import { type Need, ROLES } from '@drover/core/roles';
import { makeCertificate } from '@drover/testkit/certificate';
import { remove, scratch } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { addPerson, openBrowser, PASSWORD, readSetCookie } from '@drover/testkit/person';
import { keepOwnKeys } from '@drover/testkit/secure-hub';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureModel, insertVersion, type VersionRow } from '../db/models.ts';
import { openStore } from '../db/sqlite-store.ts';

const dir = scratch('people');
const { cert, key } = makeCertificate(dir);
const settings = { dev: false, tlsCertFile: cert, tlsKeyFile: key };
const logged: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
/** Every secret that this file came across: none may stand in a log line. */
const secrets = new Set<string>([PASSWORD]);

function openHub(name: string, more = {}): Promise<InsideHub> {
  const data = path.join(dir, name);
  keepOwnKeys(data);
  return openInsideHub({ ...settings, ...more }, data, log);
}

const problem = (status: number, code: string) => ({ status, json: { status, code } });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

let hub: InsideHub;
const admin = { ...openBrowser({} as InsideHub) };
beforeAll(async () => {
  hub = await openHub('main');
  Object.assign(admin, openBrowser(hub));
});
afterAll(async () => {
  await hub.end();
  remove(dir);
});

async function makeToken(name: string, roles: readonly string[]): Promise<string> {
  const made = await admin.ask('POST', '/api/v1/tokens', { name, roles });
  expect(made).toMatchObject({ status: 201, json: { item: { name, roles } } });
  const { token } = made.json as { token: string };
  secrets.add(token);
  return token;
}

describe('the first start', () => {
  it('has no token, and a setup code that makes the first admin, once', async () => {
    const code = hub.setup?.code ?? '';
    secrets.add(code);
    expect(code).toMatch(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
    expect(hub.token).toBe('');
    expect(await admin.ask('GET', '/api/v1/sign-in')).toMatchObject({ status: 200, json: { setup: true } });
    const setUp = (body: object) => admin.ask('POST', '/api/v1/setup', { code, name: 'alice', ...body });
    expect(await setUp({ code: 'AAAA-BBBB-CCCC-DDDD', password: PASSWORD })).toMatchObject(
      problem(403, 'setup_code_refused'),
    );
    expect(await setUp({ password: 'alice' })).toMatchObject(problem(422, 'password_weak'));
    const first = await setUp({ code: code.toLowerCase(), password: PASSWORD });
    expect(first).toMatchObject({ status: 201, json: { actor: 'person:alice', roles: ['admin'] } });
    expect(
      await openBrowser(hub).ask('POST', '/api/v1/setup', { code, name: 'mallory', password: PASSWORD }),
    ).toMatchObject(problem(403, 'setup_code_refused'));
    expect(await admin.ask('GET', '/api/v1/sign-in')).toMatchObject({ json: { setup: false } });
    expect(await admin.ask('GET', '/api/v1/people')).toMatchObject({ json: { items: [{ name: 'alice' }] } });
  });

  it('makes a new code at each start while nobody is admin, and the old one dies', async () => {
    const one = await openHub('codes');
    const first = one.setup?.code ?? '';
    await one.stop();
    const two = await openHub('codes');
    const second = two.setup?.code ?? '';
    expect(second).not.toBe(first);
    const person = openBrowser(two);
    expect(await person.ask('POST', '/api/v1/setup', { code: first, name: 'eve', password: PASSWORD })).toMatchObject(
      problem(403, 'setup_code_refused'),
    );
    expect(await person.ask('POST', '/api/v1/setup', { code: second, name: 'eve', password: PASSWORD })).toMatchObject({
      status: 201,
    });
    await two.stop();
    const three = await openHub('codes');
    expect(three.setup).toBeUndefined();
    await three.stop();
    // The way back in for whoever holds the machine: a new password for an admin who lost theirs.
    const four = await openHub('codes', { setupCode: true });
    const back = openBrowser(four);
    const code = four.setup?.code ?? '';
    expect(
      await back.ask('POST', '/api/v1/setup', { code, name: 'eve', password: 'another four words of hers' }),
    ).toMatchObject({ status: 201, json: { roles: ['admin'] } });
    await four.stop();
  });
});

describe('sessions', () => {
  it('are a cookie that scripts and other hosts cannot have, with a new secret at each sign-in', async () => {
    const planted = `__Host-drover_session=${'A'.repeat(43)}`;
    const browser = openBrowser(hub);
    browser.cookie = planted;
    const signed = await browser.ask('POST', '/api/v1/session', { name: 'alice', password: PASSWORD });
    expect(signed.status).toBe(201);
    const line = (signed.headers['set-cookie'] ?? [])[0] ?? '';
    expect(line).toMatch(/^__Host-drover_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    expect(browser.cookie).not.toBe(planted);
    expect(signed.text).not.toContain(browser.cookie?.split('=')[1]);
    secrets.add(browser.cookie?.split('=')[1] ?? '');
    const before = browser.cookie;
    await browser.ask('POST', '/api/v1/session', { name: 'alice', password: PASSWORD });
    expect(browser.cookie).not.toBe(before);
    // The session that the browser held before has ended with the change.
    expect(await browser.ask('GET', '/api/v1/session', undefined, { cookie: before })).toMatchObject(
      problem(401, 'session_ended'),
    );
    expect(await openBrowser(hub).ask('GET', '/api/v1/session', undefined, { cookie: planted })).toMatchObject(
      problem(401, 'session_ended'),
    );
  });

  it('are listed, ended one by one, and end with the sign-out', async () => {
    const [one, two] = [openBrowser(hub), openBrowser(hub)];
    for (const browser of [one, two])
      await browser.ask('POST', '/api/v1/session', { name: 'alice', password: PASSWORD });
    const list = (await one.ask('GET', '/api/v1/sessions')).json as { items: { id: string; isCurrent: boolean }[] };
    expect(list.items.filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
    const [other] = ((await two.ask('GET', '/api/v1/sessions')).json as typeof list).items.filter((s) => s.isCurrent);
    expect(await one.ask('DELETE', `/api/v1/sessions/${other?.id ?? ''}`)).toMatchObject({ status: 204 });
    expect(await two.ask('GET', '/api/v1/session')).toMatchObject(problem(401, 'session_ended'));
    const held = one.cookie;
    const out = await one.ask('DELETE', '/api/v1/session');
    expect([out.status, readSetCookie(out, /drover_session/)]).toEqual([204, '__Host-drover_session=']);
    expect(await one.ask('GET', '/api/v1/session', undefined, { cookie: held })).toMatchObject(
      problem(401, 'session_ended'),
    );
  });

  it('change nothing without the token of the session and a page of the hub itself', async () => {
    const add = (headers: Record<string, string | undefined>) =>
      admin.ask('POST', '/api/v1/people', { name: 'forged', roles: ['admin'] }, headers);
    const other = openBrowser(hub);
    await other.ask('POST', '/api/v1/session', { name: 'alice', password: PASSWORD });
    for (const headers of [
      { 'x-drover-csrf': undefined },
      { 'x-drover-csrf': '' },
      { 'x-drover-csrf': other.csrf },
      { 'x-drover-csrf': `${admin.csrf ?? ''}x` },
      { origin: undefined },
    ])
      expect(await add(headers)).toMatchObject(problem(403, 'csrf_refused'));
    for (const origin of ['https://evil.example', 'null', hub.httpUrl.replace('https', 'http')])
      expect(await add({ origin })).toMatchObject(problem(403, 'origin_refused'));
    // A form cannot send JSON, and the sign-in takes nothing else.
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await openBrowser(hub).ask('POST', '/api/v1/session', Buffer.from('name=alice'), form)).toMatchObject(
      problem(415, 'body_type'),
    );
    expect(await admin.ask('GET', '/api/v1/people/forged')).toMatchObject(problem(404, 'person_unknown'));
  });

  it('of a command line are bearer secrets and no cookies, and neither stands in for the other', async () => {
    const person = openBrowser(hub);
    const signed = await person.ask('POST', '/api/v1/session', { name: 'alice', password: PASSWORD, as: 'cli' });
    const { token } = signed.json as { token: string };
    secrets.add(token);
    expect([signed.status, signed.headers['set-cookie']]).toEqual([201, undefined]);
    expect(await hub.ask('GET', '/api/v1/session', undefined, bearer(token))).toMatchObject({
      json: { actor: 'person:alice' },
    });
    const cookie = `__Host-drover_session=${token}`;
    expect(await hub.ask('GET', '/api/v1/session', undefined, { authorization: undefined, cookie })).toMatchObject(
      problem(401, 'session_ended'),
    );
    const stolen = admin.cookie?.split('=')[1] ?? '';
    expect(await hub.ask('GET', '/api/v1/session', undefined, bearer(stolen))).toMatchObject(
      problem(401, 'token_refused'),
    );
    // A token that does not hold is not saved by a cookie that does.
    expect(await admin.ask('GET', '/api/v1/session', undefined, bearer('drv_wrong'))).toMatchObject(
      problem(401, 'token_refused'),
    );
  });
});

describe('people', () => {
  it('are added with a code, choose their own password, and change it with the one they have', async () => {
    const bob = openBrowser(hub);
    await addPerson(admin, 'bob', ['trainer', 'operator'], bob);
    expect(await bob.ask('GET', '/api/v1/session')).toMatchObject({ json: { roles: ['operator', 'trainer'] } });
    expect(await admin.ask('POST', '/api/v1/people', { name: 'bob', roles: ['viewer'] })).toMatchObject(
      problem(409, 'person_exists'),
    );
    const other = openBrowser(hub);
    await other.ask('POST', '/api/v1/session', { name: 'bob', password: PASSWORD });
    const change = (current: string, next: string) => bob.ask('PUT', '/api/v1/session/password', { current, next });
    expect(await change('wrong wrong wrong', 'five other words in a row')).toMatchObject(
      problem(401, 'sign_in_refused'),
    );
    expect(await change(PASSWORD, 'bob')).toMatchObject(problem(422, 'password_weak'));
    expect(await change(PASSWORD, 'five other words in a row')).toMatchObject({ status: 204 });
    expect(await bob.ask('GET', '/api/v1/session')).toMatchObject({ status: 200 });
    expect(await other.ask('GET', '/api/v1/session')).toMatchObject(problem(401, 'session_ended'));
  });

  it('lose at once what they may no longer do', async () => {
    const carl = openBrowser(hub);
    await addPerson(admin, 'carl', ['operator'], carl);
    const label = () => carl.ask('PUT', '/api/v1/devices/none/labels', {});
    expect(await label()).toMatchObject(problem(404, 'device_unknown'));
    await admin.ask('PUT', '/api/v1/people/carl/roles', { roles: ['viewer'] });
    expect(await label()).toMatchObject(problem(403, 'role_missing'));
    expect(await admin.ask('POST', '/api/v1/people/carl/disable')).toMatchObject({ json: { state: 'disabled' } });
    expect(await carl.ask('GET', '/api/v1/session')).toMatchObject(problem(401, 'session_ended'));
    const again = () => carl.ask('POST', '/api/v1/session', { name: 'carl', password: PASSWORD });
    expect(await again()).toMatchObject(problem(401, 'sign_in_refused'));
    await admin.ask('POST', '/api/v1/people/carl/enable');
    expect(await again()).toMatchObject({ status: 201 });
    const reset = await admin.ask('POST', '/api/v1/people/carl/reset');
    expect(await carl.ask('GET', '/api/v1/session')).toMatchObject(problem(401, 'session_ended'));
    expect(await again()).toMatchObject(problem(401, 'sign_in_refused'));
    const { code } = reset.json as { code: string };
    secrets.add(code);
    expect(await carl.ask('POST', '/api/v1/setup', { code, name: 'bob', password: PASSWORD })).toMatchObject(
      problem(403, 'setup_code_refused'),
    );
    expect(await carl.ask('POST', '/api/v1/setup', { code, password: PASSWORD })).toMatchObject({ status: 201 });
    expect(await admin.ask('DELETE', '/api/v1/people/carl')).toMatchObject({ status: 204 });
    expect(await carl.ask('GET', '/api/v1/session')).toMatchObject(problem(401, 'session_ended'));
  });

  it('always hold one admin', async () => {
    for (const [method, route, body] of [
      ['DELETE', '/api/v1/people/alice', undefined],
      ['POST', '/api/v1/people/alice/disable', undefined],
      ['PUT', '/api/v1/people/alice/roles', { roles: ['operator'] }],
    ] as const)
      expect(await admin.ask(method, route, body)).toMatchObject(problem(409, 'last_admin'));
    expect(await admin.ask('PUT', '/api/v1/people/alice/roles', { roles: ['admin', 'viewer'] })).toMatchObject({
      json: { roles: ['viewer', 'admin'] },
    });
  });
});

describe('API tokens', () => {
  it('hold until they are revoked, and a name can be given again', async () => {
    const token = await makeToken('ci', ['trainer']);
    const who = (secret: string) => hub.ask('GET', '/api/v1/session', undefined, bearer(secret));
    expect(await who(token)).toMatchObject({ json: { actor: 'token:ci', person: null, roles: ['trainer'] } });
    expect(await admin.ask('POST', '/api/v1/tokens', { name: 'ci', roles: ['admin'] })).toMatchObject(
      problem(409, 'api_token_exists'),
    );
    expect((await admin.ask('GET', '/api/v1/tokens')).text).not.toContain(token);
    expect(await admin.ask('DELETE', '/api/v1/tokens/ci')).toMatchObject({ status: 204 });
    expect(await who(token)).toMatchObject(problem(401, 'token_refused'));
    expect(await admin.ask('DELETE', '/api/v1/tokens/ci')).toMatchObject(problem(404, 'api_token_unknown'));
    expect(await who(await makeToken('ci', ['viewer']))).toMatchObject({ json: { roles: ['viewer'] } });
  });

  it('stand in the audit rows of what they did', async () => {
    const token = await makeToken('joiner', ['operator']);
    const claim = await hub.ask('POST', '/api/v1/claims', { id: 'd-by-token' }, bearer(token));
    expect(claim.status).toBe(201);
  });
});

/** Public on purpose, each with a reason in its file; a route that is new here must be meant. */
const PUBLIC = [
  'GET /api/v1/sign-in',
  'GET /health/live',
  'GET /health/ready',
  'POST /api/v1/session',
  'POST /api/v1/setup',
  'GET /api/v1/oidc/start',
  'GET /api/v1/oidc/callback',
  'POST /api/v1/oidc/confirm',
  'POST /api/v1/oidc/cli',
  'POST /api/v1/oidc/cli/poll',
];
/** What people may change about themselves. */
const OWN = ['DELETE /api/v1/session', 'DELETE /api/v1/sessions/:id', 'PUT /api/v1/session/password'];
const ADMINS = /^\/api\/v1\/(people|tokens|keys|settings)(\/|$)/;

describe('every route', () => {
  it('states a need that fits what it does', () => {
    expect(hub.routes.length).toBeGreaterThan(40);
    for (const { method, url, needs } of hub.routes) {
      const name = `${method === 'HEAD' ? 'GET' : method} ${url}`;
      expect([name, needs === 'public']).toEqual([name, PUBLIC.includes(name)]);
      if (ADMINS.test(url)) expect([name, needs]).toEqual([name, 'admin']);
      const isReading = method === 'GET' || method === 'HEAD';
      if (needs === 'viewer') expect([name, isReading || OWN.includes(name)]).toEqual([name, true]);
    }
  });

  it.each([
    ['POST', '/api/v1/devices', 'operator'],
    ['DELETE', '/api/v1/devices/:id', 'operator'],
    ['POST', '/api/v1/rollouts', 'operator'],
    ['POST', '/api/v1/rollouts/:id/abort', 'operator'],
    ['POST', '/api/v1/labels', 'operator'],
    ['GET', '/api/v1/samples', 'trainer'],
    ['POST', '/api/v1/runs', 'trainer'],
    ['POST', '/api/v1/blobs', 'trainer'],
    ['POST', '/api/v1/models/:model/versions', 'trainer'],
    ['PUT', '/api/v1/models/:model/aliases/:alias', 'trainer'],
    ['GET', '/metrics', 'viewer'],
    ['GET', '/api/v1/openapi.json', 'viewer'],
    ['POST', '/api/v1/people', 'admin'],
  ] as const)('%s %s needs %s', (method, url, needs) => {
    expect(hub.routes).toContainEqual({ method, url, needs });
  });

  it('gives each role exactly what it should, and nothing to nobody', async () => {
    const tokens = new Map<string, string>();
    for (const role of ROLES) tokens.set(role, await makeToken(`only-${role}`, [role]));
    const may = (role: string, need: Need): boolean =>
      role === 'admin' || need === 'public' || need === 'viewer' || role === need;
    let asked = 0;
    for (const { method, url, needs } of hub.routes) {
      const route = url.replaceAll(/:[a-zA-Z0-9]+/g, 'zzz').replaceAll('*', 'zzz');
      for (const [role, token] of tokens) {
        // Nothing that is asked for exists, and no body fits: what passes the gate fails behind it.
        const { status, json } = await hub.ask(method, route, undefined, bearer(token));
        const isRefused = status === 403 && (json === undefined || (json as { code: string }).code === 'role_missing');
        expect([role, method, url, isRefused]).toEqual([role, method, url, !may(role, needs)]);
        expect([role, method, url, status === 401 && needs !== 'public']).toEqual([role, method, url, false]);
        asked++;
      }
    }
    expect(asked).toBe(hub.routes.length * ROLES.length);
  }, 120_000);

  it('shows what it needs in the description of the API', async () => {
    const { json } = await admin.ask('GET', '/api/v1/openapi.json');
    const { paths } = json as { paths: Record<string, Record<string, Record<string, unknown>>> };
    expect(paths['/api/v1/runs']?.['post']).toMatchObject({
      'x-needs': 'trainer',
      description: 'Needs the role trainer or admin.',
    });
    expect(paths['/api/v1/session']?.['post']).toMatchObject({ 'x-needs': 'public', security: [] });
  });
});

describe('the bytes of a confidential model', () => {
  it('are read by trainers and admins, whatever else they may be called', async () => {
    const [viewer, trainer] = [await makeToken('looks', ['operator']), await makeToken('trains', ['trainer'])];
    const upload = async (text: string) =>
      ((await hub.ask('POST', '/api/v1/blobs', Buffer.from(text), bearer(trainer))).json as { sha256: string }).sha256;
    const [open, secret] = [await upload('weights for all'), await upload('weights for few')];
    const read = async (sha256: string, token: string) =>
      (await hub.ask('GET', `/api/v1/blobs/${sha256}`, undefined, bearer(token))).status;
    // As registering does it; the keys of a publisher are not here.
    const rows = openStore(hub.data.database, Date.now());
    if (!rows.ok) throw new Error(rows.detail);
    for (const [model, sha256] of [
      ['open', open],
      ['secret', secret],
    ] as const) {
      const row: VersionRow = {
        model, version: 1, manifest: sha256, envelope: new Uint8Array(1), source: 'uploaded', sizeBytes: 1, run: null,
        documentJson: JSON.stringify({ blobs: { model: { sha256, size: 1 } } }), metricsJson: '{}', createdAt: 1,
      }; // biome-ignore format: one record
      await rows.value.commit([ensureModel({ name: model, project: 'default', createdAt: 1 }), insertVersion(row)]);
    }
    await rows.value.close();
    expect(await read(secret, viewer)).toBe(200);
    const mark = { confidential: true };
    expect((await hub.ask('PUT', '/api/v1/models/secret/confidential', mark, bearer(trainer))).status).toBe(200);
    expect([await read(open, viewer), await read(secret, viewer), await read(secret, trainer)]).toEqual([
      200, 403, 200,
    ]);
  });
});

describe('the door', () => {
  it('never opens for, and never breaks on, an Authorization header that was made up', async () => {
    const header = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.string({ maxLength: 60 }).map((text) => `Bearer ${text}`),
      fc.base64String({ minLength: 44, maxLength: 44 }).map((text) => `Bearer drv_${text.slice(0, 43)}`),
      fc.constantFrom('Bearer', 'bearer drs_', 'Basic YTpi', 'Bearer drv_', 'Bearer null', 'Bearer undefined'),
    );
    await fc.assert(
      fc.asyncProperty(header, async (text) => {
        // What node:http would not even send is no header.
        const authorization = text.replaceAll(/[^\x20-\x7e]/g, '?');
        const reply = await hub.ask('GET', '/api/v1/status', undefined, { authorization });
        expect([401, 429]).toContain(reply.status);
      }),
      { numRuns: 80 },
    );
  });

  it('counts failures by address, and a secret that holds still passes', async () => {
    const own = await openHub('failures', { setupCode: true });
    const wrong = () => own.ask('GET', '/api/v1/status', undefined, bearer('drv_x'));
    const statuses = new Set<number>();
    for (let i = 0; i < 70; i++) statuses.add((await wrong()).status);
    expect(statuses).toEqual(new Set([401, 429]));
    expect(Number((await wrong()).headers['retry-after'])).toBeGreaterThan(0);
    const person = openBrowser(own);
    expect(
      await person.ask('POST', '/api/v1/setup', { code: own.setup?.code, name: 'a', password: PASSWORD }),
    ).toMatchObject({ status: 201 });
    expect(await person.ask('GET', '/api/v1/status')).toMatchObject({ status: 200 });
    await own.stop();
  });

  it('takes only so many guesses of a setup code and of a password', async () => {
    const own = await openHub('guesses');
    const guess = () =>
      openBrowser(own).ask('POST', '/api/v1/setup', { code: 'AAAA-AAAA-AAAA-AAAA', name: 'm', password: PASSWORD });
    const codes: unknown[] = [];
    for (let i = 0; i < 11; i++) codes.push(((await guess()).json as { code: string }).code);
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'setup_code_refused'));
    expect(codes[10]).toBe('rate_limited');
    const tries: string[] = [];
    for (let i = 0; i < 8; i++) {
      const tried = await openBrowser(own).ask('POST', '/api/v1/session', { name: 'nobody', password: 'x' });
      tries.push((tried.json as { code: string }).code);
      if (i === 7) expect(Number(tried.headers['retry-after'])).toBeGreaterThan(1);
    }
    // Nobody has that name: it is locked like one that somebody has.
    expect(tries.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'sign_in_refused'));
    expect(tries.slice(5)).toEqual(Array.from({ length: 3 }, () => 'sign_in_locked'));
    await own.stop();
  });

  it('lets an admin lift a lock', async () => {
    const own = await openHub('locks');
    const root = openBrowser(own);
    await root.ask('POST', '/api/v1/setup', { code: own.setup?.code, name: 'root', password: PASSWORD });
    await root.ask('POST', '/api/v1/people', { name: 'dora', roles: ['viewer'] });
    const sign = (password: string) => openBrowser(own).ask('POST', '/api/v1/session', { name: 'dora', password });
    for (let i = 0; i < 5; i++) expect(await sign('x')).toMatchObject(problem(401, 'sign_in_refused'));
    expect(await sign('x')).toMatchObject(problem(429, 'sign_in_locked'));
    const shown = await root.ask('GET', '/api/v1/people/dora');
    expect((shown.json as { lockedUntil: unknown }).lockedUntil).not.toBeNull();
    expect(await root.ask('POST', '/api/v1/people/dora/unlock')).toMatchObject({ json: { lockedUntil: null } });
    expect(await sign('x')).toMatchObject(problem(401, 'sign_in_refused'));
    await own.stop();
  });
});

describe('the log', () => {
  it('holds none of the secrets that came by', () => {
    expect(logged.length).toBeGreaterThan(100);
    const text = logged.join('');
    expect(secrets.size).toBeGreaterThan(8);
    for (const secret of secrets) if (secret !== '') expect(text.includes(secret)).toBe(false);
  });
});
