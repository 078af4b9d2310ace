// Owns what alert rules watch of models: their metrics over the last hour, and what labels say of them. Computed when a rule asks, and then
// not again for a while, for it takes a core a second or more. Never judges a number.
import type { QualityReport } from '@drover/wire/http/quality';
import { listSlotStates } from '../db/alert-sources.ts';
import { type LabelledStream, listLabelledStreams, newestLabelAt } from '../db/quality.ts';
import type { Store } from '../db/store.ts';
import { type ModelHealth, measureModels } from './device-metrics.ts';
import type { ReadModelFacts } from './model-facts.ts';
import type { ReportQuality } from './quality-report.ts';

export interface WatchedModel extends ModelHealth {
  readonly device: string;
}

export interface WatchedQuality {
  readonly report: QualityReport;
  /** Devices of which there are labels. */
  readonly labelled: readonly LabelledStream[];
}

export interface ModelWatch {
  /** Of what runs in each slot of each device. */
  models(): Promise<readonly WatchedModel[]>;
  quality(): Promise<WatchedQuality>;
}

export interface WatchDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly reportQuality: ReportQuality;
  readonly now: () => number;
  readonly windowSeconds: number;
}

const MOST_OFTEN_MS = 300_000;
const LEAST_SPAN_MS = 3_600_000;
/** So that an hour of long windows still has some. */
const SPAN_WINDOWS = 4;
const QUALITY_SPAN_MS = 30 * 86_400_000;

export function openModelWatch({ store, readFacts, reportQuality, now, windowSeconds }: WatchDeps): ModelWatch {
  const everyMs = Math.min(MOST_OFTEN_MS, windowSeconds * 1000);
  const spanMs = Math.max(LEAST_SPAN_MS, SPAN_WINDOWS * windowSeconds * 1000);

  async function readModels(): Promise<WatchedModel[]> {
    const running = new Map<string, Set<string>>();
    for (const { device, slot, running: manifest } of await listSlotStates(store)) {
      if (manifest === null) continue;
      const own = running.get(device) ?? new Set();
      running.set(device, own.add(`${slot}\n${manifest}`));
    }
    const all: WatchedModel[] = [];
    for (const [device, streams] of running)
      for (const model of await measureModels({ store, readFacts, now }, device, now() - spanMs, []))
        if (streams.has(`${model.slot}\n${model.manifest}`)) all.push({ ...model, device });
    return all;
  }

  async function readQuality(): Promise<WatchedQuality> {
    const since = now() - QUALITY_SPAN_MS;
    const labelled = await listLabelledStreams(store, since);
    if (labelled.length === 0) return { report: { items: [], isCut: false }, labelled };
    return { report: await reportQuality({ detector: 'adwin', since }), labelled };
  }

  let models: { readonly at: number; readonly value: readonly WatchedModel[] } | undefined;
  let quality: { readonly at: number; readonly newest: number; readonly value: WatchedQuality } | undefined;
  const isFresh = (at: number): boolean => now() - at < everyMs;
  return {
    async models() {
      if (!models || !isFresh(models.at)) models = { at: now(), value: await readModels() };
      return models.value;
    },
    async quality() {
      if (quality && isFresh(quality.at)) return quality.value;
      const newest = await newestLabelAt(store);
      // Without new labels it says what it said.
      const value = quality?.newest === newest ? quality.value : await readQuality();
      quality = { at: now(), newest, value };
      return value;
    },
  };
}
