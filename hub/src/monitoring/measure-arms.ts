// Sums up what named devices answered in two times, for rollouts to compare: before a version came and since. Never compares.
import { setImmediate as pause } from 'node:timers/promises';
import type { DeviceTotals, PeriodTotals } from '@drover/core/rollout/live';
import { decodeLabelled, type LabelledCounts } from '@drover/sketch/labelled';
import type { LogBuckets } from '@drover/sketch/log-buckets';
import { decodeWindow } from '@drover/sketch/window-sketch';
import { type ArmSpan, listArmLabels, listArmWindows } from '../db/arms.ts';
import type { Store } from '../db/store.ts';
import type { ReadModelFacts } from './model-facts.ts';

/** ms since epoch; windows that lie wholly within. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface ArmsRequest {
  readonly slot: string;
  readonly devices: readonly string[];
  readonly before: Span;
  readonly since: Span;
  /** Whether a window of this device and manifest counts among those since. */
  readonly counts: (device: string, manifest: string) => boolean;
}

export type MeasureArms = (request: ArmsRequest) => Promise<ReadonlyMap<string, DeviceTotals>>;

/** Windows of so much time are read at once: the broker is not kept waiting. */
const CHUNK_MS = 6 * 3_600_000;

class Period {
  private answers = 0;
  private errors = 0;
  private labelled = 0;
  private mistakes = 0;
  private isRegression = false;
  private latency: LogBuckets | undefined;

  addWindow(rows: number, errors: number, latency: LogBuckets | undefined): void {
    this.answers += rows;
    this.errors += errors;
    if (!latency) return;
    if (this.latency) this.latency.merge(latency);
    else this.latency = latency;
  }

  addLabels({ shape, confusion, count, errors }: LabelledCounts): void {
    this.labelled += count;
    this.isRegression = shape.kind === 'regression';
    if (shape.kind === 'regression') {
      this.mistakes += errors.mae * count;
      return;
    }
    let right = 0;
    for (let c = 0; c < shape.classCount; c++) right += confusion[c * shape.classCount + c] ?? 0;
    this.mistakes += count - right;
  }

  view(): PeriodTotals {
    const { answers, errors, labelled, mistakes, isRegression } = this;
    return { answers, errors, labelled, mistakes, isRegression, latencyP95: this.latency?.quantile(0.95) ?? null };
  }
}

export function openArms(deps: { readonly store: Store; readonly readFacts: ReadModelFacts }): MeasureArms {
  const { store, readFacts } = deps;

  async function addChunk(
    periods: ReadonlyMap<string, Period>,
    chunk: ArmSpan,
    endAt: number,
    counts: ArmsRequest['counts'],
  ) {
    for (const row of await listArmWindows(store, chunk)) {
      if (row.endAt > endAt || !counts(row.device, row.manifest)) continue;
      const decoded = decodeWindow(row.stats, (await readFacts(row.manifest)).reference);
      periods.get(row.device)?.addWindow(row.rows, row.errors, decoded.ok ? decoded.value.latency : undefined);
    }
    for (const { device, manifest, counts: bytes } of await listArmLabels(store, chunk)) {
      const decoded = decodeLabelled(bytes);
      if (decoded.ok && decoded.value.count > 0 && counts(device, manifest))
        periods.get(device)?.addLabels(decoded.value);
    }
  }

  async function sum({ slot, devices }: ArmsRequest, span: Span, counts: ArmsRequest['counts']) {
    const periods = new Map(devices.map((id) => [id, new Period()]));
    for (let { from } = span; from < span.to; from += CHUNK_MS) {
      await addChunk(periods, { slot, devices, from, to: Math.min(from + CHUNK_MS, span.to) }, span.to, counts);
      await pause();
    }
    return periods;
  }

  return async (request) => {
    if (request.devices.length === 0) return new Map();
    const before = await sum(request, request.before, () => true);
    const since = await sum(request, request.since, request.counts);
    const none = new Period();
    return new Map(
      request.devices.map((id) => [
        id,
        { before: (before.get(id) ?? none).view(), since: (since.get(id) ?? none).view() },
      ]),
    );
  };
}
