// Decides what the metrics and the labels of models say to the rules that watch them: a signal for each slot of each device. Pure.
import type { Seen } from '@drover/core/alerts/alert';
import { isBeyond, type MetricLimit, type ModelMetricLimit } from '@drover/core/alerts/rule';
import { describeMetric } from '@drover/core/health/describe';
import type { ErrorChange, QualityItem } from '@drover/wire/http/quality';
import type { SlotState } from '../db/alert-sources.ts';
import type { WatchedModel, WatchedQuality } from '../monitoring/watch.ts';

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

/** Errors that rose for sure by more than this matter: of a share in shares, of an amount in parts of what it was. */
const MATERIAL = { 'error rate': 0.01, 'mean absolute error': 0.05 } as const;

/** The last change, where it is one for the worse that matters. */
function worsened({ errors }: QualityItem, changes: readonly ErrorChange[]): ErrorChange | undefined {
  const last = changes.at(-1);
  if (last?.direction !== 'worse') return undefined;
  const least = errors.measure === 'error rate' ? MATERIAL[errors.measure] : MATERIAL[errors.measure] * last.before;
  return last.low > least ? last : undefined;
}

const round = (x: number): string => String(Number(x.toPrecision(3)));

/**
 * Devices whose own labels say that answers became wrong more often; where none does, but those of all devices together do, all of them.
 * @param slots what runs now: of a version before nothing is said any more.
 */
export function seeQuality({ report, labelled }: WatchedQuality, slots: readonly SlotState[]): Seen[] {
  const running = new Set(slots.map(({ device, slot, running: manifest }) => `${device}\n${slot}\n${manifest ?? ''}`));
  const seen: Seen[] = [];
  for (const item of report.items) {
    const { slot, manifest, errors } = item;
    const own = new Map(errors.devices.flatMap(({ device, changes }) => {
      const change = worsened(item, changes);
      return change ? [[device, change] as const] : [];
    })); // biome-ignore format: one table
    const ofAll = own.size === 0 ? worsened(item, errors.changes) : undefined;
    for (const { device, ...stream } of labelled) {
      if (stream.slot !== slot || stream.manifest !== manifest || !running.has(`${device}\n${slot}\n${manifest}`))
        continue;
      const change = own.get(device) ?? ofAll;
      seen.push({
        subject: `${device}/${slot}/errors`,
        group: `${nameOf(item)}\n${slot}\nerrors`,
        device,
        state: change ? 'bad' : 'good',
        what: `answers of ${nameOf(item)} are wrong more than they were, by the labels that came`,
        summary: change
          ? `${errors.measure} ${round(change.before)} -> ${round(change.after)} since ${change.at}${own.has(device) ? '' : ', of all devices together'}`
          : '',
      });
    }
  }
  return seen;
}
