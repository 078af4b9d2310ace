// `drover user …` and `drover token …`: people, their roles and API tokens, for admins. Codes and tokens are shown once.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { isRole, ROLES, type Role } from '@drover/core/roles';
import type { Static } from '@drover/wire/http/check';
import { ApiToken, NewApiToken, Person, PersonWithCode, TOKEN_DAYS_MAX } from '@drover/wire/http/people';
import { type Command, InvalidArgumentError } from 'commander';
import { CliFailure, EXIT } from '../failure.ts';
import { at } from '../hub-client.ts';
import { formatAge, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  asPage,
  type Cli,
  type ConnectionOptions,
  connect,
  parseList,
  parseModelName,
  parseWhole,
  present,
  tableFor,
} from './common.ts';

type PersonView = Static<typeof Person>;
type TokenView = Static<typeof ApiToken>;

function parseRoles(text: string): Role[] {
  const roles = parseList(text);
  const wrong = roles.find((role) => !isRole(role));
  if (roles.length === 0 || wrong !== undefined)
    throw new InvalidArgumentError(`It must be one or more of ${ROLES.join(', ')}, with commas between.`);
  return roles.filter(isRole);
}

function parseDays(text: string): number {
  const days = parseWhole(text);
  if (days > TOKEN_DAYS_MAX) throw new InvalidArgumentError(`A token lasts ${TOKEN_DAYS_MAX} days at most.`);
  return days;
}

const ageOf = (cli: Cli, instant: string | null): string =>
  instant === null ? 'never' : formatAge(cli.shell.now() - Date.parse(instant));

function nameState(person: PersonView): string {
  if (person.state === 'disabled') return 'disabled';
  if (person.lockedUntil !== null) return `locked until ${person.lockedUntil}`;
  return person.signIn === 'code' ? 'has no password yet' : 'active';
}

const PEOPLE = (cli: Cli): readonly TableColumn<PersonView>[] => [
  { title: 'NAME', value: (p) => p.name },
  { title: 'ROLES', value: (p) => p.roles.join(', ') },
  { title: 'STATE', value: nameState },
  { title: 'BY', value: (p) => p.signIn },
  { title: 'SIGNED IN', value: (p) => ageOf(cli, p.lastSignInAt), align: 'right' },
];

const TOKENS = (cli: Cli): readonly TableColumn<TokenView>[] => [
  { title: 'NAME', value: (t) => t.name },
  { title: 'ROLES', value: (t) => t.roles.join(', ') },
  {
    title: 'STATE',
    value: (t) =>
      t.revokedAt !== null ? 'revoked' : Date.parse(t.expiresAt) <= cli.shell.now() ? 'expired' : 'active',
  },
  { title: 'UNTIL', value: (t) => t.expiresAt },
  { title: 'USED', value: (t) => ageOf(cli, t.usedAt), align: 'right' },
  { title: 'BY', value: (t) => t.createdBy },
];

function presentCode(cli: Cli, options: ConnectionOptions, made: Static<typeof PersonWithCode>, hub: string): void {
  const { person, code, codeExpiresAt } = made;
  present(
    cli,
    options,
    made,
    () =>
      `${person.name} (${person.roles.join(', ')}) chooses a password with this command; the code works once, until ${codeExpiresAt}:\n` +
      `  drover setup ${code} --hub ${hub}\n`,
  );
}

