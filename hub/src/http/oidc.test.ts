// Signing in at another service: a real hub with openid-client against a provider on loopback, by browser and command line.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub, type Reply } from '@drover/testkit/inside-hub';
import { type OidcProvider, startOidcProvider } from '@drover/testkit/oidc-provider';
import { type Browser, openBrowser, readSetCookie } from '@drover/testkit/person';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const dir = scratch('oidc');
const logged: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
let provider: OidcProvider;
let hub: InsideHub;

beforeAll(async () => {
  provider = await startOidcProvider();
  const secretFile = path.join(dir, 'client-secret');
  writeFileSync(secretFile, `${provider.clientSecret}\n`, { mode: 0o600 });
  hub = await openInsideHub(
    {
      oidcIssuer: provider.issuer,
      oidcClientId: provider.clientId,
      oidcClientSecretFile: secretFile,
      oidcRoles: ['fleet-ops=operator', 'fleet-root=admin'],
    },
    path.join(dir, 'hub'),
    log,
  );
});
afterAll(async () => {
  await hub.end();
  await provider.close();
  remove(dir);
});
beforeEach(() => {
  provider.person = { sub: 'u-alice', preferred_username: 'Alice', groups: ['fleet-ops'] };
  provider.userinfo = {};
  provider.forge = (claims) => claims;
  provider.usesOtherKey = false;
});

const problem = (status: number, code: string) => ({ status, json: { status, code } });
const pathOf = (url: string): string => url.slice(url.indexOf('/', url.indexOf('//') + 2));

/** What a browser holds beside the session. */
interface Way {
  readonly browser: Browser;
  /** The cookie of the way to the service. */
  cookie: string | undefined;
  /** Where the service sends the browser back to. */
  callback: string;
}

async function goThere(route = '/api/v1/oidc/start'): Promise<Way> {
  const browser = openBrowser(hub);
  const start = await browser.ask('GET', route, undefined, { origin: undefined });
  expect(start.status).toBe(302);
  const cookie = readSetCookie(start, /^drover_oidc=/);
  const there = await fetch(start.headers.location ?? '', { redirect: 'manual' });
  return { browser, cookie, callback: pathOf(there.headers.get('location') ?? '') };
}

const comeBack = (way: Way, change: Record<string, string | undefined> = {}): Promise<Reply> =>
  way.browser.ask('GET', way.callback, undefined, { origin: undefined, cookie: way.cookie, ...change });

