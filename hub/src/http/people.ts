// Serves people and API tokens to admins. The decisions are people's; no answer holds a secret but where one is made.

import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import { Name, PageQuery, page } from '@drover/wire/http/common';
import {
  ApiToken,
  ApiTokenRequest,
  NewApiToken,
  Person,
  PersonRequest,
  PersonWithCode,
  RolesRequest,
} from '@drover/wire/http/people';
import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { listPeople, type PersonRow, readPerson, rolesOf } from '../db/people.ts';
import { type ApiTokenRow, listApiTokens } from '../db/sessions.ts';
import { listLocks } from '../db/sign-in-failures.ts';
import {
  addPerson,
  removePerson,
  resetPerson,
  setPersonRoles,
  setPersonState,
  unlockPerson,
  type WithCode,
} from '../people/accounts.ts';
import { createApiToken, endApiToken } from '../people/api-tokens.ts';
import type { PeopleDeps } from '../people/deps.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

const tags = ['people'];
const One = Type.Object({ name: Name });
const DEFAULT_DAYS = 90;

const instantOrNull = (at: number | null | undefined): string | null =>
  at === null || at === undefined || at === 0 ? null : new Date(at).toISOString();

const viewToken = (row: ApiTokenRow) => ({
  name: row.name,
  roles: rolesOf(row),
  createdBy: row.createdBy,
  createdAt: new Date(row.createdAt).toISOString(),
  expiresAt: new Date(row.expiresAt).toISOString(),
  usedAt: instantOrNull(row.usedAt),
  revokedAt: instantOrNull(row.revokedAt),
});

async function viewPeople(deps: PeopleDeps, rows: readonly PersonRow[]) {
  const locks =
    rows.length === 0
      ? []
      : await listLocks(
          deps.store,
          rows.map(({ name }) => name),
        );
  const lockOf = new Map(locks.map(({ name, lockedUntil }) => [name, lockedUntil]));
  return rows.map((row) => {
    const lockedUntil = lockOf.get(row.name) ?? 0;
    const signIn = row.passwordHash !== null ? 'password' : row.oidcSubject !== null ? 'oidc' : 'code';
    return {
      name: row.name,
      roles: rolesOf(row),
      state: row.state,
      signIn: signIn as 'password' | 'oidc' | 'code',
      createdAt: new Date(row.createdAt).toISOString(),
      lastSignInAt: instantOrNull(row.lastSignInAt),
      lockedUntil: lockedUntil > deps.now() ? instantOrNull(lockedUntil) : null,
    };
  });
}

export function addPeopleRoutes(api: Api, deps: PeopleDeps): void {
  async function sendPerson(reply: FastifyReply, changed: Result<PersonRow>) {
    if (!changed.ok) return sendRefusal(reply, changed);
    const [view] = await viewPeople(deps, [changed.value]);
    return reply.send(view);
  }
  async function sendWithCode(reply: FastifyReply, made: { ok: true; value: WithCode } | Refusal, status: number) {
    if (!made.ok) return sendRefusal(reply, made);
    const { person, code } = made.value;
    const [view] = await viewPeople(deps, [person]);
    const codeExpiresAt = new Date(code.expiresAt).toISOString();
    return reply.status(status).send({ person: view, code: code.code, codeExpiresAt });
  }

  api.get(
    '/api/v1/people',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'List people by name',
        querystring: PageQuery,
        response: { 200: page(Person), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listPeople(deps.store, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      const cut = cutPage(
        rows,
        limit,
        ({ name }) => name,
        (row) => row,
      );
      return reply.send({ items: await viewPeople(deps, cut.items), nextCursor: cut.nextCursor });
    },
  );

  // No Idempotency-Key on these routes: their answers hold secrets that the hub must not keep.
  api.post(
    '/api/v1/people',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Add a person; the answer holds the code with which they choose a password',
        body: PersonRequest,
        response: { 201: PersonWithCode, ...problemResponses },
      },
    },
    async (request, reply) => sendWithCode(reply, await addPerson(deps, request.body, request.actor), 201),
  );

  api.get(
    '/api/v1/people/:name',
    {
      config: { needs: 'admin' },
      schema: { tags, summary: 'One person', params: One, response: { 200: Person, ...problemResponses } },
    },
    async (request, reply) => {
      const row = await readPerson(deps.store, request.params.name);
      return sendPerson(
        reply,
        row === undefined ? refuse('person_unknown', `"${request.params.name}".`) : { ok: true, value: row },
      );
    },
  );

  api.put(
    '/api/v1/people/:name/roles',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Replace the roles of a person',
        params: One,
        body: RolesRequest,
        response: { 200: Person, ...problemResponses },
      },
    },
    async (request, reply) =>
      sendPerson(reply, await setPersonRoles(deps, request.params.name, request.body.roles, request.actor)),
  );

  api.post(
    '/api/v1/people/:name/reset',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Take the password away, end all sessions, give a new code',
        params: One,
        response: { 200: PersonWithCode, ...problemResponses },
      },
    },
    async (request, reply) => sendWithCode(reply, await resetPerson(deps, request.params.name, request.actor), 200),
  );

  api.post(
    '/api/v1/people/:name/disable',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Disable a person and end all sessions',
        params: One,
        response: { 200: Person, ...problemResponses },
      },
    },
    async (request, reply) =>
      sendPerson(reply, await setPersonState(deps, request.params.name, 'disabled', request.actor)),
  );

  api.post(
    '/api/v1/people/:name/enable',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Let a disabled person in again',
        params: One,
        response: { 200: Person, ...problemResponses },
      },
    },
    async (request, reply) =>
      sendPerson(reply, await setPersonState(deps, request.params.name, 'active', request.actor)),
  );

  api.post(
    '/api/v1/people/:name/unlock',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Lift the lock after failed sign-ins',
        params: One,
        response: { 200: Person, ...problemResponses },
      },
    },
    async (request, reply) => sendPerson(reply, await unlockPerson(deps, request.params.name, request.actor)),
  );

  api.delete(
    '/api/v1/people/:name',
    {
      config: { needs: 'admin' },
      schema: { tags, summary: 'Remove a person', params: One, response: { 204: Type.Null(), ...problemResponses } },
    },
    async (request, reply) => {
      const removed = await removePerson(deps, request.params.name, request.actor);
      return removed.ok ? reply.status(204).send(null) : sendRefusal(reply, removed);
    },
  );

  api.get(
    '/api/v1/tokens',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'List API tokens in the order in which they were made',
        querystring: PageQuery,
        response: { 200: page(ApiToken), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listApiTokens(deps.store, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      return reply.send(cutPage(rows, limit, ({ id }) => id, viewToken));
    },
  );

  api.post(
    '/api/v1/tokens',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Make an API token; it is shown once',
        body: ApiTokenRequest,
        response: { 201: NewApiToken, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { name, roles, days = DEFAULT_DAYS } = request.body;
      const made = await createApiToken(deps, { name, roles, days }, request.actor);
      if (!made.ok) return sendRefusal(reply, made);
      return reply.status(201).send({ token: made.value.secret, item: viewToken(made.value.row) });
    },
  );

  api.delete(
    '/api/v1/tokens/:name',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Revoke an API token',
        params: One,
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const ended = await endApiToken(deps, request.params.name, request.actor);
      return ended.ok ? reply.status(204).send(null) : sendRefusal(reply, ended);
    },
  );
}
