// Reads what rules watch: drift verdicts, presence, deployments, enrolments that wait; as signals. Never decides what a signal comes to.
import type { Seen, Signal } from '@drover/core/alerts/alert';
import { alertKey, groupKey, type Watched } from '@drover/core/alerts/look';
import {
  type AlertRule,
  type AlertSource,
  type DeviceMetricLimit,
  isBeyond,
  isModelLimit,
  type MetricLimit,
  type WatchedDeviceMetric,
} from '@drover/core/alerts/rule';
import { describeMetric } from '@drover/core/health/describe';
import { matchesQuery, parseQuery, type Query } from '@drover/core/query';
import { listSlotStates, listWatchedDevices, type SlotState, type WatchedDevice } from '../db/alert-sources.ts';
import { listPending } from '../db/enrolments.ts';
import type { Store } from '../db/store.ts';
import type { FeatureDrift } from '../monitoring/drift.ts';
import type { ReadModelFacts } from '../monitoring/model-facts.ts';
import type { ModelWatch } from '../monitoring/watch.ts';
import { seeDrift } from './see-drift.ts';
import { sayLimit, seeErrors, seeModelMetric } from './see-models.ts';

export interface SourceDeps {
  readonly store: Store;
  readonly readDrift: () => Promise<readonly FeatureDrift[]>;
  readonly readFacts: ReadModelFacts;
  readonly watch: ModelWatch;
  readonly now: () => number;
  /** A verdict whose last window ended longer ago says nothing of now. */
  readonly staleMs: number;
}

export interface Sources {
  readonly signals: readonly Signal[];
  readonly watchedBy: (rule: string, group: string) => readonly Watched[];
  readonly labelsOf: (device: string) => Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

const MOST_PENDING = 1000;
const BAD_STATES: ReadonlySet<string> = new Set(['rejected', 'failed', 'rolled_back', 'inconsistent', 'timed_out']);

const seePresence = ({ id, presence, lastSeenAt }: WatchedDevice): Seen[] =>
  presence === 'never'
    ? []
    : [
        {
          subject: id,
          group: '',
          device: id,
          state: presence === 'online' ? 'good' : 'bad',
          what: 'offline',
          summary: lastSeenAt === null ? 'not seen' : `last seen ${new Date(lastSeenAt).toISOString()}`,
        },
      ];

type ReportedHealth = Readonly<Record<string, number>> & {
  readonly readings?: readonly { readonly name: string; readonly value: number }[];
};

/** What the newest report and the certificate of a device say of a metric. */
function readMetric(
  { healthJson, notAfter, lostAt }: WatchedDevice,
  metric: WatchedDeviceMetric,
  now: number,
): number | null {
  if (metric === 'device.certificate_left') return notAfter === null ? null : (notAfter - now) / 86_400_000;
  // Nothing lost is known to be good: only then a device counts among those that lose nothing.
  if (metric === 'device.loss_age')
    return lostAt === null ? Number.POSITIVE_INFINITY : Math.max(0, now - lostAt) / 1000;
  if (healthJson === null) return null;
  const { readings = [], ...fields } = JSON.parse(healthJson) as ReportedHealth;
  const name = REPORTED[metric];
  return fields[name] ?? readings.find((one) => one.name === name)?.value ?? null;
}

/** Name of the field, or of the reading, of a report. */
const REPORTED: Readonly<Record<Exclude<WatchedDeviceMetric, 'device.certificate_left' | 'device.loss_age'>, string>> =
  {
    'device.memory': 'rssBytes',
    'device.cpu': 'cpuRatio',
    'device.disk_free': 'diskFreeBytes',
    'device.outbox_entries': 'outboxEntries',
    'device.dropped_entries': 'outboxDropped',
    'device.temperature': 'temperature',
    'device.machine_cpu': 'machine_cpu',
    'device.machine_memory_free': 'machine_memory_free',
  };

function seeMetric(devices: readonly WatchedDevice[], limit: DeviceMetricLimit, now: number): Seen[] {
  const { metric } = limit;
  return devices.map((device) => {
    const value = readMetric(device, metric, now);
    const isBad = isBeyond(limit, value);
    return {
      subject: `${device.id}/${metric}`,
      group: metric,
      device: device.id,
      state: isBad === undefined ? 'unknown' : isBad ? 'bad' : 'good',
      what: `${metric} is ${sayLimit(limit)}`,
      summary: value === null || !Number.isFinite(value) ? 'not known' : describeMetric(metric, value),
    };
  });
}

async function seeDeployment(one: SlotState, readFacts: ReadModelFacts): Promise<Seen[]> {
  const { device, slot, deploymentId, deploymentManifest, state, code, detail } = one;
  if (deploymentId === null || deploymentManifest === null || state === null) return [];
  const { model, version } = await readFacts(deploymentManifest);
  const name = model === null ? deploymentManifest.slice(0, 12) : `${model}@${version ?? '?'}`;
  return [
    {
      subject: `${device}/${slot}/${deploymentId}`,
      group: JSON.stringify([deploymentManifest, slot]),
      device,
      state: BAD_STATES.has(state) ? 'bad' : 'good',
      what: `the deployment of ${name} did not succeed`,
      summary: [state, code, detail].filter(Boolean).join(': ').slice(0, 300),
    },
  ];
}

async function seeAll(
  deps: SourceDeps,
  devices: readonly WatchedDevice[],
  wanted: ReadonlySet<AlertSource>,
  knownSubjects: ReadonlySet<string>,
) {
  const { store, readFacts, now, staleMs } = deps;
  const seen = new Map<AlertSource, readonly Seen[]>();
  const slots = NEED_SLOTS.some((source) => wanted.has(source)) ? await listSlotStates(store) : [];
  if (wanted.has('drift'))
    seen.set('drift', [...seeDrift(await deps.readDrift(), slots, now() - staleMs, knownSubjects)]);
  if (wanted.has('quality')) seen.set('quality', [...seeErrors(await deps.watch.errors(), slots)]);
  if (wanted.has('offline')) seen.set('offline', devices.flatMap(seePresence)); // biome-ignore format: a line each
  if (wanted.has('deployment')) {
    const all: Seen[] = [];
    for (const slot of slots) all.push(...(await seeDeployment(slot, readFacts)));
    seen.set('deployment', all);
  }
  if (wanted.has('enrolment')) {
    const pending = await listPending(store, { limit: MOST_PENDING });
    seen.set(
      'enrolment',
      pending.map(({ id, device, why }) => ({
        subject: id,
        group: '',
        device,
        state: 'bad',
        what: 'waits for a person to let it in',
        summary: why ?? 'approval',
      })),
    );
  }
  return seen;
}

const NEED_SLOTS = ['drift', 'deployment', 'quality'] as const;
const EVERY: Query = { kind: 'all' };

/** Of keys of alerts: what stands behind the rule. */
const subjectsOf = (known: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...known].map((key) => key.slice(key.indexOf('\n') + 1)));

