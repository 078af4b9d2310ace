// Serves rollouts and their deployments: start, list, abort. What a device does next is decided elsewhere.
import { refuse } from '@drover/core/reasons';
import { DeviceId, Id, PageQuery, page } from '@drover/wire/http/common';
import {
  ApprovalBody,
  Deployment,
  DeviceWhy,
  PromoteBody,
  Rollout,
  RolloutDetail,
  RolloutPreview,
  RolloutRequest,
  RolloutWhy,
} from '@drover/wire/http/rollouts';
import Type from 'typebox';
import { listDeployments, listRollouts, type RolloutRow, readRollout } from '../db/rollouts.ts';
import {
  abortRollout,
  approveRollout,
  pauseRollout,
  promoteRollout,
  resumeRollout,
  rollBack,
} from '../rollouts/control.ts';
import { createRollout, type RolloutDeps } from '../rollouts/create.ts';
import { readDeviceWhy } from '../rollouts/explain-device.ts';
import { previewRollout } from '../rollouts/preview.ts';
import { viewDeployments, viewRolloutDetail, viewRollouts } from '../rollouts/rollout-views.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { addIdempotency } from './idempotency.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

const tags = ['rollouts'];
const One = Type.Object({ id: Id });

const CONTROLS = [
  { path: 'pause', summary: 'Let no further device begin', control: pauseRollout },
  { path: 'resume', summary: 'Go on; failures so far are taken as seen', control: resumeRollout },
  { path: 'rollback', summary: 'Bring every device back to what it ran before', control: rollBack },
] as const;

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
      schema: { tags, summary: 'One rollout', params: One, response: { 200: RolloutDetail, ...problemResponses } },
    },
    async (request, reply) => {
      const row = await readRollout(store, request.params.id);
      if (row === undefined) return sendRefusal(reply, refuse('rollout_unknown', `"${request.params.id}".`));
      return reply.send(await viewRolloutDetail(store, row));
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

  api.post(
    '/api/v1/rollouts/preview',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'What a rollout would do to the devices that match now; nothing is started',
        body: RolloutRequest,
        response: { 200: RolloutPreview, ...problemResponses },
      },
    },
    async (request, reply) => {
      const seen = await previewRollout(deps, request.body);
      return seen.ok ? reply.send(seen.value) : sendRefusal(reply, seen);
    },
  );

  api.get(
    '/api/v1/devices/:device/why',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Why a device runs what it runs, and why it does not move',
        params: Type.Object({ device: DeviceId }),
        response: { 200: DeviceWhy, ...problemResponses },
      },
    },
    async (request, reply) => {
      const why = await readDeviceWhy(store, request.params.device, deps.now());
      return why.ok ? reply.send(why.value) : sendRefusal(reply, why);
    },
  );

  for (const { path, summary, control } of CONTROLS) {
    api.post(
      `/api/v1/rollouts/:id/${path}`,
      {
        config: { needs: 'operator' },
        schema: { tags, summary, params: One, body: RolloutWhy, response: { 200: Rollout, ...problemResponses } },
      },
      async (request, reply) => {
        const done = await control(deps, request.params.id, request.actor, request.body.because);
        return done.ok ? reply.send(await viewOne(done.value)) : sendRefusal(reply, done);
      },
    );
  }

  api.post(
    '/api/v1/rollouts/:id/approve',
    {
      config: { needs: 'approver' },
      schema: {
        tags,
        summary: 'Agree to the plan of a rollout that somebody else made',
        params: One,
        body: ApprovalBody,
        response: { 200: Rollout, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await approveRollout(deps, request.params.id, request.actor, request.body);
      return done.ok ? reply.send(await viewOne(done.value)) : sendRefusal(reply, done);
    },
  );

  api.post(
    '/api/v1/rollouts/:id/promote',
    {
      config: { needs: 'approver' },
      schema: {
        tags,
        summary: 'Pass a stage that its gate does not pass; it takes two people and a reason',
        params: One,
        body: PromoteBody,
        response: { 200: Rollout, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await promoteRollout(deps, request.params.id, request.actor, request.body.reason);
      return done.ok ? reply.send(await viewOne(done.value)) : sendRefusal(reply, done);
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
