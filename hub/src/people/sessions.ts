// Opens, finds and ends sessions: of browsers (a cookie) and of command lines (a bearer secret). Never checks a password.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { commitWithAudit } from '../db/audit.ts';
import { rolesOf } from '../db/people.ts';
import type { SessionKind } from '../db/people-schema.ts';
import {
  dropEndedSessions,
  dropOldSessions,
  endSession,
  insertSession,
  listSessions,
  type OpenSession,
  readSession,
  type SessionRow,
  touchSession,
} from '../db/sessions.ts';
import type { Statement } from '../db/store.ts';
import type { PeopleDeps } from './deps.ts';
import type { Principal } from './principal.ts';
import { hashSecret, makeSecret, PREFIX } from './secrets.ts';

/** More than anybody uses; the oldest end. */
const MOST_SESSIONS = 32;
/** A session that is used is written down once in this time and not with each request. */
const TOUCH_MS = 60_000;
/** A command line has no window to close: its session lives long and is ended by `drover logout`. */
const CLI = { idleMs: 14 * 86_400_000, absoluteMs: 30 * 86_400_000 } as const;

export interface Visitor {
  readonly address: string;
  /** What the browser or tool calls itself. */
  readonly client: string;
}

export interface NewSession {
  /** Shown once: as a cookie or as a bearer secret. */
  readonly secret: string;
  readonly row: SessionRow;
  /** What opens it, to be committed together with what allowed it. */
  readonly statements: readonly Statement[];
}

/** A new secret each time: an id that was planted before is never taken over. */
export function prepareSession(
  deps: PeopleDeps,
  person: string,
  kind: SessionKind,
  visitor: Visitor,
  /** Who signed in elsewhere does so again soon: only there is it known whether they may still. */
  isElsewhere = false,
): NewSession {
  const at = deps.now();
  const secret = makeSecret(kind === 'cli' ? PREFIX.cliSession : '');
  const { absoluteMs: dayMs } = deps.sessions;
  const elsewhere = { idleMs: kind === 'cli' ? dayMs : deps.sessions.idleMs, absoluteMs: dayMs };
  const { idleMs, absoluteMs } = isElsewhere ? elsewhere : kind === 'cli' ? CLI : deps.sessions;
  const row: SessionRow = {
    secretHash: hashSecret(secret),
    id: deps.newId(),
    person,
    kind,
    createdAt: at,
    usedAt: at,
    idleMs,
    expiresAt: at + absoluteMs,
    address: visitor.address.slice(0, 64),
    client: visitor.client.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 160),
  };
  return {
    secret,
    row,
    statements: [dropEndedSessions(at), insertSession(row), dropOldSessions(person, MOST_SESSIONS)],
  };
}

const isEnded = (row: SessionRow, now: number): boolean => now >= row.expiresAt || now - row.usedAt >= row.idleMs;

const asPrincipal = (row: OpenSession): Principal => ({
  actor: `person:${row.person}`,
  roles: rolesOf(row),
  person: row.person,
  session: row.id,
});

/** Who holds this secret; refused with `session_ended` however it ended, so that nobody can try secrets apart. */
export async function openSession(deps: PeopleDeps, secret: string, kind: SessionKind): Promise<Result<Principal>> {
  const secretHash = hashSecret(secret);
  const row = await readSession(deps.store, secretHash);
  const now = deps.now();
  if (row === undefined || row.kind !== kind || row.state !== 'active' || isEnded(row, now))
    return refuse('session_ended', '');
  if (now - row.usedAt >= Math.min(TOUCH_MS, row.idleMs / 4)) await deps.store.commit([touchSession(secretHash, now)]);
  return accept(asPrincipal(row));
}

export async function listOwnSessions(deps: PeopleDeps, person: string): Promise<readonly SessionRow[]> {
  const now = deps.now();
  return (await listSessions(deps.store, person)).filter((row) => !isEnded(row, now));
}

export async function endOwnSession(deps: PeopleDeps, person: string, id: string): Promise<Result<undefined>> {
  const ended = await commitWithAudit(deps.store, [endSession(person, id)], {
    at: deps.now(),
    actor: `person:${person}`,
    action: 'session.end',
    subject: person,
    detail: { session: id },
  });
  return ended.ok ? accept(undefined) : refuse('not_found', `You have no session ${id}.`);
}
