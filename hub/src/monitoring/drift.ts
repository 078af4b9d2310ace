// Folds the windows of each device into verdicts of its features, as they come, and again where one came late. Keeps them in
// memory: a hub that starts reads what its database holds. Never decides what drift is: core does.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { observeCategories, observeNumeric } from '@drover/core/drift/observe';
import {
  type FeatureState,
  type FeatureVerdict,
  foldWindow,
  newFeature,
  type Observation,
} from '@drover/core/drift/verdict';
import { decodeWindow, type WindowSketch } from '@drover/sketch/window-sketch';
import { type DriftWindow, listSenders, listWindowsOf } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import type { ModelFacts, ReadModelFacts } from './model-facts.ts';

export interface DriftDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
}

/** One feature of one device, as its last window left it. */
export interface FeatureDrift extends FeatureVerdict {
  readonly device: string;
  readonly slot: string;
  readonly manifest: string;
  readonly model: string | null;
  readonly version: number | null;
  readonly feature: string;
  readonly windows: number;
  /** End of the last window, ms since epoch. */
  readonly at: number;
}

export interface DriftBook {
  /** Takes in what came since the last time, then tells of all devices. Calls that overlap share one pass. */
  read(): Promise<readonly FeatureDrift[]>;
}

/** Windows of one device that a verdict is made of: 10 days of quarter hours. */
const MOST_WINDOWS = 1000;
/** What a regression answered is followed like a feature. No feature of a baseline is called so. */
export const OUTPUT = '(output)';

interface Followed {
  state: FeatureState;
  verdict: FeatureVerdict | undefined;
}

interface Stream {
  readonly slot: string;
  readonly manifest: string;
  readonly facts: ModelFacts;
  readonly features: Map<string, Followed>;
  endAt: number;
}

interface Device {
  /** Everything that came before this was folded, and of what came at it these. */
  cursor: number;
  atCursor: Set<string>;
  lastStart: number;
  readonly streams: Map<string, Stream>;
}

const keyOf = ({ bootId, slot, manifest, number, revision }: DriftWindow): string =>
  `${bootId}/${slot}/${manifest}/${number}/${revision}`;

/** What one window says of each feature. */
function* observe(window: WindowSketch, { baseline }: ModelFacts): Generator<readonly [string, Observation]> {
  let [numeric, categorical] = [0, 0];
  for (const feature of baseline?.features ?? []) {
    if (feature.kind === 'numeric') {
      const sketch = window.numeric[numeric++];
      if (sketch) yield [feature.name, observeNumeric(sketch, feature)];
    } else {
      const sketch = window.categorical[categorical++];
      if (sketch) yield [feature.name, observeCategories(sketch, feature)];
    }
  }
  const output = baseline?.output;
  if (output?.kind === 'regression' && window.regression) yield [OUTPUT, observeNumeric(window.regression, output)];
}

export function openDriftBook({ store, readFacts }: DriftDeps): DriftBook {
  const devices = new Map<string, Device>();
  let since = 0;
  let pass: Promise<void> | undefined;

  async function streamOf(device: Device, { slot, manifest }: DriftWindow): Promise<Stream> {
    const key = `${slot}\n${manifest}`;
    let stream = device.streams.get(key);
    if (!stream) {
      stream = { slot, manifest, facts: await readFacts(manifest), features: new Map(), endAt: 0 };
      device.streams.set(key, stream);
    }
    return stream;
  }

  async function fold(device: Device, row: DriftWindow): Promise<void> {
    const stream = await streamOf(device, row);
    device.lastStart = Math.max(device.lastStart, row.startAt);
    // Counted on another baseline, or damaged: nothing can be told from it.
    const window = stream.facts.reference ? decodeWindow(row.stats, stream.facts.reference) : undefined;
    if (!window?.ok) return;
    stream.endAt = row.endAt;
    for (const [name, observation] of observe(window.value, stream.facts)) {
      const followed = stream.features.get(name) ?? { state: newFeature(), verdict: undefined };
      stream.features.set(name, foldWindow(followed.state, observation));
    }
  }

  async function take(id: string): Promise<void> {
    const known = devices.get(id);
    let device: Device = known ?? { cursor: 0, atCursor: new Set(), lastStart: 0, streams: new Map() };
    let rows: readonly DriftWindow[] = (await listWindowsOf(store, id, device.cursor, MOST_WINDOWS)).filter(
      (row) => row.receivedAt > device.cursor || !device.atCursor.has(keyOf(row)),
    );
    if (rows.length === 0) return;
    // An amended window was folded before, as it was.
    const isLate = rows.some(
      ({ startAt, revision }) => startAt < device.lastStart || (revision > 0 && startAt === device.lastStart),
    );
    if (isLate) {
      device = { cursor: 0, atCursor: new Set(), lastStart: 0, streams: new Map() };
      rows = await listWindowsOf(store, id, 0, MOST_WINDOWS);
    }
    for (const row of rows) await fold(device, row);
    const newest = Math.max(device.cursor, ...rows.map((row) => row.receivedAt));
    const seen = rows.filter((row) => row.receivedAt === newest).map(keyOf);
    device.atCursor = new Set(newest === device.cursor ? [...device.atCursor, ...seen] : seen);
    device.cursor = newest;
    devices.set(id, device);
  }

  async function takeAll(): Promise<void> {
    const senders = await listSenders(store, since);
    for (const { device } of senders) {
      await take(device);
      await nextTurn();
    }
    // A second earlier: a commit of the same moment may not have been seen. A pass that failed begins again where it was.
    since = Math.max(since, ...senders.map(({ updatedAt }) => updatedAt - 1000));
  }

  function* view(): Generator<FeatureDrift> {
    for (const [device, { streams }] of devices)
      for (const { slot, manifest, facts, features, endAt } of streams.values())
        for (const [feature, { state, verdict }] of features)
          if (verdict)
            yield {
              ...verdict, device, slot, manifest, model: facts.model, version: facts.version, feature,
              windows: state.windows, at: endAt,
            }; // biome-ignore format: one record
  }

  return {
    async read() {
      pass ??= takeAll().finally(() => {
        pass = undefined;
      });
      await pass;
      return [...view()];
    },
  };
}
