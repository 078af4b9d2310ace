// Serves what the fleet reports and what the hub is doing. Never merges a window itself.
import { Readable } from 'node:stream';
import { METRICS } from '@drover/core/health/catalogue';
import type { Result } from '@drover/core/reasons';
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
import { QualityQuery, QualityReport } from '@drover/wire/http/quality';
import Type, { type Static } from 'typebox';
import type { DriftFilter } from '../monitoring/drift-view.ts';
import type { KpiDeps } from '../monitoring/kpis.ts';
import type { ReportQuality } from '../monitoring/quality-report.ts';
import type { Summarise } from '../monitoring/summary.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { parseInstant } from './instants.ts';
import { addKpiRoutes } from './kpis.ts';
import type { Api } from './server.ts';

export interface MonitoringRouteDeps {
  readonly summarise: Summarise;
  readonly quality: ReportQuality;
  readonly kpi: KpiDeps;
  readonly drift: (filter: DriftFilter) => Promise<DriftView>;
  readonly rebaseline: (request: RebaselineRequest, actor: string) => Promise<Result<Rebaselined>>;
  readonly exportWindows: (query: Static<typeof WindowExportQuery>) => Result<AsyncGenerator<string | Uint8Array>>;
  readonly measure: (device: string, hours: number) => Promise<Result<DeviceMetrics>>;
  readonly calibrate: (query: Static<typeof CalibrationQuery>) => Promise<Result<Calibration>>;
  readonly status: () => Promise<Static<typeof Status>>;
}

const TABLE_TYPES = { csv: 'text/csv; charset=utf-8', parquet: 'application/vnd.apache.parquet' } as const;

const tags = ['monitoring'];
export function addMonitoringRoutes(api: Api, deps: MonitoringRouteDeps): void {
  addKpiRoutes(api, deps.kpi);
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
      const { slot, device } = request.query;
      const since = parseInstant('since', request.query.since);
      if (!since.ok) return sendRefusal(reply, since);
      const items = await deps.summarise({
        ...(slot === undefined ? {} : { slot }),
        ...(device === undefined ? {} : { device }),
        ...(since.value === undefined ? {} : { since: since.value }),
      });
      return reply.send({ items });
    },
  );

  api.get(
    '/api/v1/quality',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Quality of model versions from late labels, when it changed, and what is estimated without labels',
        querystring: QualityQuery,
        response: { 200: QualityReport, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { since, detector = 'adwin', ...filter } = request.query;
      const sinceAt = parseInstant('since', since);
      if (!sinceAt.ok) return sendRefusal(reply, sinceAt);
      return reply.send(await deps.quality({ ...filter, since: sinceAt.value, detector }));
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
      schema: {
        tags,
        summary: 'Kept windows as CSV or Parquet, a line for each feature',
        querystring: WindowExportQuery,
      },
    },
    async (request, reply) => {
      const lines = deps.exportWindows(request.query);
      return lines.ok
        ? reply.type(TABLE_TYPES[request.query.format ?? 'csv']).send(Readable.from(lines.value))
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
