// A hub and its people as processes: the first start over TLS, the command line that signs in, tokens for programs, what is
// written where, and that no secret stands in an argument, an output or a log.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HubProgram, remove, scratch, startHub } from '@drover/testkit/fleet';
import { findProgram, missOut } from '@drover/testkit/host';
import { readHubRows } from '@drover/testkit/hub-tables';
import { startOidcProvider } from '@drover/testkit/oidc-provider';
import { ENTRY, killAll, type Program, start, waitForReady } from '@drover/testkit/program';
import { keepOwnKeys } from '@drover/testkit/secure-hub';
import { until } from '@drover/testkit/until';
import { afterAll, describe, expect, it } from 'vitest';

const dir = scratch('people-program');
afterAll(async () => {
  await killAll();
  remove(dir);
});

const FREE = ['--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--devices', '127.0.0.1:0'];
const PASSWORD = 'four words nobody joins';
const OTHER = 'another handful of words';

interface Said {
  readonly exit: number | NodeJS.Signals;
  readonly text: string;
}

/** A person's own place: context, sessions and password file. */
function openDesk(name: string, hub: { readonly httpUrl: string; readonly caFile?: string }) {
  const home = path.join(dir, name);
  const env = {
    XDG_CONFIG_HOME: home,
    DROVER_HUB: hub.httpUrl,
    // Not the hub's folder: nothing is found by being on the same machine.
    DROVER_HUB_DATA: path.join(home, 'none'),
    ...(hub.caFile === undefined ? {} : { DROVER_CA_FILE: hub.caFile }),
  };
  return {
    home,
    begin: (...args: string[]): Program => start(ENTRY.cli, args, env),
    async run(...args: string[]): Promise<Said> {
      const program = start(ENTRY.cli, args, env);
      return { exit: await program.waitForExit(), text: program.output() };
    },
    env,
  };
}

