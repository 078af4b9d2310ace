// Folds the kept windows of one device anew and counts what would have been called drift. Writes nothing, and leaves what is known of the
// device alone.
import { type CalibrationCount, countVerdict, NO_COUNT } from '@drover/core/drift/calibrate';
import {
  type DriftSettings,
  type FeatureState,
  type FeatureVerdict,
  foldWindow,
  newFeature,
} from '@drover/core/drift/verdict';
import { decodeWindow } from '@drover/sketch/window-sketch';
import { listWindowsBetween } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import type { ReadModelFacts } from './model-facts.ts';
import { type FeatureKind, observe, seedOf } from './observe-window.ts';

export interface CalibrateDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly settings: DriftSettings;
}

export interface CalibrationQuery {
  readonly device: string;
  readonly model?: string | undefined;
  readonly since: number;
  readonly until: number;
}

export type Calibration = Readonly<Record<FeatureKind, CalibrationCount>> & { readonly windows: number };

/** Windows of one device that are folded for one question: some 300 ms. */
const MOST_WINDOWS = 3000;

export async function calibrateDevice(
  deps: CalibrateDeps,
  { device, model, since, until }: CalibrationQuery,
): Promise<Calibration> {
  const { store, readFacts, settings } = deps;
  const counts: Record<FeatureKind, CalibrationCount> = {
    numeric: NO_COUNT, categorical: NO_COUNT, answers: NO_COUNT, together: NO_COUNT,
  }; // biome-ignore format: one record
  const followed = new Map<string, { state: FeatureState; verdict: FeatureVerdict | undefined }>();
  let windows = 0;
  for (const row of await listWindowsBetween(store, device, since, until, MOST_WINDOWS)) {
    const facts = await readFacts(row.manifest);
    if (model !== undefined && facts.model !== model) continue;
    const window = facts.reference ? decodeWindow(row.stats, facts.reference) : undefined;
    if (!window?.ok) continue;
    windows += 1;
    for (const { feature, kind, observation } of observe(window.value, facts)) {
      const key = JSON.stringify([row.slot, row.manifest, feature]);
      const before = followed.get(key) ?? {
        state: newFeature(seedOf(device, row.slot, row.manifest, feature)),
        verdict: undefined,
      };
      const { state, verdict } = foldWindow(before.state, { ...observation, startAt: row.startAt }, settings);
      followed.set(key, { state, verdict });
      counts[kind] = countVerdict(counts[kind], before.verdict?.verdict, verdict);
    }
  }
  return { windows, ...counts };
}