describe('a browser', () => {
  it('comes back signed in, with the roles of its groups and a strict cookie', async () => {
    const way = await goThere();
    const back = await comeBack(way);
    expect(back.status).toBe(200);
    expect(back.text).toContain('You are alice.');
    expect(back.headers['content-security-policy']).toContain("default-src 'none'");
    const [session] = (back.headers['set-cookie'] ?? []).filter((line) => line.startsWith('drover_session='));
    expect(session).toMatch(/HttpOnly; SameSite=Strict$/);
    expect(await way.browser.ask('GET', '/api/v1/session')).toMatchObject({
      json: { actor: 'person:alice', roles: ['operator'] },
    });
    // The code, the state and the cookie have had their turn.
    expect(await comeBack(way)).toMatchObject(problem(403, 'oidc_failed'));
    expect(provider.tokenRequests.at(-1)?.get('code_verifier')?.length).toBeGreaterThan(42);
  });

  it('is the same person again, with what the service says today', async () => {
    provider.person = { sub: 'u-alice', preferred_username: 'renamed', groups: ['fleet-root'] };
    const way = await goThere();
    await comeBack(way);
    expect(await way.browser.ask('GET', '/api/v1/session')).toMatchObject({
      json: { actor: 'person:alice', roles: ['admin'] },
    });
  });

  it('gets what only userinfo says', async () => {
    provider.person = { sub: 'u-bob' };
    provider.userinfo = { preferred_username: 'bob', groups: ['fleet-ops'] };
    const way = await goThere();
    expect((await comeBack(way)).text).toContain('You are bob.');
  });

  it('without a group that counts stays outside', async () => {
    provider.person = { sub: 'u-carl', preferred_username: 'carl', groups: ['others'] };
    expect(await comeBack(await goThere())).toMatchObject(problem(403, 'oidc_no_role'));
    expect(await hub.ask('GET', '/api/v1/people/carl')).toMatchObject(problem(404, 'person_unknown'));
  });

  it('never becomes somebody of this hub by having their name', async () => {
    await hub.ask('POST', '/api/v1/people', { name: 'root', roles: ['admin'] });
    provider.person = { sub: 'u-mallory', preferred_username: 'root', groups: ['fleet-ops'] };
    expect(await comeBack(await goThere())).toMatchObject(problem(409, 'oidc_name_taken'));
  });

  it('that was disabled here stays outside', async () => {
    provider.person = { sub: 'u-dora', preferred_username: 'dora', groups: ['fleet-ops'] };
    await comeBack(await goThere());
    await hub.ask('POST', '/api/v1/people/dora/disable');
    expect(await comeBack(await goThere())).toMatchObject(problem(403, 'oidc_failed'));
    expect(await hub.ask('POST', '/api/v1/people/dora/reset')).toMatchObject(problem(409, 'person_elsewhere'));
  });

  it('cannot be made to finish what another began', async () => {
    const attacker = await goThere();
    expect(await comeBack({ ...attacker, cookie: undefined })).toMatchObject(problem(403, 'oidc_failed'));
    const victim = await goThere();
    expect(await comeBack({ ...victim, callback: attacker.callback })).toMatchObject(problem(403, 'oidc_failed'));
    const another = await goThere();
    expect(await comeBack({ ...another, cookie: `drover_oidc=${'A'.repeat(43)}` })).toMatchObject(
      problem(403, 'oidc_failed'),
    );
  });
});

