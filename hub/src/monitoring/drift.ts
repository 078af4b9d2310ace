// Folds the windows of each device into verdicts of its features, as they come, and again where one came late. Writes down what
// it knows, so that a start reads little. Never decides what drift is: core does.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Diagnosis, diagnose, NO_DETAIL } from '@drover/core/drift/diagnose';
import { leastBelieved } from '@drover/core/drift/gate';
import { weigh } from '@drover/core/drift/influence';
import {
  type DriftSettings,
  eValueOfFeature,
  type FeatureVerdict,
  type FleetVerdict,
  foldWindow,
  newFeature,
} from '@drover/core/drift/verdict';
import { decodeWindow } from '@drover/sketch/window-sketch';
import {
  type DriftWindow,
  listBaselines,
  listSenders,
  listWindowsOf,
  readDriftState,
  writeDriftState,
} from '../db/drift.ts';
import type { Statement, Store } from '../db/store.ts';
import { type DriftDevice, decodeDevice, newDevice, type Stream, streamKey } from './drift-device.ts';
import { openShelf } from './drift-shelf.ts';
import type { ReadModelFacts } from './model-facts.ts';
import { observe, type Seen, seedOf, TOGETHER } from './observe-window.ts';

export interface DriftDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly now: () => number;
  readonly settings: DriftSettings;
  /** Devices whose state is held ready. */
  readonly unpacked?: number;
}

/** One feature of one device, as its last window left it. */
export interface FeatureDrift extends Omit<FeatureVerdict, 'verdict'> {
  readonly verdict: FleetVerdict;
  readonly device: string;
  readonly slot: string;
  readonly manifest: string;
  readonly model: string | null;
  readonly version: number | null;
  readonly feature: string;
  readonly windows: number;
  /** End of the last window, ms since epoch. */
  readonly at: number;
  /** What it looks like; of numeric features, while they are material. */
  readonly diagnosis: Diagnosis | undefined;
}

export interface DriftBook {
  /** Takes in what came since the last time, then tells of all devices. Calls that overlap share one pass. */
  read(): Promise<readonly FeatureDrift[]>;
  /** Forgets what was usual, once the baseline was written: features, or all with ''. */
  forget(device: string, feature: string): Promise<void>;
}

/** Windows of one device that a verdict is made of where nothing was written down: 10 days of quarter hours. */
const MOST_WINDOWS = 1000;
/** Windows of a device between two times that it is written down: a start folds at most so many again. */
const WRITE_EVERY = 16;
/** Devices that are written down in one transaction. */
const WRITTEN_TOGETHER = 32;
/** 60 MB where devices have 20 features. */
const UNPACKED = 512;
/** Of the evidence that an alarm takes; without a change it is rarely seen. */
const GATHERS = 0.01;
/** Of what is said to have moved at one look at most this share did by chance. */
const FALSE_SHARE = 0.1;

const keyOf = ({ bootId, slot, manifest, number, revision }: DriftWindow): string =>
  `${bootId}/${slot}/${manifest}/${number}/${revision}`;

/** What a feature that moved looks like now. */
function diagnosisOf({ verdict, aspect }: FeatureVerdict, { numeric, between, unseen }: Seen): Diagnosis | undefined {
  if (verdict !== 'material' || aspect === undefined) return undefined;
  if (between && aspect !== 'level') return { kind: 'relation', ...NO_DETAIL, between };
  if (unseen && aspect === 'tail') return { kind: 'categories', ...NO_DETAIL, unseen };
  if (!numeric) return undefined;
  const { moments, hist } = numeric.sketch;
  const seen = { mean: moments.mean, sd: Math.sqrt(moments.variance), counts: hist.counts };
  return diagnose(aspect, seen, numeric.reference);
}

/** Faults need no evidence of earlier windows. */
const isByEvidence = ({ verdict, aspect }: FeatureDrift): boolean =>
  (verdict === 'material' || verdict === 'immaterial') && aspect !== 'stuck' && aspect !== 'dropout';

/** It moved, or evidence gathers that it does: all together may be sure a window or two before the feature is. */
const isMoving = ({ aspect, evidence }: FeatureVerdict): boolean => aspect !== undefined || evidence >= GATHERS;

/** A feature that moved moves all together: that one is told, and this is no second alarm. */
const notByItself = (verdict: FeatureVerdict): FeatureVerdict =>
  verdict.aspect === undefined ? verdict : { ...verdict, verdict: 'ok', aspect: undefined, change: 0, leastChange: 0 };

/** Whether a window that came then still says something of the feature. */
type Counts = (feature: string, receivedAt: number) => boolean;

/** With its e-value. */
type Told = FeatureDrift & { readonly e: number };

