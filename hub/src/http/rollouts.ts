// Serves rollouts and their deployments: start, list, abort. What a device does next is decided elsewhere.
import { refuse } from '@drover/core/reasons';
import { Id, PageQuery, page } from '@drover/wire/http/common';
import { Deployment, Rollout, RolloutRequest } from '@drover/wire/http/rollouts';
import Type from 'typebox';
import { listDeployments, listRollouts, type RolloutRow, readRollout } from '../db/rollouts.ts';
import { abortRollout, createRollout, type RolloutDeps } from '../rollouts/create.ts';
import { viewDeployments, viewRollouts } from '../rollouts/rollout-views.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { addIdempotency } from './idempotency.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

const tags = ['rollouts'];
const One = Type.Object({ id: Id });

export function addRolloutRoutes(api: Api, deps: RolloutDeps): void {
  const { store } = deps;
  addIdempotency(api, deps);

  async function viewOne(row: RolloutRow) {
    const [view] = await viewRollouts(store, [row]);
    if (view === undefined) throw new Error('one row gives one view');
    return view;
  }

  api.post(
    '/api/v1/rollouts',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Roll a version out to devices',
        body: RolloutRequest,
        response: { 201: Rollout, ...problemResponses },
      },
    },
    async (request, reply) => {
      const created = await createRollout(deps, request.body, request.actor);
      if (!created.ok) return sendRefusal(reply, created);
      const { id } = created.value;
      return reply
        .status(201)
        .header('location', `/api/v1/rollouts/${id}`)
        .send(await viewOne(created.value));
    },
  );

  api.get(
    '/api/v1/rollouts',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'List rollouts, newest first',
        querystring: PageQuery,
        response: { 200: page(Rollout), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listRollouts(store, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      const cut = cutPage(
        rows,
        limit,
        ({ id }) => id,
        (row) => row,
      );
      return reply.send({ items: await viewRollouts(store, cut.items), nextCursor: cut.nextCursor });
    },
  );

  api.get(
    '/api/v1/rollouts/:id',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'One rollout', params: One, response: { 200: Rollout, ...problemResponses } },
    },
    async (request, reply) => {
      const row = await readRollout(store, request.params.id);
      if (row === undefined) return sendRefusal(reply, refuse('rollout_unknown', `"${request.params.id}".`));
      return reply.send(await viewOne(row));
    },
  );

  api.post(
    '/api/v1/rollouts/:id/abort',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Stop a rollout; devices that have the version keep it',
        params: One,
        response: { 200: Rollout, ...problemResponses },
      },
    },
    async (request, reply) => {
      const aborted = await abortRollout(deps, request.params.id, request.actor);
      return aborted.ok ? reply.send(await viewOne(aborted.value)) : sendRefusal(reply, aborted);
    },
  );

  api.get(
    '/api/v1/rollouts/:id/deployments',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'The deployments of a rollout, one a device',
        params: One,
        querystring: PageQuery,
        response: { 200: page(Deployment), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      if ((await readRollout(store, id)) === undefined)
        return sendRefusal(reply, refuse('rollout_unknown', `"${id}".`));
      const rows = await listDeployments(store, id, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      const cut = cutPage(
        rows,
        limit,
        (row) => row.id,
        (row) => row,
      );
      return reply.send({ items: await viewDeployments(store, cut.items), nextCursor: cut.nextCursor });
    },
  );
}
