// Joins labels that come late to the window in which the prediction was made, and sends amendments. Never predicts.
import { type Refusal, refuse } from '@drover/core/reasons';
import type { AnswerLayout } from '@drover/infer/layout';
import { LabelledCounts, type LabelledShape } from '@drover/sketch/labelled';
import { type BaselinePrefix, NO_BASELINE } from '@drover/sketch/sketch';
import type { WindowId } from '@drover/wire/messages';
import type { Clock } from '../clock.ts';
import type { LabelStore, StoredPrediction } from '../store/label-store.ts';
import type { Outbox } from '../store/outbox.ts';
import type { PredictionRing, Remembered } from './predictions.ts';

export interface LabelBook {
  /** Says how the labels of a manifest are counted; called when its model is loaded. */
  register(manifest: string, answer: AnswerLayout, prefix: BaselinePrefix | undefined): void;
  /** Joins one label. A class name (or its number as text), or the number of a regression. */
  join(predictionId: string, truth: string | number): Refusal | undefined;
  /** Sends the counts of every window that got labels since the last time. */
  flush(): void;
  /** Keeps what a later process needs to go on joining. */
  save(): void;
  counts(): { labelled: number; unmatched: number };
}

interface LabelledWindow {
  readonly id: WindowId;
  readonly counts: LabelledCounts;
  revision: number;
  isDirty: boolean;
}
interface Kind {
  readonly shape: LabelledShape;
  readonly prefix: BaselinePrefix;
  readonly indexOf: ReadonlyMap<string, number>;
}

/** Windows with labels that are kept in memory; older ones wait in the store. */
const IN_MEMORY = 64;
/** Predictions without a label that survive a clean restart. */
const SAVED = 20_000;

/** "1", "1.0" and 1 name the same class. */
const canonical = (text: string): string => {
  const n = Number(text);
  return text.trim() !== '' && Number.isFinite(n) ? String(n) : text;
};

export interface LabelDeps {
  readonly clock: Clock;
  readonly bootId: string;
  readonly ring: PredictionRing;
  readonly outbox: Pick<Outbox, 'append'>;
  readonly store: LabelStore;
}

export function openLabelBook({ clock, bootId, ring, outbox, store }: LabelDeps): LabelBook {
  const kinds = new Map<string, Kind>();
  const windows = new Map<WindowId, LabelledWindow>();
  const earlier = new Map<string, StoredPrediction>(store.takeUnlabelled().map((one) => [one.predictionId, one]));
  let labelled = 0;
  let unmatched = 0;

  function send(window: LabelledWindow): void {
    window.revision += 1;
    window.isDirty = false;
    const { id, revision, counts } = window;
    outbox.append({
      subject: '',
      at: clock.now(),
      body: { kind: 'labels', ...id, revision, labelled: counts.count, unmatched, counts: counts.encode() },
    });
  }

  function windowOf(id: WindowId, kind: Kind): LabelledWindow {
    const held = windows.get(id);
    if (held) return held;
    for (const [oldId, old] of windows) {
      if (windows.size < IN_MEMORY) break;
      if (old.isDirty) send(old);
      if (!store.putWindow(old)) break;
      windows.delete(oldId);
    }
    const stored = store.findWindow(id);
    const window = {
      id,
      counts: stored?.counts ?? new LabelledCounts(kind.shape, kind.prefix),
      revision: stored?.revision ?? 0,
      isDirty: false,
    };
    windows.set(id, window);
    return window;
  }

  /** Our own predictions are in the ring; those of the process before were saved by it. */
  function find(predictionId: string): { one: Remembered; done: () => void } | undefined {
    const dash = predictionId.indexOf('-');
    if (predictionId.slice(0, dash) === bootId) {
      const number = Number(predictionId.slice(dash + 1));
      const one = Number.isSafeInteger(number) && number > 0 ? ring.find(number) : undefined;
      return one && { one, done: () => ring.markLabelled(number) };
    }
    const saved = earlier.get(predictionId);
    return saved && { one: { ...saved, isLabelled: false }, done: () => earlier.delete(predictionId) };
  }

  function count(one: Remembered, kind: Kind, window: LabelledWindow, truth: string | number): boolean {
    if (kind.shape.kind === 'regression') {
      const value = typeof truth === 'number' ? truth : truth.trim() === '' ? Number.NaN : Number(truth);
      return window.counts.addValue(value, one.scores[0] ?? Number.NaN);
    }
    const index = kind.indexOf.get(String(truth)) ?? kind.indexOf.get(canonical(String(truth)));
    return index !== undefined && window.counts.addClass(index, one.predicted, one.scores, 0);
  }

  return {
    register(manifest, answer, prefix) {
      const classes = answer.kind === 'classification' ? answer.classes : [];
      ring.reserve(Math.max(1, classes.length));
      // A sketch counts at most 256 classes; labels of a wider model are refused as invalid.
      if (classes.length === 1 || classes.length > 256) return;
      kinds.set(manifest, {
        shape:
          answer.kind === 'regression'
            ? { kind: 'regression' }
            : { kind: 'classification', classCount: classes.length },
        prefix: prefix ?? NO_BASELINE,
        indexOf: new Map([
          ...classes.map((name, i) => [canonical(name), i] as const),
          ...classes.map((name, i) => [name, i] as const),
        ]),
      });
    },
    join(predictionId, truth) {
      const found = find(predictionId);
      const kind = found && kinds.get(found.one.window.manifest);
      if (found?.one.isLabelled)
        return refuse('label_unknown', `Prediction "${predictionId.slice(0, 64)}" has its label.`);
      if (!found || !kind) {
        unmatched += 1;
        return refuse('label_unknown', `Prediction "${predictionId.slice(0, 64)}".`);
      }
      const window = windowOf(found.one.window, kind);
      if (!count(found.one, kind, window, truth)) return refuse('label_invalid', `"${String(truth).slice(0, 80)}".`);
      found.done();
      window.isDirty = true;
      labelled += 1;
      return undefined;
    },
    flush() {
      for (const window of windows.values()) if (window.isDirty) send(window);
    },
    save() {
      const open: StoredPrediction[] = [...earlier.values()];
      for (const [number, one] of ring.list()) {
        if (!one.isLabelled)
          open.push({
            predictionId: `${bootId}-${number}`,
            window: one.window,
            predicted: one.predicted,
            scores: one.scores,
          });
      }
      store.save([...windows.values()], open.slice(-SAVED));
    },
    counts: () => ({ labelled, unmatched }),
  };
}