export function addUserCommands(program: Command, cli: Cli): void {
  const user = program.command('user').description('people who may use the hub (needs admin)');
  const one = (verb: string, summary: string, description: string): Command =>
    addConnectionOptions(user.command(verb).summary(summary).description(description))
      .argument('<name>', 'name of the person')
      .addHelpText(
        'after',
        `\nExample:\n  drover user ${verb} bob${verb === 'set-roles' ? ' --roles operator,approver' : ''}`,
      );

  addConnectionOptions(user.command('list').summary('list people').description('Lists people with their roles and state.'))
    .addHelpText('after', '\nExample:\n  drover user list')
    .action(async (options: ConnectionOptions) => {
      const people = await connect(cli, options).askAll(Person, at('people'));
      present(cli, options, asPage(people), () => tableFor(cli, PEOPLE(cli), people, 'There is nobody yet: drover user add NAME --roles viewer'));
    }); // biome-ignore format: one chain
  addConnectionOptions(user.command('add').summary('add a person').description('Adds a person and prints the code with which they choose their password.'))
    .argument('<name>', 'lower-case letters, digits, ".", "-" and "_"', parseModelName)
    .requiredOption('--roles <roles>', `${ROLES.join(', ')}, with commas between`, parseRoles)
    .addHelpText('after', '\nExamples:\n  drover user add bob --roles operator\n  drover user add carol --roles trainer,approver')
    .action(async (name: string, options: ConnectionOptions & { roles: Role[] }) => {
      const client = connect(cli, options);
      const body = { name, roles: options.roles };
      presentCode(cli, options, await client.ask(PersonWithCode, at('people'), { method: 'POST', body }), client.hub);
    }); // biome-ignore format: one chain
  one('set-roles', 'replace the roles of a person', 'Replaces the roles of a person; it holds from their next request on.')
    .requiredOption('--roles <roles>', `${ROLES.join(', ')}, with commas between`, parseRoles)
    .action(async (name: string, options: ConnectionOptions & { roles: Role[] }) => {
      const body = { roles: options.roles };
      const person = await connect(cli, options).ask(Person, at('people', name, 'roles'), { method: 'PUT', body });
      present(cli, options, person, () => `${person.name} has ${person.roles.join(', ')}.\n`);
    }); // biome-ignore format: one chain
  one('reset', 'take a password away', 'Takes the password of a person away, ends their sessions and prints a code for a new one.')
    .action(async (name: string, options: ConnectionOptions) => {
      const client = connect(cli, options);
      presentCode(cli, options, await client.ask(PersonWithCode, at('people', name, 'reset'), { method: 'POST' }), client.hub);
    }); // biome-ignore format: one chain
  for (const [verb, summary, description] of [
    ['disable', 'keep a person out', 'Keeps a person out and ends their sessions; name and roles stay.'],
    ['enable', 'let a person in again', 'Lets a disabled person in again.'],
    ['unlock', 'lift a lock', 'Lifts the lock that failed sign-ins put on a name.'],
  ] as const) {
    one(verb, summary, description).action(async (name: string, options: ConnectionOptions) => {
      const person = await connect(cli, options).ask(Person, at('people', name, verb), { method: 'POST' });
      present(cli, options, person, () => `${person.name}: ${nameState(person)}.\n`);
    });
  }
  one('remove', 'remove a person', 'Removes a person; the audit log keeps what they did.')
    .action(async (name: string, options: ConnectionOptions) => {
      await connect(cli, options).askBytes(at('people', name), { method: 'DELETE' });
      present(cli, options, { removed: name }, () => `Removed ${name}.\n`);
    }); // biome-ignore format: one chain
}

/** Writes a new file that only its owner may read; an existing one is never overwritten. */
function writeTokenFile(cli: Cli, file: string, token: string): void {
  try {
    writeFileSync(path.resolve(cli.shell.cwd, file), `${token}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    throw new CliFailure(EXIT.failed, 'not_written', `The token was made but not written: ${why}.`, 'Revoke it and make another.');
  } // biome-ignore format: one sentence
}

export function addTokenCommands(program: Command, cli: Cli): void {
  const token = program.command('token').description('API tokens for programs (needs admin)');
  addConnectionOptions(token.command('list').summary('list tokens').description('Lists API tokens; what was revoked or expired stays for 90 days.'))
    .addHelpText('after', '\nExample:\n  drover token list')
    .action(async (options: ConnectionOptions) => {
      const tokens = await connect(cli, options).askAll(ApiToken, at('tokens'));
      present(cli, options, asPage(tokens), () => tableFor(cli, TOKENS(cli), tokens, 'There is none: drover token create NAME --roles viewer'));
    }); // biome-ignore format: one chain
  addConnectionOptions(token.command('create').summary('make a token').description('Makes an API token and prints it, this once; with --out it goes into a file (mode 0600) instead.'))
    .argument('<name>', 'what uses it; the audit log names it token:NAME', parseModelName)
    .requiredOption('--roles <roles>', `${ROLES.join(', ')}, with commas between`, parseRoles)
    .option('--days <n>', `how long it lasts, at most ${TOKEN_DAYS_MAX}`, parseDays, 90)
    .option('--out <file>', 'file to write it to; it must not be there yet')
    .addHelpText('after', '\nExamples:\n  drover token create ci --roles trainer --days 30 --out ./ci.token\n  drover status --token-file ./ci.token')
    .action(async (name: string, options: ConnectionOptions & { roles: Role[]; days: number; out?: string }) => {
      const { roles, days, out } = options;
      const made = await connect(cli, options).ask(NewApiToken, at('tokens'), { method: 'POST', body: { name, roles, days } });
      if (out !== undefined) writeTokenFile(cli, out, made.token);
      if (!options.json) cli.shell.err(`token:${name} (${roles.join(', ')}) until ${made.item.expiresAt}${out === undefined ? '; it is shown this once' : `, in ${out}`}.\n`);
      const { token: secret, item } = made;
      present(cli, options, out === undefined ? { token: secret, item } : { item, out }, () => (out === undefined ? `${secret}\n` : ''));
    }); // biome-ignore format: one chain
  addConnectionOptions(token.command('revoke').summary('revoke a token').description('Revokes an API token: it stops working at once.'))
    .argument('<name>', 'name of the token')
    .addHelpText('after', '\nExample:\n  drover token revoke ci')
    .action(async (name: string, options: ConnectionOptions) => {
      await connect(cli, options).askBytes(at('tokens', name), { method: 'DELETE' });
      present(cli, options, { revoked: name }, () => `Revoked ${name}.\n`);
    }); // biome-ignore format: one chain
}
