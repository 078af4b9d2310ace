// Serves signing in and out, setup codes, one's own sessions and password. The decisions are people's.
import { type Refusal, refuse } from '@drover/core/reasons';
import { Id, page } from '@drover/wire/http/common';
import {
  PasswordRequest,
  Session,
  SetupRequest,
  SignedIn,
  SignInInfo,
  SignInRequest,
  WhoAmI,
} from '@drover/wire/http/people';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { countAdmins, rolesOf } from '../db/people.ts';
import { changeOwnPassword } from '../people/accounts.ts';
import type { Principal } from '../people/principal.ts';
import { csrfOf } from '../people/secrets.ts';
import { endOwnSession, listOwnSessions, type Visitor } from '../people/sessions.ts';
import { redeemCode } from '../people/setup.ts';
import { type Opened, type SignInDeps, signIn, sourceOf } from '../people/sign-in.ts';
import { problemResponses, sendDelayed, sendRefusal } from './errors.ts';
import { addressOf, type LimitName } from './limits.ts';
import type { Api, ServerParts } from './server.ts';

export interface SignInRouteDeps extends SignInDeps {
  readonly hasOidc: boolean;
  /** In development mode the local token is admin: nobody waits for a setup code. */
  readonly hasLocalToken: boolean;
}

const tags = ['people'];
const instant = (at: number): string => new Date(at).toISOString();

export const visitorOf = (request: FastifyRequest): Visitor => ({
  address: addressOf(request),
  client: String(request.headers['user-agent'] ?? ''),
});

/** What a browser or a command line gets when a session was opened: a cookie, or the secret itself, once. */
export function sendOpened(reply: FastifyReply, { session, person }: Opened, cookies: ServerParts['cookies']) {
  const { row, secret } = session;
  const isBrowser = row.kind === 'browser';
  if (isBrowser) cookies.write(reply, 'session', secret);
  return reply.status(201).send({
    actor: `person:${person.name}`,
    person: person.name,
    roles: rolesOf(person),
    expiresAt: instant(row.expiresAt),
    ...(isBrowser ? { csrfToken: csrfOf(secret) } : { token: secret }),
  });
}

/** The person who asks; a token and the local token are none. */
const personOf = (principal: Principal | undefined): string | Refusal =>
  principal?.person ?? refuse('person_unknown', `${principal?.actor ?? 'Nobody'} is no person.`);

