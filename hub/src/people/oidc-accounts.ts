// Turns somebody whom another service vouches for into a person of this hub and opens their session. Roles are what the
// service says, each time. Never joins an outside identity to an account that was made here: that would give it away.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { AuditEntry } from '@drover/trust/audit/chain';
import { commitWithAudit } from '../db/audit.ts';
import { insertPerson, type PersonRow, readPerson, readPersonBySubject, rolesOf, setRoles } from '../db/people.ts';
import type { SessionKind } from '../db/people-schema.ts';
import { endSessionBySecret } from '../db/sessions.ts';
import type { Statement } from '../db/store.ts';
import type { PeopleDeps } from './deps.ts';
import type { OutsideIdentity } from './oidc-claims.ts';
import { hashSecret } from './secrets.ts';
import { prepareSession, type Visitor } from './sessions.ts';
import { commitSession, describeSession, type Opened } from './sign-in.ts';

const actorOf = ({ issuer }: OutsideIdentity): string => `oidc:${new URL(issuer).host}`;

/** The person as the service describes them now: made at the first sign-in, with new roles where those changed. */
async function ensurePerson(deps: PeopleDeps, identity: OutsideIdentity): Promise<Result<PersonRow>> {
  const { store } = deps;
  const { issuer, subject, name, roles } = identity;
  const held = await readPersonBySubject(store, issuer, subject);
  const write = (statements: readonly Statement[], entry: Pick<AuditEntry, 'action' | 'subject' | 'detail'>) =>
    commitWithAudit(store, statements, { at: deps.now(), actor: actorOf(identity), ...entry });
  if (held === undefined) {
    if ((await readPerson(store, name)) !== undefined) return refuse('oidc_name_taken', `"${name}".`);
    const person = { name, roles, oidc: { issuer, subject }, createdAt: deps.now() };
    const detail = { before: null, after: { roles, state: 'active', issuer } };
    const done = await write([insertPerson(person)], { action: 'person.add', subject: name, detail });
    if (!done.ok) return refuse('oidc_name_taken', `"${name}".`);
  } else if (held.state !== 'active') return refuse('oidc_failed', 'The account is disabled on this hub.');
  else if (held.rolesJson !== JSON.stringify(roles)) {
    const detail = { before: { roles: rolesOf(held) }, after: { roles } };
    // Also the last admin: what the service takes away is gone. The next start then prints a setup code.
    await write([setRoles(held.name, roles, true)], { action: 'person.roles', subject: held.name, detail });
  }
  const person = await readPersonBySubject(store, issuer, subject);
  return person === undefined ? refuse('write_conflict', `"${name}".`) : accept(person);
}

export async function enterFromOutside(
  deps: PeopleDeps,
  identity: OutsideIdentity,
  ask: { readonly kind: SessionKind; readonly heldSecret: string | undefined },
  visitor: Visitor,
): Promise<Result<Opened>> {
  const person = await ensurePerson(deps, identity);
  if (!person.ok) return person;
  const { name } = person.value;
  const session = prepareSession(deps, name, ask.kind, visitor, true);
  const ended = ask.heldSecret === undefined ? [] : [endSessionBySecret(hashSecret(ask.heldSecret))];
  return commitSession(deps, person.value, session, ended, visitor, {
    actor: `person:${name}`,
    action: 'session.open',
    subject: name,
    detail: { by: identity.issuer, ...describeSession(session) },
  });
}
