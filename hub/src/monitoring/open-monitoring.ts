// Opens what the routes of monitoring read: summaries, quality and drift. Composition only.

import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import type { Result } from '@drover/core/reasons';
import type { DriftView, Rebaselined, RebaselineRequest } from '@drover/wire/http/monitoring';
import type { BlobStore } from '../blobs/blob-store.ts';
import { listLabels } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import { openDriftBook } from './drift.ts';
import { type DriftFilter, viewDrift } from './drift-view.ts';
import { openModelFacts } from './model-facts.ts';
import { openQuality, type ReportQuality } from './quality-report.ts';
import { rebaseline } from './rebaseline.ts';
import { openSummaries, type Summarise } from './summary.ts';

export interface Monitoring {
  readonly summarise: Summarise;
  readonly quality: ReportQuality;
  readonly drift: (filter: DriftFilter) => Promise<DriftView>;
  readonly rebaseline: (request: RebaselineRequest, actor: string) => Promise<Result<Rebaselined>>;
}

export interface MonitoringDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly now: () => number;
  /** How long a device is watched before its drift is judged. */
  readonly learnMs: number;
}

export function openMonitoring({ store, blobs, now, learnMs }: MonitoringDeps): Monitoring {
  const readFacts = openModelFacts({ store, blobs });
  const book = openDriftBook({ store, readFacts, now, settings: { ...DRIFT_SETTINGS, learnMs } });
  return {
    rebaseline: (request, actor) => rebaseline({ store, book, now }, request, actor),
    summarise: openSummaries({ store, readFacts }),
    quality: openQuality({ store, readFacts }),
    async drift(filter) {
      const [all, labels] = [await book.read(), await listLabels(store)];
      const labelsOf = new Map(
        labels.map(({ id, labelsJson }) => [id, JSON.parse(labelsJson) as Record<string, string>]),
      );
      return viewDrift(all, labelsOf, filter);
    },
  };
}