/** Of devices at once; of models as the last look at them found it. */
async function seeLimit(deps: SourceDeps, devices: readonly WatchedDevice[], limit: MetricLimit): Promise<Seen[]> {
  return isModelLimit(limit) ? seeModelMetric(await deps.watch.models(), limit) : seeMetric(devices, limit, deps.now());
}

/** What is said of all that the rules watch. @param known keys of alerts: of others only what is bad is a signal. */
export async function readSources(
  deps: SourceDeps,
  rules: readonly AlertRule[],
  known: ReadonlySet<string>,
): Promise<Sources> {
  const enabled = rules.filter(({ isEnabled }) => isEnabled);
  const devices = await listWatchedDevices(deps.store);
  const labels = new Map<string, Labels>(devices.map(({ id, labelsJson }) => [id, JSON.parse(labelsJson) as Labels]));
  const labelsOf = (device: string): Labels => labels.get(device) ?? {};
  const seen = await seeAll(deps, devices, new Set(enabled.map(({ source }) => source)), subjectsOf(known));
  const signals: Signal[] = [];
  const watched = new Map<string, Map<string, Watched>>();
  for (const rule of enabled) {
    const parsed = parseQuery(rule.where);
    const where = parsed.ok ? parsed.value : EVERY;
    const all = rule.limit === null ? seen.get(rule.source) : await seeLimit(deps, devices, rule.limit);
    for (const one of all ?? []) {
      if (!matchesQuery(where, labelsOf(one.device))) continue;
      if (one.state !== 'unknown') {
        const key = groupKey(rule.id, one.group);
        const group = watched.get(key) ?? new Map<string, Watched>();
        watched.set(key, group.set(one.device, { device: one.device, labels: labelsOf(one.device) }));
      }
      if (one.state === 'bad' || known.has(alertKey(rule.id, one.subject))) signals.push({ ...one, rule: rule.id });
    }
  }
  return { signals, labelsOf, watchedBy: (rule, group) => [...(watched.get(groupKey(rule, group))?.values() ?? [])] };
}
