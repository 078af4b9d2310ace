// Serves business numbers and what they come to by model version. Never joins them itself.
import { KpiList, KpiParams, KpiPoints, KpiQuery, KpiStored, KpiView } from '@drover/wire/http/kpis';
import { listKpis } from '../db/kpis.ts';
import { type KpiDeps, storeKpi, viewKpi } from '../monitoring/kpis.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { addIdempotency } from './idempotency.ts';
import { parseInstant } from './instants.ts';
import type { Api } from './server.ts';

const tags = ['monitoring'];

export function addKpiRoutes(api: Api, deps: KpiDeps): void {
  addIdempotency(api, deps);
  api.post(
    '/api/v1/kpis/:name/points',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Bring business numbers of devices, such as scrap or downtime',
        params: KpiParams,
        body: KpiPoints,
        response: { 200: KpiStored, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await storeKpi(deps, request.params.name, request.body, request.actor);
      return done.ok ? reply.send(done.value) : sendRefusal(reply, done);
    },
  );
  api.get(
    '/api/v1/kpis',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Which business numbers there are', response: { 200: KpiList, ...problemResponses } },
    },
    async () => ({
      items: (await listKpis(deps.store)).map(({ fromAt, toAt, ...one }) => ({
        ...one,
        fromAt: new Date(fromAt).toISOString(),
        toAt: new Date(toAt).toISOString(),
      })),
    }),
  );
  api.get(
    '/api/v1/kpis/:name',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'One business number by model version, and its change from the one before',
        params: KpiParams,
        querystring: KpiQuery,
        response: { 200: KpiView, ...problemResponses },
      },
    },
    async (request, reply) => {
      const since = parseInstant('since', request.query.since);
      return since.ok ? reply.send(await viewKpi(deps, request.params.name, since.value)) : sendRefusal(reply, since);
    },
  );
}