function writeSecret(name: string, ...lines: string[]): string {
  const file = path.join(dir, name);
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

async function startTlsHub(data: string, extra: readonly string[] = []) {
  keepOwnKeys(data);
  const program = start(ENTRY.hub, ['--data', data, ...FREE, ...extra]);
  const ready = await waitForReady<{ pid: number; httpUrl: string; caFile?: string }>(
    program,
    path.join(data, 'run/hub.json'),
  );
  await until('the banner', () => program.output().includes('Next:'));
  return Object.assign(program, ready);
}

type Described = Record<string, Record<string, { readonly 'x-needs'?: string }>>;

/** docs/people.md is made without a hub: here it is compared with one. */
async function expectPageOf(hub: HubProgram): Promise<void> {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/people.md'), 'utf8');
  const { paths } = await hub.get<{ paths: Described }>('/api/v1/openapi.json');
  let compared = 0;
  for (const [url, methods] of Object.entries(paths)) {
    for (const [method, { 'x-needs': needs = '' }] of Object.entries(methods)) {
      const row = new RegExp(`^\\| (?:\\*\\*${needs}\\*\\*|nobody) \\|.*$`, 'gm');
      const shown = `\`${method.toUpperCase()} ${url.replace('/api/v1', '').replaceAll(/\{(\w+)\}/g, ':$1')}\``;
      const rows = [...page.matchAll(row)].map(([line]) => line).filter((line) => line.includes(shown));
      expect([shown, needs, rows.length]).toEqual([shown, needs, 1]);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(40);
}

describe('a first start', () => {
  it('goes from the printed code to people with roles and a token for a program', async () => {
    const data = path.join(dir, 'tls');
    const hub = await startTlsHub(data);
    expect(existsSync(path.join(data, 'run/token'))).toBe(false);
    const code = /drover setup ([0-9A-Z-]{19}) --name NAME --hub https:/.exec(hub.output())?.[1] ?? '';
    const password = writeSecret('alice.password', PASSWORD);
    const alice = openDesk('alice', hub);
    expect(await alice.run('whoami')).toMatchObject({ exit: 5 });
    const setUp = await alice.run('setup', code, '--name', 'alice', '--password-file', password);
    expect([setUp.exit, setUp.text]).toEqual([0, expect.stringContaining('as alice (admin)')]);
    const again = await alice.run('setup', code, '--name', 'mallory', '--password-file', password);
    expect([again.exit, again.text]).toEqual([5, expect.stringContaining('[setup_code_refused]')]);

    // The session lies in a file for its owner only, and nowhere else.
    const logins = path.join(alice.home, 'drover/logins');
    const [file = ''] = readdirSync(logins);
    const secret = readFileSync(path.join(logins, file), 'utf8').trim();
    expect(secret).toMatch(/^drs_/);
    expect([statSync(logins).mode & 0o777, statSync(path.join(logins, file)).mode & 0o777]).toEqual([0o700, 0o600]);

    // Another person, by a code of their own, with a role that does not reach everywhere.
    const added = await alice.run('user', 'add', 'bob', '--roles', 'operator', '--json');
    const { code: bobsCode } = JSON.parse(added.text) as { code: string };
    const bob = openDesk('bob', hub);
    expect(await bob.run('setup', bobsCode, '--password-file', password)).toMatchObject({ exit: 0 });
    expect((await bob.run('whoami')).text).toMatch(/person:bob[\s\S]*operator/);
    const refused = await bob.run('user', 'list');
    expect([refused.exit, refused.text]).toEqual([
      5,
      expect.stringContaining('The role "admin" (or admin) grants it; person:bob has operator.'),
    ]);
    expect(await bob.run('device', 'list')).toMatchObject({ exit: 0 });

    // A token for a program, in a file.
    const tokenFile = path.join(dir, 'ci.token');
    const made = await alice.run('token', 'create', 'ci', '--roles', 'trainer', '--days', '7', '--out', tokenFile);
    const token = readFileSync(tokenFile, 'utf8').trim();
    expect([made.exit, made.text.includes(token), statSync(tokenFile).mode & 0o777]).toEqual([0, false, 0o600]);
    const ci = openDesk('ci', hub);
    expect((await ci.run('whoami', '--token-file', tokenFile)).text).toContain('token:ci');
    expect((await ci.run('device', 'remove', 'x', '--token-file', tokenFile)).text).toContain('[role_missing]');
    expect(await alice.run('token', 'revoke', 'ci')).toMatchObject({ exit: 0 });
    expect((await ci.run('whoami', '--token-file', tokenFile)).text).toContain('[token_refused]');

    // Password, roles, reset, sign-out.
    const both = writeSecret('bob.both', PASSWORD, OTHER);
    expect(await bob.run('password', '--password-file', both)).toMatchObject({ exit: 0 });
    expect(await alice.run('user', 'set-roles', 'bob', '--roles', 'viewer,approver')).toMatchObject({ exit: 0 });
    expect((await bob.run('whoami', '--json')).text).toContain('"approver"');
    expect((await alice.run('user', 'list')).text).toMatch(/bob +viewer, approver +active/);
    expect((await alice.run('session', 'list')).text).toContain('this one');
    expect(await alice.run('user', 'reset', 'bob')).toMatchObject({ exit: 0 });
    expect((await bob.run('whoami')).text).toContain('[session_ended]');
    expect((await alice.run('user', 'remove', 'alice')).text).toContain('[last_admin]');
    expect(await alice.run('logout')).toMatchObject({ exit: 0 });
    expect(readdirSync(logins)).toEqual([]);
    const back = await alice.run('login', '--name', 'alice', '--password-file', password);
    expect(back).toMatchObject({ exit: 0 });

    // Who did what; and none of the secrets anywhere.
    const audit = readHubRows<{ actor: string; action: string; detailJson: string }>(data, 'SELECT * FROM audit');
    const told = audit.map(({ actor, action }) => `${actor} ${action}`);
    for (const one of [
      'setup-code person.setup',
      'person:alice person.add',
      'person:bob person.password',
      'person:alice token.create',
      'person:alice token.revoke',
      'person:alice person.roles',
      'person:alice person.reset',
      'person:alice session.open',
    ])
      expect(told).toContain(one);
    const written = `${hub.output().replaceAll(code, '')}${JSON.stringify(audit)}${setUp.text}${back.text}`;
    for (const one of [PASSWORD, OTHER, secret, token, bobsCode, code]) expect(written).not.toContain(one);
    expect(await hub.stop()).toBe(0);
    const second = await startTlsHub(data);
    expect(second.output()).not.toContain('drover setup');
    expect(await second.stop()).toBe(0);
    // Some thirty command lines, each a process of its own.
  }, 300_000);

  it('takes the token of development mode away with the mode', async () => {
    const data = path.join(dir, 'was-dev');
    const dev = await startHub(data);
    await until('the banner', () => dev.output().includes('Next:'));
    expect(dev.output()).toContain('makes whoever reads it admin; --dev only');
    expect(dev.output()).not.toContain('drover setup');
    await expectPageOf(dev);
    await dev.stop();
    const hub = await startTlsHub(data);
    expect(existsSync(path.join(data, 'run/token'))).toBe(false);
    const held = writeSecret('held.token', dev.token);
    expect((await openDesk('late', hub).run('whoami', '--token-file', held)).text).toContain('[token_refused]');
    await hub.stop();
  });
});

describe('a command line', () => {
  it('sends no password in plain text to another machine, and reads none that others can', async () => {
    const desk = openDesk('careful', { httpUrl: 'http://hub.example:8080' });
    const file = writeSecret('careful.password', PASSWORD);
    const plain = await desk.run('login', '--name', 'alice', '--password-file', file);
    expect([plain.exit, plain.text]).toEqual([2, expect.stringContaining('[plain_http]')]);
    const open = path.join(dir, 'open.password');
    writeFileSync(open, PASSWORD, { mode: 0o644 });
    const loose = await desk.run('login', '--hub', 'https://127.0.0.1:9', '--name', 'alice', '--password-file', open);
    expect([loose.exit, loose.text]).toEqual([2, expect.stringContaining('chmod 600')]);
    const nobody = await desk.run('login', '--hub', 'https://127.0.0.1:9', '--name', 'alice');
    expect([nobody.exit, nobody.text]).toEqual([2, expect.stringContaining('--password-file')]);
  });

  it('asks at a terminal without showing what is typed', async (context) => {
    const script = findProgram('script');
    if (script === undefined) return missOut(context, 'script (bsdutils) is not installed');
    const data = path.join(dir, 'terminal');
    const hub = await startHub(data);
    const added = await hub.post<{ code: string }>('/api/v1/people', { name: 'erin', roles: ['viewer'] });
    const desk = openDesk('erin', hub);
    const line = `${process.execPath} ${ENTRY.cli} setup ${added.code}`;
    const child = spawn(script, ['-qec', line, '/dev/null'], {
      env: { ...process.env, ...desk.env, NODE_NO_WARNINGS: '1' },
    });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until('the first prompt', () => shown.includes('New password: '));
    child.stdin.write(`${PASSWORD}x\u007f\r`);
    await until('the second prompt', () => shown.includes('The same again: '));
    child.stdin.write(`${PASSWORD}\r`);
    await until('the end', () => shown.includes('Signed in'));
    child.stdin.end();
    await ended;
    expect(shown).not.toContain(PASSWORD.slice(0, 4));
    expect(await desk.run('whoami')).toMatchObject({ exit: 0 });
    return hub.stop();
  });

  it('signs in over a browser at another service', async () => {
    const provider = await startOidcProvider();
    provider.person = { sub: 'u1', preferred_username: 'frank', groups: ['ops'] };
    const client = ['--oidc-issuer', provider.issuer, '--oidc-client-id', provider.clientId];
    const secret = ['--oidc-client-secret-file', writeSecret('client.secret', provider.clientSecret)];
    const hub = await startHub(path.join(dir, 'oidc'), [...client, ...secret, '--oidc-role', 'ops=operator']);
    const desk = openDesk('frank', hub);
    const login = desk.begin('login', '--oidc');
    await until('the address', () => login.output().includes('/oidc/start'));
    const [, userCode = ''] = /type the code (\S+) there/.exec(login.output()) ?? [];
    const [, url = ''] = /(http\S+start\S+)/.exec(login.output()) ?? [];
    const to = await fetch(url, { redirect: 'manual' });
    const cookie = (to.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const there = await fetch(to.headers.get('location') ?? '', { redirect: 'manual' });
    const page = await (await fetch(there.headers.get('location') ?? '', { headers: { cookie } })).text();
    const [, confirmation = ''] = /name="confirmation" value="([^"]+)"/.exec(page) ?? [];
    const body = new URLSearchParams({ confirmation, code: userCode });
    const confirmed = await fetch(`${hub.httpUrl}/api/v1/oidc/confirm`, {
      method: 'POST',
      headers: { cookie, origin: hub.httpUrl },
      body,
    });
    expect(confirmed.status).toBe(200);
    expect(await login.waitForExit()).toBe(0);
    expect((await desk.run('whoami')).text).toContain('person:frank');
    await hub.stop();
    await provider.close();
  });
});