export function openDriftBook({ store, readFacts, now, settings, unpacked = UNPACKED }: DriftDeps): DriftBook {
  const shelf = openShelf<Told>(unpacked);
  /** Windows that were folded since the device was written down. */
  const unwritten = new Map<string, number>();
  let since = 0;
  let pass: Promise<void> | undefined;

  async function countsOf(id: string): Promise<Counts> {
    const from = new Map((await listBaselines(store, id)).map(({ feature, sinceAt }) => [feature, sinceAt]));
    if (from.size === 0) return () => true;
    return (feature, receivedAt) => receivedAt >= Math.max(from.get('') ?? 0, from.get(feature) ?? 0);
  }

  async function fold(id: string, device: DriftDevice, row: DriftWindow, counts: Counts): Promise<void> {
    const { slot, manifest } = row;
    const facts = await readFacts(manifest);
    const key = streamKey(slot, manifest);
    const stream: Stream = device.streams.get(key) ?? { slot, manifest, features: new Map(), endAt: 0 };
    device.streams.set(key, stream);
    device.lastStart = Math.max(device.lastStart, row.startAt);
    // Counted on another baseline, or damaged: nothing can be told from it.
    const window = facts.reference ? decodeWindow(row.stats, facts.reference) : undefined;
    if (!window?.ok) return;
    stream.endAt = row.endAt;
    for (const seen of observe(window.value, facts)) {
      const { feature, observation } = seen;
      if (!counts(feature, row.receivedAt)) continue;
      const before = stream.features.get(feature)?.state ?? newFeature(seedOf(id, slot, manifest, feature));
      const { state, verdict: found } = foldWindow(before, { ...observation, startAt: row.startAt }, settings);
      const verdict = weigh(found, seen.influence, settings);
      stream.features.set(feature, { state, verdict, diagnosis: diagnosisOf(verdict, seen) });
    }
  }

  async function take(id: string): Promise<void> {
    let device = shelf.take(id);
    const isKnown = device !== undefined;
    if (!device) {
      const written = await readDriftState(store, id);
      device = (written && decodeDevice(written.body)) ?? newDevice();
    }
    const { cursor, atCursor, lastStart } = device;
    let rows: readonly DriftWindow[] = (await listWindowsOf(store, id, cursor, MOST_WINDOWS)).filter(
      (row) => row.receivedAt > cursor || !atCursor.has(keyOf(row)),
    );
    if (rows.length === 0) {
      if (!isKnown) shelf.put(id, device, await tell(id, device));
      return;
    }
    // An amended window was folded before, as it was.
    const isLate = rows.some(({ startAt, revision }) => startAt < lastStart || (revision > 0 && startAt === lastStart));
    if (isLate) {
      device = newDevice();
      rows = await listWindowsOf(store, id, 0, MOST_WINDOWS);
    }
    const counts = await countsOf(id);
    // A pass that fails in the middle must not fold a window twice.
    shelf.drop(id);
    for (const row of rows) await fold(id, device, row, counts);
    const newest = Math.max(device.cursor, ...rows.map((row) => row.receivedAt));
    const seen = rows.filter((row) => row.receivedAt === newest).map(keyOf);
    device.atCursor = new Set(newest === device.cursor ? [...device.atCursor, ...seen] : seen);
    device.cursor = newest;
    shelf.put(id, device, await tell(id, device));
    unwritten.set(id, (unwritten.get(id) ?? 0) + rows.length);
  }

  async function writeDown(): Promise<void> {
    const due = [...unwritten].filter(([, windows]) => windows >= WRITE_EVERY).map(([id]) => id);
    for (let from = 0; from < due.length; from += WRITTEN_TOGETHER) {
      const some = due.slice(from, from + WRITTEN_TOGETHER);
      const statements = some.flatMap((id): Statement[] => {
        const body = shelf.bytesOf(id);
        return body ? [writeDriftState({ device: id, body, updatedAt: now() })] : [];
      });
      // A device that was removed meanwhile is a conflict, and nothing to keep: the others are written the next time.
      const done = await store.commit(statements);
      for (const [at, id] of some.entries()) if (done.ok || done.at === at) unwritten.delete(id);
      await nextTurn();
    }
  }

  async function takeAll(): Promise<void> {
    const senders = await listSenders(store, since);
    for (const { device } of senders) {
      await take(device);
      await nextTurn();
    }
    // A second earlier: a commit of the same moment may not have been seen. A pass that failed begins again where it was.
    since = Math.max(since, ...senders.map(({ updatedAt }) => updatedAt - 1000));
    await writeDown();
  }

  async function tell(device: string, { streams }: DriftDevice): Promise<Told[]> {
    const told: Told[] = [];
    for (const { slot, manifest, features, endAt } of streams.values()) {
      const { model, version } = await readFacts(manifest);
      const hasMoved = [...features].some(
        ([feature, { verdict }]) => feature !== TOGETHER && verdict && isMoving(verdict),
      );
      for (const [feature, { state, verdict, diagnosis }] of features)
        if (verdict)
          told.push({
            ...(feature === TOGETHER && hasMoved ? notByItself(verdict) : verdict), device, slot, manifest, model, version, feature, windows: state.windows, at: endAt, diagnosis, e: eValueOfFeature(state),
          }); // biome-ignore format: one record
    }
    return told;
  }

  function view(): FeatureDrift[] {
    const all = [...shelf.told()].flat();
    const least = leastBelieved(
      all.map(({ e }) => e),
      FALSE_SHARE,
    );
    // Nearly all are told as they are: no copy of each of a million.
    return all.map((one) => (one.e < least && isByEvidence(one) ? { ...one, verdict: 'unconfirmed' } : one));
  }

  const run = (): Promise<void> => {
    pass ??= takeAll().finally(() => {
      pass = undefined;
    });
    return pass;
  };

  return {
    async read() {
      await run();
      return view();
    },
    async forget(id, feature) {
      await run();
      const device = shelf.take(id);
      if (!device) return;
      for (const { features } of device.streams.values())
        if (feature === '') features.clear();
        else features.delete(feature);
      shelf.put(id, device, await tell(id, device));
      unwritten.set(id, WRITE_EVERY);
      await writeDown();
    },
  };
}
