// Decides which fields of a captured row a sensor of its device spoiled: a drift alert of that field stood then, on single devices and not on
// a group or the fleet (there the world changed, and such rows are wanted). Pure.
import type { Alert } from '@drover/core/alerts/alert';
import type { Incident } from '@drover/core/alerts/incident';

/**
 * A change is believed some windows after it began: eight of a quarter of an hour. A row of so long before an alert is not believed
 * either.
 */
const BEFORE_MS = 2 * 3_600_000;

/** What a model answers is no sensor. */
const NO_SENSOR = new Set(['(output)', '(confidence)']);

export interface SuspectSpan {
  readonly device: string;
  readonly slot: string;
  readonly feature: string;
  readonly from: number;
  readonly until: number;
}

/** @param kindOf what the devices of an incident have in common; undefined where it is not known any more. */
export function findSpans(
  alerts: readonly Alert[],
  kindOf: (incident: string) => Incident['cause']['kind'] | undefined,
): SuspectSpan[] {
  return alerts.flatMap((alert) => {
    const { device, subject, state, badSince, goodSince, enteredAt, incident } = alert;
    // Nothing was said of it yet, or it belongs to what happens to many.
    if (state === 'pending' || incident === null || (kindOf(incident) ?? 'devices') !== 'devices') return [];
    const [slot = '', ...rest] = subject.slice(device.length + 1).split('/');
    const feature = rest.join('/');
    if (NO_SENSOR.has(feature)) return [];
    const until = state === 'resolved' ? (goodSince ?? enteredAt) : Number.POSITIVE_INFINITY;
    return [{ device, slot, feature, from: badSince - BEFORE_MS, until }];
  });
}

export const suspectOf = (
  spans: readonly SuspectSpan[],
  { device, slot, at }: { readonly device: string; readonly slot: string; readonly at: number },
): string[] => [
  ...new Set(
    spans
      .filter((span) => span.device === device && span.slot === slot && at >= span.from && at <= span.until)
      .map(({ feature }) => feature),
  ),
];