export function addSignInRoutes(api: Api, deps: SignInRouteDeps, { limits, cookies }: ServerParts): void {
  /** Counts each of them and answers the longest wait, in seconds. */
  async function countAll(counted: readonly (readonly [LimitName, string])[]): Promise<number> {
    const waits = await Promise.all(counted.map(([name, key]) => limits.count(name, key)));
    return Math.max(0, ...waits);
  }
  const sendLimited = (reply: FastifyReply, retryAfterS: number): FastifyReply =>
    sendDelayed(reply, { ...refuse('rate_limited', `The next one is taken in ${retryAfterS} s.`), retryAfterS });

  api.get(
    '/api/v1/sign-in',
    {
      config: { needs: 'public' },
      schema: { tags, summary: 'How one signs in here', response: { 200: SignInInfo, ...problemResponses } },
    },
    async () => ({
      setup: !deps.hasLocalToken && (await countAdmins(deps.store)) === 0,
      password: true,
      oidc: deps.hasOidc,
    }),
  );

  api.post(
    '/api/v1/session',
    {
      config: { needs: 'public' },
      schema: {
        tags,
        summary: 'Sign in with name and password',
        body: SignInRequest,
        response: { 201: SignedIn, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { name, password, as: kind = 'browser' } = request.body;
      const visitor = visitorOf(request);
      const source = await sourceOf(deps, name, visitor.address);
      const wait = await countAll([
        ['signInAddress', visitor.address],
        ['signInName', `${name} ${source}`],
      ]);
      if (wait > 0) return sendLimited(reply, wait);
      const heldSecret = cookies.read(request, 'session');
      const opened = await signIn(deps, { name, password, kind, heldSecret }, visitor);
      return opened.ok ? sendOpened(reply, opened.value, cookies) : sendDelayed(reply, opened);
    },
  );

  api.post(
    '/api/v1/setup',
    {
      config: { needs: 'public' },
      schema: {
        tags,
        summary: 'Choose a password with a setup code and sign in',
        body: SetupRequest,
        response: { 201: SignedIn, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { code, name, password, as: kind = 'browser' } = request.body;
      const visitor = visitorOf(request);
      const wait = await countAll([['setup', visitor.address]]);
      if (wait > 0) return sendLimited(reply, wait);
      const opened = await redeemCode(deps, { code, name, password, kind }, visitor);
      return opened.ok ? sendOpened(reply, opened.value, cookies) : sendRefusal(reply, opened);
    },
  );

  api.get(
    '/api/v1/session',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Who is signed in', response: { 200: WhoAmI, ...problemResponses } },
    },
    async (request, reply) => {
      const { principal } = request;
      const own = principal?.person === undefined ? [] : await listOwnSessions(deps, principal.person);
      const row = own.find(({ id }) => id === principal?.session);
      const secret = row?.kind === 'browser' ? cookies.read(request, 'session') : undefined;
      return reply.send({
        actor: request.actor,
        person: principal?.person ?? null,
        roles: [...(principal?.roles ?? [])],
        expiresAt: row === undefined ? null : instant(row.expiresAt),
        ...(secret === undefined ? {} : { csrfToken: csrfOf(secret) }),
      });
    },
  );

  api.delete(
    '/api/v1/session',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Sign out', response: { 204: Type.Null(), ...problemResponses } },
    },
    async (request, reply) => {
      const person = personOf(request.principal);
      const session = request.principal?.session;
      if (typeof person !== 'string' || session === undefined)
        return sendRefusal(reply, refuse('not_found', `${request.actor} has no session to end.`));
      const ended = await endOwnSession(deps, person, session);
      cookies.drop(reply, 'session');
      return ended.ok ? reply.status(204).send(null) : sendRefusal(reply, ended);
    },
  );

  api.get(
    '/api/v1/sessions',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Your sessions', response: { 200: page(Session), ...problemResponses } },
    },
    async (request, reply) => {
      const person = personOf(request.principal);
      if (typeof person !== 'string') return sendRefusal(reply, person);
      const rows = await listOwnSessions(deps, person);
      const items = rows.map(({ id, kind, createdAt, usedAt, expiresAt, address, client }) => ({
        id,
        kind,
        createdAt: instant(createdAt),
        usedAt: instant(usedAt),
        expiresAt: instant(expiresAt),
        address,
        client,
        isCurrent: id === request.principal?.session,
      }));
      return reply.send({ items, nextCursor: null });
    },
  );

  api.delete(
    '/api/v1/sessions/:id',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'End one of your sessions',
        params: Type.Object({ id: Id }),
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const person = personOf(request.principal);
      if (typeof person !== 'string') return sendRefusal(reply, person);
      const ended = await endOwnSession(deps, person, request.params.id);
      return ended.ok ? reply.status(204).send(null) : sendRefusal(reply, ended);
    },
  );

  api.put(
    '/api/v1/session/password',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Change your password; your other sessions end',
        body: PasswordRequest,
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const person = personOf(request.principal);
      if (typeof person !== 'string') return sendRefusal(reply, person);
      const wait = await countAll([['signInName', `${person} password`]]);
      if (wait > 0) return sendLimited(reply, wait);
      const session = request.principal?.session;
      const changed = await changeOwnPassword(deps, { name: person, ...request.body, session });
      return changed.ok ? reply.status(204).send(null) : sendRefusal(reply, changed);
    },
  );
}
