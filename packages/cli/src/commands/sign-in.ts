// `drover setup, login, logout, whoami, password, session`: who this command line is on a hub. Secrets come from a prompt or
// a file and go into a 0600 file; never into arguments, output or the environment.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkPassword } from '@drover/core/password';
import type { Static } from '@drover/wire/http/check';
import { OidcCliStart, OidcPollAnswer, Session, SignedIn, WhoAmI } from '@drover/wire/http/people';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { at, type HubClient, openHubClient } from '../hub-client.ts';
import { rememberHub, removeLogin, writeLogin } from '../login-file.ts';
import { formatAge, renderPairs, type TableColumn } from '../table.ts';
import { isLoopback, type Target } from '../target.ts';
import {
  addConnectionOptions,
  asPage,
  type Cli,
  type ConnectionOptions,
  connect,
  locateHub,
  parseModelName,
  pause,
  present,
  tableFor,
} from './common.ts';

interface PasswordOptions extends ConnectionOptions {
  readonly passwordFile?: string;
}

const PASSWORD_FILE = 'file (mode 0600) with the password; "-" reads one line from standard input';
const FILE_LIMIT = 4096;

const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? '';

async function readPasswordFile(cli: Cli, file: string): Promise<string> {
  if (file === '-') return firstLine(await cli.shell.readStdin());
  const full = path.resolve(cli.shell.cwd, file);
  const found = statSync(full, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > FILE_LIMIT) throw failUsage(`"${file}" is no file with a password.`);
  if ((found.mode & 0o077) !== 0) throw failUsage(`Others can read "${file}".`, `chmod 600 ${file}`);
  return firstLine(readFileSync(full, 'utf8'));
}

async function askPassword(cli: Cli, options: PasswordOptions, prompt: string): Promise<string> {
  const { passwordFile } = options;
  const password =
    passwordFile === undefined ? await cli.shell.readSecret(prompt) : await readPasswordFile(cli, passwordFile);
  if (password === undefined)
    throw failUsage('There is no terminal to ask for the password at.', 'Give it with --password-file FILE, or "-".');
  if (password === '') throw failUsage('The password is empty.');
  return password;
}

/** A new password, asked for twice where a person types it, and judged before it travels. */
async function askNewPassword(cli: Cli, options: PasswordOptions, name: string): Promise<string> {
  const password = await askPassword(cli, options, 'New password');
  const checked = checkPassword(password, name);
  if (!checked.ok) throw failRefused(checked, EXIT.usage);
  if (options.passwordFile !== undefined) return password;
  if ((await cli.shell.readSecret('The same again')) !== password) throw failUsage('The two are not the same.');
  return password;
}

/** A hub as somebody who is nobody yet; a password goes to another machine only under TLS. */
function openDoor(cli: Cli, options: ConnectionOptions): { readonly target: Target; readonly client: HubClient } {
  const target = locateHub(cli, options);
  const hub = target.hub.value;
  if (hub.startsWith('http:') && !isLoopback(hub)) {
    throw new CliFailure(
      EXIT.usage,
      'plain_http',
      `A password would travel in plain text to ${hub}.`,
      'Use the https address of the hub.',
    );
  }
  return { target, client: openHubClient({ ...target, tokenFile: undefined }, cli.fetcher) };
}

const showRoles = (roles: readonly string[]): string => roles.join(', ') || 'none';

function keep(cli: Cli, options: ConnectionOptions, target: Target, signed: Static<typeof SignedIn>): void {
  const { token, ...who } = signed;
  if (token === undefined)
    throw new CliFailure(EXIT.failed, 'hub_answer_invalid', 'The hub opened a session without a secret.');
  writeLogin(target.loginFile, token);
  const remembered = rememberHub(target);
  const kept = { ...who, hub: target.hub.value, loginFile: target.loginFile, contextFile: remembered ?? null };
  present(cli, options, kept, () => {
    const signedIn = `Signed in at ${kept.hub} as ${who.person ?? who.actor} (${showRoles(who.roles)}) until ${who.expiresAt}.\n`;
    return remembered === undefined
      ? signedIn
      : `${signedIn}The next commands go there too: "${remembered}" says so; "--hub" or DROVER_HUB name another.\n`;
  });
}

