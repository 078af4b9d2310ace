// Decides who sends a request from what it shows: the local token, an API token, a session. Never decides what they may.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { rolesOf } from '../db/people.ts';
import { readApiToken, touchApiToken } from '../db/sessions.ts';
import type { PeopleDeps } from './deps.ts';
import { type Credentials, LOCAL_ACTOR, type Principal } from './principal.ts';
import { csrfOf, hashSecret, isSameSecret, isSecret, PREFIX } from './secrets.ts';
import { openSession } from './sessions.ts';

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i;
/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const TOUCH_MS = 60_000;

/** The secret of an Authorization header; undefined when it holds none. */
export const readBearer = (header: string | undefined): string | undefined => BEARER.exec(header ?? '')?.[1];

export interface IdentifyDeps extends PeopleDeps {
  /** The token in run/token; undefined outside development mode. */
  readonly localToken: string | undefined;
}

async function openApiToken(deps: PeopleDeps, secret: string): Promise<Result<Principal>> {
  const row = await readApiToken(deps.store, hashSecret(secret));
  if (row === undefined) return refuse('token_refused', 'It is not a token of this hub.');
  const now = deps.now();
  if (row.revokedAt !== null) return refuse('token_refused', `The token "${row.name}" was revoked.`);
  if (now >= row.expiresAt)
    return refuse('token_expired', `"${row.name}" was valid until ${new Date(row.expiresAt).toISOString()}.`);
  if (row.usedAt === null || now - row.usedAt >= TOUCH_MS) await deps.store.commit([touchApiToken(row.id, now)]);
  return accept({ actor: `token:${row.name}`, roles: rolesOf(row), person: undefined, session: undefined });
}

/** A page must show that it is ours with each change: a browser sends the cookie whoever asks it to. */
function checkPage(credentials: Credentials, secret: string): Result<undefined> {
  if (SAFE.has(credentials.method)) return accept(undefined);
  if (!credentials.isSameOrigin) return refuse('csrf_refused', 'There is no Origin header.');
  if (credentials.csrf === undefined) return refuse('csrf_refused', 'There is no X-Drover-CSRF header.');
  if (!isSameSecret(credentials.csrf, csrfOf(secret)))
    return refuse('csrf_refused', 'X-Drover-CSRF is not the token of this session.');
  return accept(undefined);
}

export async function identify(deps: IdentifyDeps, credentials: Credentials): Promise<Result<Principal>> {
  const { authorization, cookie } = credentials;
  if (authorization !== undefined) {
    // A header that is there counts alone: a cookie does not stand in for a token that does not hold.
    const given = readBearer(authorization);
    if (given === undefined) return refuse('token_refused', 'The Authorization header holds no bearer token.');
    if (isSecret(given, PREFIX.apiToken)) return openApiToken(deps, given);
    if (isSecret(given, PREFIX.cliSession)) return openSession(deps, given, 'cli');
    if (deps.localToken !== undefined && isSameSecret(given, deps.localToken))
      return accept({ actor: LOCAL_ACTOR, roles: ['admin'], person: undefined, session: undefined });
    return refuse('token_refused', 'It is not a token of this hub.');
  }
  if (cookie === undefined) return refuse('token_refused', 'There is none.');
  const known = isSecret(cookie) ? await openSession(deps, cookie, 'browser') : refuse('session_ended', '');
  if (!known.ok) return known;
  const isPage = checkPage(credentials, cookie);
  return isPage.ok ? known : isPage;
}
