// Makes, lists and revokes API tokens: named, scoped to roles, expiring, kept as a hash. Never shows one a second time.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Role, sortRoles } from '@drover/core/roles';
import { commitWithAudit } from '../db/audit.ts';
import { rolesOf } from '../db/people.ts';
import {
  type ApiTokenRow,
  countApiTokens,
  dropDeadApiTokens,
  insertApiToken,
  listTokensMadeBy,
  readApiToken,
  readApiTokenByName,
  revokeApiToken,
  revokeTokensMadeBy,
} from '../db/sessions.ts';
import type { Statement } from '../db/store.ts';
import type { PeopleDeps } from './deps.ts';
import { hashSecret, makeSecret, PREFIX } from './secrets.ts';

const DAY_MS = 86_400_000;
const MOST_TOKENS = 2000;
/** Revoked and expired ones stay in the list for so long, so that "why does CI fail" has an answer. */
const KEPT_MS = 90 * DAY_MS;

export interface NewToken {
  readonly secret: string;
  readonly row: ApiTokenRow;
}

export async function createApiToken(
  deps: PeopleDeps,
  ask: { readonly name: string; readonly roles: readonly Role[]; readonly days: number },
  actor: string,
): Promise<Result<NewToken>> {
  const { name, roles } = ask;
  const createdAt = deps.now();
  const held = await readApiTokenByName(deps.store, name);
  if ((await countApiTokens(deps.store)) >= MOST_TOKENS)
    return refuse('person_limit', `There are ${MOST_TOKENS} tokens.`);
  // One that has expired gives its name away.
  const isDead = held !== undefined && held.expiresAt <= createdAt;
  const secret = makeSecret(PREFIX.apiToken);
  const secretHash = hashSecret(secret);
  const expiresAt = createdAt + ask.days * DAY_MS;
  const token = { id: deps.newId(), name, secretHash, roles, createdBy: actor, createdAt, expiresAt };
  const statements = [
    dropDeadApiTokens(createdAt - KEPT_MS),
    ...(isDead ? [revokeApiToken(name, createdAt)] : []),
    insertApiToken(token),
  ];
  const after = { roles: sortRoles(roles), expiresAt: new Date(expiresAt).toISOString() };
  const entry = { at: createdAt, actor, action: 'token.create', subject: name, detail: { before: null, after } };
  const done = await commitWithAudit(deps.store, statements, entry);
  const row = done.ok ? await readApiToken(deps.store, secretHash) : undefined;
  return row === undefined ? refuse('api_token_exists', `"${name}".`) : accept({ secret, row });
}

/** What ends the tokens that a person made, and those made with these: whoever is shut out may have kept one. */
export async function prepareTokensEnd(
  { store, now }: PeopleDeps,
  person: string,
): Promise<{ readonly names: readonly string[]; readonly statement: Statement }> {
  const names = new Set<string>();
  let actors = [`person:${person}`];
  const all = [...actors];
  while (actors.length > 0) {
    const made = (await listTokensMadeBy(store, actors)).filter(({ name }) => !names.has(name));
    for (const { name } of made) names.add(name);
    actors = made.map(({ name }) => `token:${name}`);
    all.push(...actors);
  }
  return { names: [...names].toSorted(), statement: revokeTokensMadeBy(all, now()) };
}

export async function endApiToken(deps: PeopleDeps, name: string, actor: string): Promise<Result<undefined>> {
  const held = await readApiTokenByName(deps.store, name);
  const at = deps.now();
  const before = held && { roles: rolesOf(held), expiresAt: new Date(held.expiresAt).toISOString() };
  const done =
    held &&
    (await commitWithAudit(deps.store, [revokeApiToken(name, at)], {
      at,
      actor,
      action: 'token.revoke',
      subject: name,
      detail: { before, after: { revokedAt: new Date(at).toISOString() } },
    }));
  return done?.ok ? accept(undefined) : refuse('api_token_unknown', `"${name}".`);
}
