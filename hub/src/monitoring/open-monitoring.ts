// Opens what the routes of monitoring read: summaries and drift. Composition only.

import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import type { Result } from '@drover/core/reasons';
import type { DriftView, Rebaselined, RebaselineRequest } from '@drover/wire/http/monitoring';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { HubConfig } from '../config.ts';
import { listLabels } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import { type FeatureDrift, openDriftBook } from './drift.ts';
import { type DriftFilter, viewDrift } from './drift-view.ts';
import { openModelFacts, type ReadModelFacts } from './model-facts.ts';
import { rebaseline } from './rebaseline.ts';
import { startRetention } from './retention.ts';
import { openSummaries, type Summarise } from './summary.ts';

export interface Monitoring {
  readonly summarise: Summarise;
  close(): Promise<void>;
  readonly drift: (filter: DriftFilter) => Promise<DriftView>;
  readonly readDrift: () => Promise<readonly FeatureDrift[]>;
  readonly readFacts: ReadModelFacts;
  readonly rebaseline: (request: RebaselineRequest, actor: string) => Promise<Result<Rebaselined>>;
}

export interface MonitoringDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly now: () => number;
  readonly config: Pick<HubConfig, 'dev' | 'driftLearnHours' | 'windowDays' | 'summaryDays' | 'logDays'>;
  readonly log: Logger;
}

export function openMonitoring({ store, blobs, now, config, log }: MonitoringDeps): Monitoring {
  const readFacts = openModelFacts({ store, blobs });
  // Who tries a hub out does not wait for a day.
  const learnMs = 3_600_000 * (config.driftLearnHours ?? (config.dev ? 0 : 24));
  const book = openDriftBook({ store, readFacts, now, settings: { ...DRIFT_SETTINGS, learnMs } });
  const { windowDays, summaryDays, logDays } = config;
  const retention = startRetention({ store, readFacts, now, log, windowDays, summaryDays, logDays });
  return {
    close: () => retention.close(),
    readDrift: () => book.read(),
    readFacts,
    rebaseline: (request, actor) => rebaseline({ store, book, now }, request, actor),
    summarise: openSummaries({ store, readFacts }),
    async drift(filter) {
      const [all, labels] = [await book.read(), await listLabels(store)];
      const labelsOf = new Map(
        labels.map(({ id, labelsJson }) => [id, JSON.parse(labelsJson) as Record<string, string>]),
      );
      return viewDrift(all, labelsOf, filter);
    },
  };
}
