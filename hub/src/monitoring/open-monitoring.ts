// Opens what the routes of monitoring read: summaries and drift. Composition only.

import type { DriftView } from '@drover/wire/http/monitoring';
import type { BlobStore } from '../blobs/blob-store.ts';
import { listLabels } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import { openDriftBook } from './drift.ts';
import { type DriftFilter, viewDrift } from './drift-view.ts';
import { openModelFacts } from './model-facts.ts';
import { openSummaries, type Summarise } from './summary.ts';

export interface Monitoring {
  readonly summarise: Summarise;
  readonly drift: (filter: DriftFilter) => Promise<DriftView>;
}

export function openMonitoring({ store, blobs }: { readonly store: Store; readonly blobs: BlobStore }): Monitoring {
  const readFacts = openModelFacts({ store, blobs });
  const book = openDriftBook({ store, readFacts });
  return {
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