const without = (claims: Record<string, unknown>, name: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

describe('a service', () => {
  const cases: [string, (claims: Record<string, unknown>) => Record<string, unknown>][] = [
    ['another nonce', (claims) => ({ ...claims, nonce: 'x' })],
    ['no nonce', (claims) => without(claims, 'nonce')],
    ['another audience', (claims) => ({ ...claims, aud: 'other' })],
    ['another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['a token that has expired', (claims) => ({ ...claims, iat: 1000, exp: 2000 })],
    ['no subject', (claims) => without(claims, 'sub')],
  ];
  it.each(cases)('that answers with %s is not believed', async (_, forge) => {
    provider.forge = forge;
    expect(await comeBack(await goThere())).toMatchObject(problem(403, 'oidc_failed'));
  });

  it('that signs with a key it does not publish is not believed', async () => {
    provider.usesOtherKey = true;
    expect(await comeBack(await goThere())).toMatchObject(problem(403, 'oidc_failed'));
  });

  it('that names another in the answer, or refuses, is not followed', async () => {
    const mixed = await goThere();
    const forged = mixed.callback.replace(
      encodeURIComponent(provider.issuer),
      encodeURIComponent('https://evil.example'),
    );
    expect(forged).not.toBe(mixed.callback);
    expect(await comeBack({ ...mixed, callback: forged })).toMatchObject(problem(403, 'oidc_failed'));
    const denied = await goThere();
    const state = new URLSearchParams(denied.callback.split('?')[1]).get('state') ?? '';
    const iss = encodeURIComponent(provider.issuer);
    const callback = `/api/v1/oidc/callback?error=access_denied&state=${state}&iss=${iss}`;
    expect(await comeBack({ ...denied, callback })).toMatchObject(problem(403, 'oidc_failed'));
  });

  it('that does not answer is said to be the reason, and is tried again', async () => {
    const other = await startOidcProvider();
    await other.close();
    const lone = await openInsideHub({ oidcIssuer: other.issuer, oidcClientId: 'x', oidcRoles: ['a=viewer'] });
    for (let i = 0; i < 2; i++)
      expect(await lone.ask('GET', '/api/v1/oidc/start', undefined, { authorization: undefined })).toMatchObject(
        problem(503, 'oidc_unreachable'),
      );
    await lone.end();
  });
});

describe('a command line', () => {
  const begin = async () => {
    const begun = await hub.ask('POST', '/api/v1/oidc/cli', undefined, { authorization: undefined });
    expect(begun.status).toBe(201);
    return begun.json as { url: string; userCode: string; pollCode: string };
  };
  const poll = (pollCode: string) =>
    hub.ask('POST', '/api/v1/oidc/cli/poll', { pollCode }, { authorization: undefined });
  const confirm = (way: Way, confirmation: string, code: string, cookie = way.cookie) =>
    way.browser.ask('POST', '/api/v1/oidc/confirm', Buffer.from(String(new URLSearchParams({ confirmation, code }))), {
      'content-type': 'application/x-www-form-urlencoded',
      cookie,
    });
  async function arrive(url: string): Promise<{ way: Way; confirmation: string }> {
    const way = await goThere(pathOf(url));
    const page = await comeBack(way);
    expect(page.text).toContain('Type the code');
    return { way, confirmation: /name="confirmation" value="([^"]+)"/.exec(page.text)?.[1] ?? '' };
  }

  it('gets a session once the code of its terminal was typed in the browser that signed in', async () => {
    const { url, userCode, pollCode } = await begin();
    expect(await poll(pollCode)).toMatchObject({ status: 202, json: { pending: true } });
    const { way, confirmation } = await arrive(url);
    expect(await poll(pollCode)).toMatchObject({ status: 202 });
    expect(await confirm(way, confirmation, 'AAAA-AAAA')).toMatchObject(problem(403, 'oidc_failed'));
    expect(await confirm(way, confirmation, userCode, `drover_oidc=${'A'.repeat(43)}`)).toMatchObject(
      problem(403, 'oidc_failed'),
    );
    expect(await confirm(way, confirmation, userCode.toLowerCase())).toMatchObject({ status: 200 });
    const got = await poll(pollCode);
    expect(got).toMatchObject({ status: 201, json: { actor: 'person:alice' } });
    const { token } = got.json as { token: string };
    expect(await hub.ask('GET', '/api/v1/session', undefined, { authorization: `Bearer ${token}` })).toMatchObject({
      json: { person: 'alice' },
    });
    expect(await poll(pollCode)).toMatchObject(problem(403, 'oidc_failed'));
  });

  it('gives nobody more than a few tries', async () => {
    const { url, userCode, pollCode } = await begin();
    const { way, confirmation } = await arrive(url);
    for (let i = 0; i < 5; i++)
      expect(await confirm(way, confirmation, 'AAAA-AAAA')).toMatchObject(problem(403, 'oidc_failed'));
    expect(await confirm(way, confirmation, userCode)).toMatchObject(problem(403, 'oidc_failed'));
    expect(await poll(pollCode)).toMatchObject({ status: 202 });
    expect(await poll(`${pollCode.split('.')[0]}.${'A'.repeat(43)}`)).toMatchObject(problem(403, 'oidc_failed'));
  });
});

it('is off where it is not configured', async () => {
  const plain = await openInsideHub();
  for (const [method, route] of [
    ['GET', '/api/v1/oidc/start'],
    ['GET', '/api/v1/oidc/callback?code=x&state=y'],
    ['POST', '/api/v1/oidc/cli'],
  ] as const)
    expect(await plain.ask(method, route)).toMatchObject(problem(404, 'oidc_off'));
  await plain.end();
});

it('leaves no token, code or secret in the log', () => {
  const text = logged.join('');
  expect(text).toContain('a sign-in at the other service failed');
  for (const form of provider.tokenRequests)
    for (const name of ['code', 'code_verifier']) expect(text).not.toContain(form.get(name) ?? 'none');
  expect(text).not.toContain(provider.clientSecret);
  expect(text).not.toContain('eyJ');
});