const POLL_MS = 30_000;

/** The way over a browser: prints where to go and what to type there, and waits. */
async function loginByBrowser(cli: Cli, client: HubClient): Promise<Static<typeof SignedIn>> {
  const start = await client.ask(OidcCliStart, at('oidc', 'cli'), { method: 'POST' });
  cli.shell.err(`Open this page, sign in, and type the code ${start.userCode} there:\n  ${start.url}\n`);
  for (;;) {
    const body = { pollCode: start.pollCode };
    const answer = await client.ask(OidcPollAnswer, at('oidc', 'cli', 'poll'), {
      method: 'POST',
      body,
      timeoutMs: POLL_MS,
    });
    if (!('pending' in answer)) return answer;
    if (cli.shell.now() > Date.parse(start.expiresAt))
      throw new CliFailure(EXIT.timedOut, 'timed_out', 'Nobody signed in in time.', 'Run "drover login --oidc" again.');
    await pause(start.intervalSeconds * 1000);
  }
}

async function logout(cli: Cli, options: ConnectionOptions): Promise<void> {
  const target = locateHub(cli, options);
  if (target.tokenFile?.value !== target.loginFile)
    throw new CliFailure(EXIT.notFound, 'not_signed_in', `This command line is not signed in at ${target.hub.value}.`);
  try {
    await openHubClient(target, cli.fetcher).askBytes(at('session'), { method: 'DELETE' });
  } catch (error) {
    // A session that has ended is what was wanted; anything else leaves the file, so that it can be tried again.
    if (!(error instanceof CliFailure) || error.code !== 'session_ended') throw error;
  }
  removeLogin(target.loginFile);
  present(cli, options, { signedOut: target.hub.value }, () => `Signed out at ${target.hub.value}.\n`);
}

function addLoginCommands(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('setup').summary('choose a password with a setup code'))
    .description(
      'Redeems a setup code: the one that the hub prints at its first start makes the first admin, one from "drover user ' +
        'add" or "reset" lets that person choose a password. Either signs this command line in.',
    )
    .argument('<code>', 'the code; it works once')
    .option('--name <name>', 'name of the first admin', parseModelName)
    .option('--password-file <file>', PASSWORD_FILE)
    .addHelpText('after', '\nExamples:\n  drover setup 7K3F-9QWX-2M4N-8RTV --name alice\n  drover setup 7K3F-9QWX-2M4N-8RTV --password-file ./password')
    .action(async (code: string, options: PasswordOptions & { name?: string }) => {
      const { name } = options;
      const { target, client } = openDoor(cli, options);
      const password = await askNewPassword(cli, options, name ?? '');
      const body = { code, password, as: 'cli', ...(name === undefined ? {} : { name }) };
      keep(cli, options, target, await client.ask(SignedIn, at('setup'), { method: 'POST', body }));
    }); // biome-ignore format: one chain
  addConnectionOptions(program.command('login').summary('sign in at a hub'))
    .description(
      'Signs this command line in at a hub with name and password, or with --oidc in the browser. The session is kept in ' +
        'a file (mode 0600) beside the context file and used for that hub only.',
    )
    .option('--name <name>', 'who you are', parseModelName)
    .option('--password-file <file>', PASSWORD_FILE)
    .option('--oidc', 'sign in at the service that the hub is set up with')
    .addHelpText('after', '\nExamples:\n  drover login --name alice --hub https://hub.example\n  drover login --oidc')
    .action(async (options: PasswordOptions & { name?: string; oidc?: boolean }) => {
      const { name, oidc } = options;
      const { target, client } = openDoor(cli, options);
      if (oidc) return keep(cli, options, target, await loginByBrowser(cli, client));
      if (name === undefined) throw failUsage('--name is missing.', 'drover login --name NAME, or --oidc.');
      const password = await askPassword(cli, options, `Password of ${name}`);
      const body = { name, password, as: 'cli' };
      return keep(cli, options, target, await client.ask(SignedIn, at('session'), { method: 'POST', body }));
    }); // biome-ignore format: one chain
  addConnectionOptions(program.command('logout').summary('sign out at a hub'))
    .description('Ends the session of this command line at a hub and removes its file.')
    .addHelpText('after', '\nExample:\n  drover logout')
    .action((options: ConnectionOptions) => logout(cli, options));
}

