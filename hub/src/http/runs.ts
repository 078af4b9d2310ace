// Serves training runs: start, list, cancel, log. The queue and the processes are training's.
import { refuse } from '@drover/core/reasons';
import { Id, Name, PageQuery, page } from '@drover/wire/http/common';
import { Run, RunRequest } from '@drover/wire/http/runs';
import Type from 'typebox';
import { listRunLogs } from '../db/run-logs.ts';
import { listRuns, readRun } from '../db/runs.ts';
import type { Store } from '../db/store.ts';
import { viewRun } from '../training/run-view.ts';
import type { TrainingRunner } from '../training/runner.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { addIdempotency } from './idempotency.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

export interface RunRouteDeps {
  readonly store: Store;
  readonly runner: TrainingRunner;
  readonly now: () => number;
}

const tags = ['training'];
const One = Type.Object({ id: Id });
const RunQuery = Type.Object({ ...PageQuery.properties, model: Type.Optional(Name) });

export function addRunRoutes(api: Api, deps: RunRouteDeps): void {
  const { store, runner } = deps;
  addIdempotency(api, deps);

  api.post(
    '/api/v1/runs',
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Train a model from a data set',
        body: RunRequest,
        response: { 202: Run, ...problemResponses },
      },
    },
    async (request, reply) => {
      const submitted = await runner.submit(request.body, request.actor);
      if (!submitted.ok) return sendRefusal(reply, submitted);
      return reply.status(202).header('location', `/api/v1/runs/${submitted.value.id}`).send(viewRun(submitted.value));
    },
  );

  api.get(
    '/api/v1/runs',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'List runs, newest first',
        querystring: RunQuery,
        response: { 200: page(Run), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT, model } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listRuns(store, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
        ...(model === undefined ? {} : { model }),
      });
      return reply.send(cutPage(rows, limit, ({ id }) => id, viewRun));
    },
  );

  api.get(
    '/api/v1/runs/:id',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'One run', params: One, response: { 200: Run, ...problemResponses } },
    },
    async (request, reply) => {
      const row = await readRun(store, request.params.id);
      return row === undefined
        ? sendRefusal(reply, refuse('not_found', `There is no run ${request.params.id}.`))
        : reply.send(viewRun(row));
    },
  );

  api.post(
    '/api/v1/runs/:id/cancel',
    {
      config: { needs: 'trainer' },
      schema: { tags, summary: 'Cancel a run', params: One, response: { 200: Run, ...problemResponses } },
    },
    async (request, reply) => {
      const cancelled = await runner.cancel(request.params.id, request.actor);
      return cancelled.ok ? reply.send(viewRun(cancelled.value)) : sendRefusal(reply, cancelled);
    },
  );

  api.get(
    '/api/v1/runs/:id/log',
    { config: { needs: 'viewer' }, schema: { tags, summary: 'What the trainer said, as text', params: One } },
    async (request, reply) => {
      const { id } = request.params;
      if ((await readRun(store, id)) === undefined)
        return sendRefusal(reply, refuse('not_found', `There is no run ${id}.`));
      const lines = await listRunLogs(store, id);
      return reply
        .type('text/plain; charset=utf-8')
        .send(lines.map(({ at, text }) => `${new Date(at).toISOString()} ${text}\n`).join(''));
    },
  );
}
