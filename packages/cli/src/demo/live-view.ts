// Decides how the running demo looks: a block for a terminal, one line elsewhere. Never asks the hub.
import type { Static } from '@drover/wire/http/check';
import type { Device } from '@drover/wire/http/devices';
import type { SlotSummary } from '@drover/wire/http/monitoring';
import { formatCount, formatNumber, formatShare, renderTable } from '../table.ts';

export interface LiveFacts {
  readonly elapsedMs: number;
  readonly devices: readonly Static<typeof Device>[];
  /** Rows that each device plays, by device id. */
  readonly rowsOf: ReadonlyMap<string, number>;
  readonly rowsToPlay: number;
  readonly slot: Static<typeof SlotSummary> | undefined;
  readonly perSecond: number;
}

const MOST_DEVICES = 16;

const nameRunning = (device: LiveFacts['devices'][number]): string => {
  const running = device.slots.find((s) => s.slot === 'default')?.running;
  return running ? `${running.model ?? 'model'}@${running.version ?? '?'}` : '-';
};

export const isInSync = (device: LiveFacts['devices'][number]): boolean =>
  device.slots.length > 0 && device.slots.every((s) => s.inSync && s.running !== null);

/** Predictions per second over the last stretch of samples (ms, count); windows arrive in steps, so a stretch spans several. */
export function ratePerSecond(samples: readonly (readonly [at: number, count: number])[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last[0] <= first[0]) return 0;
  return ((last[1] - first[1]) * 1000) / (last[0] - first[0]);
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

const describeQuality = (facts: LiveFacts): string => {
  const quality = facts.slot?.quality;
  if (!quality || quality.labelled === 0) return 'no label has arrived yet';
  if (quality.mae !== undefined || quality.rmse !== undefined) {
    return `MAE ${formatNumber(quality.mae)}, RMSE ${formatNumber(quality.rmse)}`;
  }
  return `accuracy ${formatNumber(quality.accuracy, 4)} (always the majority: ${formatNumber(quality.majorityBaseline, 4)})  recall ${formatNumber(quality.recall)}  precision ${formatNumber(quality.precision)}  AUC ${formatNumber(quality.auc)}`;
};

export function renderLive(facts: LiveFacts): string {
  const { devices, slot } = facts;
  const online = devices.filter((d) => d.presence === 'online').length;
  const inSync = devices.filter(isInSync).length;
  const lines = [
    `playing, ${seconds(facts.elapsedMs)}   devices ${online}/${devices.length} online, ${inSync}/${devices.length} in sync`,
    `predictions ${formatCount(slot?.predictions ?? 0)} of ${formatCount(facts.rowsToPlay)}   ${facts.perSecond.toFixed(1)}/s   p50 ${slot?.latency?.p50Us.toFixed(0) ?? '-'} µs   p99 ${slot?.latency?.p99Us.toFixed(0) ?? '-'} µs   errors ${formatCount(slot?.errors ?? 0)}`,
    `labels on ${formatShare(slot?.quality?.coverage)} of them   ${describeQuality(facts)}`,
    '',
  ];
  const shown = devices.slice(0, MOST_DEVICES);
  const table = renderTable(
    [
      { title: 'DEVICE', value: (d: (typeof devices)[number]) => d.id },
      { title: 'PRESENCE', value: (d) => d.presence },
      { title: 'RUNNING', value: nameRunning },
      { title: 'IN SYNC', value: (d) => (isInSync(d) ? 'yes' : 'no') },
      { title: 'ROWS TO PLAY', value: (d) => formatCount(facts.rowsOf.get(d.id) ?? 0), align: 'right' },
    ],
    shown,
  );
  const more = devices.length > shown.length ? `… and ${devices.length - shown.length} more\n` : '';
  return `${lines.join('\n')}\n${table}${more}`;
}

export function renderPlain(facts: LiveFacts): string {
  const { devices, slot } = facts;
  const online = devices.filter((d) => d.presence === 'online').length;
  const inSync = devices.filter(isInSync);
  const running = new Set(inSync.map(nameRunning));
  return [
    `${seconds(facts.elapsedMs).padStart(5)}`,
    `${online}/${devices.length} online`,
    `${inSync.length} in sync on ${[...running].join(' ') || '-'}`,
    `${formatCount(slot?.predictions ?? 0)}/${formatCount(facts.rowsToPlay)} predictions`,
    `${facts.perSecond.toFixed(1)}/s`,
    `p50 ${slot?.latency?.p50Us.toFixed(0) ?? '-'} p99 ${slot?.latency?.p99Us.toFixed(0) ?? '-'} µs`,
    `labels ${formatShare(slot?.quality?.coverage)}`,
    describeQuality(facts),
  ].join('  ');
}