function addSessionCommands(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('whoami').summary('print who you are on a hub'))
    .description('Prints who this command line is on a hub, with which roles and until when.')
    .addHelpText('after', '\nExample:\n  drover whoami')
    .action(async (options: ConnectionOptions) => {
      const who = await connect(cli, options).ask(WhoAmI, at('session'));
      present(cli, options, who, () =>
        renderPairs([
          ['actor', who.actor],
          ['roles', showRoles(who.roles)],
          ['until', who.expiresAt ?? '-'],
        ]));
    }); // biome-ignore format: one chain
  addConnectionOptions(program.command('password').summary('change your password'))
    .description('Changes your password; your other sessions end. With --password-file the file holds the current one in its first line and the new one in its second.')
    .option('--password-file <file>', 'file (mode 0600) with both passwords, a line each; "-" reads standard input')
    .addHelpText('after', '\nExample:\n  drover password')
    .action(async (options: PasswordOptions) => {
      const client = connect(cli, options);
      const who = await client.ask(WhoAmI, at('session'));
      const { current, next } = await askBoth(cli, options, who.person ?? '');
      await client.askBytes(at('session', 'password'), { method: 'PUT', body: { current, next } });
      present(cli, options, { changed: true }, () => 'The password is changed; your other sessions have ended.\n');
    }); // biome-ignore format: one chain
  const session = program.command('session').description('your sessions on a hub');
  const columns: readonly TableColumn<Static<typeof Session>>[] = [
    { title: 'SESSION', value: (s) => s.id },
    { title: 'KIND', value: (s) => s.kind },
    { title: 'USED', value: (s) => formatAge(cli.shell.now() - Date.parse(s.usedAt)), align: 'right' },
    { title: 'UNTIL', value: (s) => s.expiresAt },
    { title: 'FROM', value: (s) => s.address },
    { title: 'CLIENT', value: (s) => s.client },
    { title: '', value: (s) => (s.isCurrent ? 'this one' : '') },
  ];
  addConnectionOptions(session.command('list').summary('list your sessions').description('Lists your sessions: where they come from, when they were used last, when they end.'))
    .addHelpText('after', '\nExample:\n  drover session list')
    .action(async (options: ConnectionOptions) => {
      const sessions = await connect(cli, options).askAll(Session, at('sessions'));
      present(cli, options, asPage(sessions), () => tableFor(cli, columns, sessions, 'There is none.'));
    }); // biome-ignore format: one chain
  addConnectionOptions(session.command('end').summary('end one of your sessions').description('Ends one of your sessions.'))
    .argument('<session>', 'id of the session')
    .addHelpText('after', '\nExample:\n  drover session end 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      await connect(cli, options).askBytes(at('sessions', id), { method: 'DELETE' });
      present(cli, options, { ended: id }, () => `Ended ${id}.\n`);
    }); // biome-ignore format: one chain
}

async function askBoth(cli: Cli, options: PasswordOptions, name: string): Promise<{ current: string; next: string }> {
  const { passwordFile } = options;
  if (passwordFile === undefined) {
    const current = await askPassword(cli, options, 'Current password');
    return { current, next: await askNewPassword(cli, options, name) };
  }
  if (passwordFile !== '-') await readPasswordFile(cli, passwordFile);
  const text =
    passwordFile === '-'
      ? await cli.shell.readStdin()
      : readFileSync(path.resolve(cli.shell.cwd, passwordFile), 'utf8');
  const [current = '', next = ''] = text.split(/\r?\n/);
  const checked = checkPassword(next, name);
  if (!checked.ok) throw failRefused(checked, EXIT.usage);
  return { current, next };
}

export function addSignInCommands(program: Command, cli: Cli): void {
  addLoginCommands(program, cli);
  addSessionCommands(program, cli);
}
