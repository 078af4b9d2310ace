// Opens what the routes of monitoring read: summaries, quality and drift. Composition only.

import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type {
  Calibration,
  CalibrationQuery,
  DeviceMetrics,
  DriftView,
  Rebaselined,
  RebaselineRequest,
  WindowExportQuery,
} from '@drover/wire/http/monitoring';
import type { Logger } from 'pino';
import type { Static } from 'typebox';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { HubConfig } from '../config.ts';
import { readDevice } from '../db/devices.ts';
import { listLabels } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import { calibrateDevice } from './calibrate.ts';
import { measureHealth } from './device-metrics.ts';
import { type FeatureDrift, openDriftBook } from './drift.ts';
import { type DriftFilter, viewDrift } from './drift-view.ts';
import { exportWindows } from './export-windows.ts';
import type { KpiDeps } from './kpis.ts';
import { openModelFacts, type ReadModelFacts } from './model-facts.ts';
import { openQuality, type ReportQuality } from './quality-report.ts';
import { rebaseline } from './rebaseline.ts';
import { startRetention } from './retention.ts';
import { openSummaries, type Summarise } from './summary.ts';
import { type ModelWatch, openModelWatch } from './watch.ts';

export interface Monitoring {
  readonly summarise: Summarise;
  readonly quality: ReportQuality;
  readonly kpi: KpiDeps;
  close(): Promise<void>;
  readonly drift: (filter: DriftFilter) => Promise<DriftView>;
  readonly readDrift: () => Promise<readonly FeatureDrift[]>;
  readonly readFacts: ReadModelFacts;
  readonly watch: ModelWatch;
  readonly exportWindows: (query: Static<typeof WindowExportQuery>) => Result<AsyncGenerator<string | Uint8Array>>;
  readonly measure: (device: string, hours: number) => Promise<Result<DeviceMetrics>>;
  readonly calibrate: (query: Static<typeof CalibrationQuery>) => Promise<Result<Calibration>>;
  readonly rebaseline: (request: RebaselineRequest, actor: string) => Promise<Result<Rebaselined>>;
}

export interface MonitoringDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly now: () => number;
  readonly config: Pick<
    HubConfig,
    'dev' | 'driftLearnHours' | 'windowSeconds' | 'windowDays' | 'summaryDays' | 'logDays'
  >;
  readonly log: Logger;
}

/** From the beginning where it does not say, until now. */
function readSpan(
  since: string | undefined,
  until: string | undefined,
  now: number,
): Result<{ since: number; until: number }> {
  const [from, to] = [since === undefined ? 0 : Date.parse(since), until === undefined ? now : Date.parse(until)];
  return Number.isFinite(from) && Number.isFinite(to)
    ? accept({ since: from, until: to })
    : refuse('request_invalid', '"since" and "until" must be RFC 3339 instants such as 2026-03-01T00:00:00Z.');
}

export function openMonitoring({ store, blobs, now, config, log }: MonitoringDeps): Monitoring {
  const readFacts = openModelFacts({ store, blobs });
  // Who tries a hub out does not wait for a day.
  const learnMs = 3_600_000 * (config.driftLearnHours ?? (config.dev ? 0 : 24));
  const settings = { ...DRIFT_SETTINGS, learnMs };
  const book = openDriftBook({ store, readFacts, now, settings });
  const { windowDays, summaryDays, logDays } = config;
  const retention = startRetention({ store, readFacts, now, log, windowDays, summaryDays, logDays });
  return {
    close: () => retention.close(),
    watch: openModelWatch({ store, readFacts, now, windowSeconds: config.windowSeconds }),
    readDrift: () => book.read(),
    readFacts,
    exportWindows({ device, model, since, until, format = 'csv' }) {
      const span = readSpan(since, until, now());
      return span.ok ? accept(exportWindows({ store, readFacts }, { device, model, ...span.value }, format)) : span;
    },
    async measure(device, hours) {
      const readDrift = () => book.read();
      const found = await measureHealth({ store, readFacts, readDrift, now }, device, now() - 3_600_000 * hours);
      return found ? accept({ ...found, models: [...found.models] }) : refuse('device_unknown', `"${device}".`);
    },
    async calibrate({ device, model, since, until }) {
      if ((await readDevice(store, device)) === undefined) return refuse('device_unknown', `"${device}".`);
      const span = readSpan(since, until, now());
      if (!span.ok) return span;
      const { windowsPerFalseAlarm } = settings;
      const counts = await calibrateDevice({ store, readFacts, settings }, { device, model, ...span.value });
      return accept({ ...counts, windowsPerFalseAlarm });
    },
    rebaseline: (request, actor) => rebaseline({ store, book, now }, request, actor),
    summarise: openSummaries({ store, readFacts }),
    quality: openQuality({ store, readFacts }),
    kpi: { store, readFacts, now },
    async drift(filter) {
      const [all, labels] = [await book.read(), await listLabels(store)];
      const labelsOf = new Map(
        labels.map(({ id, labelsJson }) => [id, JSON.parse(labelsJson) as Record<string, string>]),
      );
      // What was removed is not told of any more.
      return viewDrift(
        all.filter(({ device }) => labelsOf.has(device)),
        labelsOf,
        filter,
      );
    },
  };
}
