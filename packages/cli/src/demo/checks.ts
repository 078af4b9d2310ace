// Decides whether what the demo claims really happened, and how its summary reads. Pure: facts in, checks and text out.
import type { Static } from '@drover/wire/http/check';
import type { Device } from '@drover/wire/http/devices';
import type { SlotSummary } from '@drover/wire/http/monitoring';
import { formatBytes, formatCount, formatNumber, formatShare, renderPairs } from '../table.ts';
import type { Check } from './steps.ts';

export interface DemoFacts {
  readonly says: string;
  readonly rowsInFile: number;
  readonly rowsTrained: number;
  readonly rowsPlayed: number;
  readonly labelsToCome: number;
  /** `model@version` and the digest of its manifest. */
  readonly version: string;
  readonly manifest: string;
  readonly committed: number;
  readonly agents: number;
  readonly devices: readonly Static<typeof Device>[];
  readonly slot: Static<typeof SlotSummary> | undefined;
  readonly reference: { readonly rows: number; readonly metrics: Readonly<Record<string, number>> } | undefined;
  readonly bytesUp: number | undefined;
  readonly rawBytes: number;
  /** Children that did not end cleanly, by name. */
  readonly unclean: readonly string[];
  readonly peakPerSecond: number;
}

/** The other numbers are counts divided by counts, or sums of the same values in another order. */
const EXACT = 1e-6;

const check = (name: string, ok: boolean, says: string): Check => ({ name, ok, says });

function compareQuality(facts: DemoFacts): Check[] {
  const { slot, reference } = facts;
  const quality = slot?.quality;
  if (!quality || !reference) return [check('quality recomputed', false, 'there is nothing to compare')];
  const pairs = [
    ['accuracy', 'accuracy'],
    ['majorityBaseline', 'majorityAccuracy'],
    ['recall', 'recall'],
    ['precision', 'precision'],
    ['auc', 'aucInBins'],
    ['mae', 'mae'],
    ['rmse', 'rmse'],
  ] as const;
  const compared = pairs.flatMap(([ours, theirs]) => {
    const hub = quality[ours];
    const own = reference.metrics[theirs];
    if (hub === undefined || own === undefined) return [];
    const near = Math.abs(hub - own) <= EXACT * Math.max(1, Math.abs(own));
    const finer =
      ours === 'auc' ? ` in the same score bins; ${formatNumber(reference.metrics['auc'], 4)} without bins` : '';
    return [
      check(`${ours} recomputed`, near, `hub ${formatNumber(hub, 4)}, recomputed ${formatNumber(own, 4)}${finer}`),
    ];
  });
  return compared.length > 0 ? compared : [check('quality recomputed', false, 'hub and reference share no metric')];
}

/** Everything that has to be true of a demo that says it worked. */
export function judgeDemo(facts: DemoFacts): Check[] {
  const { slot, devices } = facts;
  const running = devices.filter((d) => d.slots.some((s) => s.running?.manifest === facts.manifest && s.inSync));
  return [
    check('rows add up', facts.rowsTrained + facts.rowsPlayed === facts.rowsInFile, `${formatCount(facts.rowsTrained)} trained + ${formatCount(facts.rowsPlayed)} played = ${formatCount(facts.rowsInFile)} in the file`),
    check('committed everywhere', facts.committed === facts.agents, `${facts.committed} of ${facts.agents} deployments`),
    check('running = signed', running.length === facts.agents, `${running.length} of ${facts.agents} devices report manifest ${facts.manifest.slice(0, 16)}…`),
    check('every row counted once', slot?.predictions === facts.rowsPlayed, `the hub counted ${formatCount(slot?.predictions ?? 0)} predictions, ${formatCount(facts.rowsPlayed)} rows were played`),
    check('no prediction failed', slot?.errors === 0, `${formatCount(slot?.errors ?? 0)} errors`),
    check('labels arrived', slot?.quality?.labelled === facts.labelsToCome, `${formatCount(slot?.quality?.labelled ?? 0)} of ${formatCount(facts.labelsToCome)} labels joined`),
    ...compareQuality(facts),
    check('clean end', facts.unclean.length === 0, facts.unclean.length === 0 ? 'every process ended cleanly' : `not clean: ${facts.unclean.join(', ')}`),
  ]; // biome-ignore format: one check a line
}

const describeUplink = (facts: DemoFacts): string => {
  if (facts.bytesUp === undefined) return `the hub does not say; raw rows are ${formatBytes(facts.rawBytes)}`;
  const saved = facts.rawBytes > 0 ? 1 - facts.bytesUp / facts.rawBytes : 0;
  return `${formatBytes(facts.bytesUp)} of statistics for ${formatBytes(facts.rawBytes)} of raw rows (${saved >= 0 ? `${formatShare(saved)} saved` : 'more than raw: short windows, few rows'})`;
};

export function renderSummary(facts: DemoFacts, checks: readonly Check[]): string {
  const { slot } = facts;
  const quality = slot?.quality;
  const lines = renderPairs([
    ['data', facts.says],
    ['version', `${facts.version}, manifest sha256:${facts.manifest}`],
    [
      'latency in the agent',
      `p50 ${slot?.latency?.p50Us.toFixed(0) ?? '-'} µs, p99 ${slot?.latency?.p99Us.toFixed(0) ?? '-'} µs`,
    ],
    ['fastest 10 s', `${facts.peakPerSecond.toFixed(1)} predictions/s`],
    ...(quality?.accuracy === undefined
      ? []
      : [
          [
            'accuracy',
            `${formatNumber(quality.accuracy, 4)} (always the majority: ${formatNumber(quality.majorityBaseline, 4)})`,
          ] as const,
        ]),
    ...(quality?.auc === undefined
      ? []
      : [
          [
            'AUC, recall, precision',
            `${formatNumber(quality.auc, 4)}, ${formatNumber(quality.recall, 4)}, ${formatNumber(quality.precision, 4)}`,
          ] as const,
        ]),
    ['uplink', describeUplink(facts)],
  ]);
  const width = Math.max(...checks.map((c) => c.name.length));
  const marks = checks.map((c) => `${c.ok ? 'ok    ' : 'FAILED'}  ${c.name.padEnd(width)}  ${c.says}\n`).join('');
  return `\n${lines}\n${marks}`;
}
