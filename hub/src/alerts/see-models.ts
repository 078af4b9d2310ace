// Decides what the metrics and the labels of models say to the rules that watch them: a signal for each slot of each device. Pure.
import type { Seen } from '@drover/core/alerts/alert';
import { isBeyond, type MetricLimit, type ModelMetricLimit } from '@drover/core/alerts/rule';
import { describeMetric } from '@drover/core/health/describe';
import type { Change } from '@drover/core/quality/error-drift';
import type { SlotState } from '../db/alert-sources.ts';
import type { LabelledErrors } from '../monitoring/quality-report.ts';
import type { WatchedModel } from '../monitoring/watch.ts';

export const sayLimit = ({ metric, above, below }: MetricLimit): string => {
  const say = (value: number): string => describeMetric(metric, value);
  const bounds = [above === null ? '' : `above ${say(above)}`, below === null ? '' : `below ${say(below)}`];
  return bounds.filter(Boolean).join(' or ');
};

const nameOf = ({ model, manifest }: { readonly model: string | null; readonly manifest: string }): string =>
  model ?? manifest.slice(0, 12);

export const seeModelMetric = (models: readonly WatchedModel[], limit: ModelMetricLimit): Seen[] =>
  models.map((one) => {
    const { metric } = limit;
    const value = one.values[metric];
    const isBad = isBeyond(limit, value);
    return {
      subject: `${one.device}/${one.slot}/${metric}`,
      group: `${nameOf(one)}\n${one.slot}\n${metric}`,
      device: one.device,
      state: isBad === undefined ? 'unknown' : isBad ? 'bad' : 'good',
      what: `${metric} of ${nameOf(one)} is ${sayLimit(limit)}`,
      summary: value === null ? 'not known' : describeMetric(metric, value),
    };
  });

/** Errors that rose for sure by more than this matter: a share by a percentage point, an amount by a twentieth of what it was. */
const leastOf = (kind: LabelledErrors['kind'], before: number): number => (kind === 'share' ? 0.01 : 0.05 * before);

/** The last change, where it is one for the worse that matters. */
function worsened({ kind, changes }: LabelledErrors, device: string): Change | undefined {
  const last = changes.get(device)?.at(-1);
  return last && last.after > last.before && last.difference.low > leastOf(kind, last.before) ? last : undefined;
}

const MEASURES = { share: 'error rate', amount: 'mean absolute error' } as const;
const round = (x: number): string => String(Number(x.toPrecision(3)));

/**
 * Devices whose own labels say that answers became wrong more often; where none does, but those of all devices together do, all of them.
 * @param slots what runs now: of a version before nothing is said any more.
 */
export function* seeErrors(all: readonly LabelledErrors[], slots: readonly SlotState[]): Generator<Seen> {
  const running = new Set(slots.map(({ device, slot, running: manifest }) => `${device}\n${slot}\n${manifest ?? ''}`));
  for (const one of all) {
    const { slot, manifest, kind, changes } = one;
    const devices = [...changes.keys()].filter((device) => running.has(`${device}\n${slot}\n${manifest}`));
    const isByThemselves = devices.some((device) => worsened(one, device));
    const ofAll = isByThemselves ? undefined : worsened(one, '');
    for (const device of devices) {
      const change = worsened(one, device) ?? ofAll;
      yield {
        subject: `${device}/${slot}/errors`,
        group: `${nameOf(one)}\n${slot}\nerrors`,
        device,
        state: change ? 'bad' : 'good',
        what: `answers of ${nameOf(one)} are wrong more than they were, by the labels that came`,
        summary: change
          ? `${MEASURES[kind]} ${round(change.before)} -> ${round(change.after)} since ${new Date(change.at).toISOString()}${ofAll ? ', of all devices together' : ''}`
          : '',
      };
    }
  }
}
