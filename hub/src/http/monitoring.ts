// Serves what the fleet reports and what the hub is doing. Never merges a window itself.
import { Readable } from 'node:stream';
import { METRICS } from '@drover/core/health/catalogue';
import { type Result, refuse } from '@drover/core/reasons';
import { DeviceId } from '@drover/wire/http/common';
import {
  Calibration,
  CalibrationQuery,
  DeviceMetrics,
  DriftQuery,
  DriftView,
  MetricCatalogue,
  MetricsQuery,
  Rebaselined,
  RebaselineRequest,
  Status,
  Summary,
  SummaryQuery,
  WindowExportQuery,
} from '@drover/wire/http/monitoring';
import Type, { type Static } from 'typebox';
import type { DriftFilter } from '../monitoring/drift-view.ts';
import type { Summarise } from '../monitoring/summary.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

export interface MonitoringRouteDeps {
  readonly summarise: Summarise;
  readonly drift: (filter: DriftFilter) => Promise<DriftView>;
  readonly rebaseline: (request: RebaselineRequest, actor: string) => Promise<Result<Rebaselined>>;
  readonly exportWindows: (query: Static<typeof WindowExportQuery>) => Result<AsyncGenerator<string>>;
  readonly measure: (device: string, hours: number) => Promise<Result<DeviceMetrics>>;
  readonly calibrate: (query: Static<typeof CalibrationQuery>) => Promise<Result<Calibration>>;
  readonly status: () => Promise<Static<typeof Status>>;
}

const tags = ['monitoring'];
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

export function addMonitoringRoutes(api: Api, deps: MonitoringRouteDeps): void {
  api.get(
    '/api/v1/summary',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Predictions, latency and quality per slot and version',
        querystring: SummaryQuery,
        response: { 200: Summary, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { slot, device, since } = request.query;
      const sinceAt = since === undefined ? undefined : INSTANT.test(since) ? Date.parse(since) : Number.NaN;
      if (Number.isNaN(sinceAt))
        return sendRefusal(
          reply,
          refuse('request_invalid', '"since" must be an RFC 3339 instant such as 2026-03-01T00:00:00Z.'),
        );
      const items = await deps.summarise({
        ...(slot === undefined ? {} : { slot }),
        ...(device === undefined ? {} : { device }),
        ...(sinceAt === undefined ? {} : { since: sinceAt }),
      });
      return reply.send({ items });
    },
  );

  api.get(
    '/api/v1/drift',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Features of devices that moved from what is usual for them, and what these devices have in common',
        querystring: DriftQuery,
        response: { 200: DriftView, ...problemResponses },
      },
    },
    async (request) => deps.drift(request.query),
  );

  api.post(
    '/api/v1/drift/rebaseline',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Take what a device does now for its usual: it is learnt anew',
        body: RebaselineRequest,
        response: { 200: Rebaselined, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await deps.rebaseline(request.body, request.actor);
      return done.ok ? reply.send(done.value) : sendRefusal(reply, done);
    },
  );

  api.get(
    '/api/v1/drift/calibration',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'How often drift would have been called on the kept windows of a device',
        querystring: CalibrationQuery,
        response: { 200: Calibration, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await deps.calibrate(request.query);
      return done.ok ? reply.send(done.value) : sendRefusal(reply, done);
    },
  );

  api.get(
    '/api/v1/windows/export',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Kept windows as CSV, a line for each feature', querystring: WindowExportQuery },
    },
    async (request, reply) => {
      const lines = deps.exportWindows(request.query);
      return lines.ok
        ? reply.type('text/csv; charset=utf-8').send(Readable.from(lines.value))
        : sendRefusal(reply, lines);
    },
  );

  api.get(
    '/api/v1/metrics',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'The names of all metrics', response: { 200: MetricCatalogue, ...problemResponses } },
    },
    async () => ({ items: [...METRICS] }),
  );

  api.get(
    '/api/v1/devices/:id/metrics',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'The metrics of a device and of the models on it',
        params: Type.Object({ id: DeviceId }),
        querystring: MetricsQuery,
        response: { 200: DeviceMetrics, ...problemResponses },
      },
    },
    async (request, reply) => {
      const found = await deps.measure(request.params.id, request.query.hours ?? 24);
      return found.ok ? reply.send(found.value) : sendRefusal(reply, found);
    },
  );

  api.get(
    '/api/v1/status',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'The hub at a glance', response: { 200: Status, ...problemResponses } },
    },
    async () => deps.status(),
  );
}
