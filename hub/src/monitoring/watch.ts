// Owns what alert rules watch of models: their metrics over the last hour, and what labels say of them. Computed when a rule asks, and then
// not again for a while, for it takes a core a second or more. Never judges a number.
import { MODEL_METRICS } from '@drover/core/health/catalogue';
import { listSlotStates } from '../db/alert-sources.ts';
import type { Store } from '../db/store.ts';
import { type ModelHealth, type ModelValues, measureModels } from './device-metrics.ts';
import type { ReadModelFacts } from './model-facts.ts';
import { type LabelledErrors, readErrors } from './quality-report.ts';

export interface WatchedModel extends ModelHealth {
  readonly device: string;
}

export interface ModelWatch {
  /** Of what runs in each slot of each device. */
  models(): Promise<readonly WatchedModel[]>;
  /** Of the last 30 days. */
  errors(): Promise<readonly LabelledErrors[]>;
}

export interface WatchDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly now: () => number;
  readonly windowSeconds: number;
}

const SILENT = Object.fromEntries(MODEL_METRICS.map(({ name }) => [name, null])) as ModelValues;
const MOST_OFTEN_MS = 300_000;
const LEAST_SPAN_MS = 3_600_000;
/** So that an hour of long windows still has some. */
const SPAN_WINDOWS = 4;
const ERROR_SPAN_MS = 30 * 86_400_000;

export function openModelWatch({ store, readFacts, now, windowSeconds }: WatchDeps): ModelWatch {
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
    for (const [device, streams] of running) {
      for (const model of await measureModels({ store, readFacts, now }, device, now() - spanMs, []))
        if (streams.delete(`${model.slot}\n${model.manifest}`)) all.push({ ...model, device });
      // What runs and said nothing is not known to be well.
      for (const stream of streams) {
        const [slot = '', manifest = ''] = stream.split('\n');
        const { model, version } = await readFacts(manifest);
        all.push({ device, slot, manifest, model, version, values: SILENT });
      }
    }
    return all;
  }

  function seldom<T>(read: () => Promise<T>): () => Promise<T> {
    let last: { readonly at: number; readonly value: T } | undefined;
    return async () => {
      if (!last || now() - last.at >= everyMs) last = { at: now(), value: await read() };
      return last.value;
    };
  }

  return {
    models: seldom(readModels),
    errors: seldom(() => readErrors({ store, readFacts }, now() - ERROR_SPAN_MS, 'adwin')),
  };
}
