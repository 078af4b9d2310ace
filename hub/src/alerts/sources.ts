// Reads what rules watch: drift verdicts, presence, deployments, enrolments that wait; as signals. Never decides what a signal comes to.
import type { Seen, Signal } from '@drover/core/alerts/alert';
import { alertKey, groupKey, type Watched } from '@drover/core/alerts/look';
import { type AlertRule, type AlertSource, isBeyond, type MetricLimit } from '@drover/core/alerts/rule';
import { describeMetric } from '@drover/core/health/describe';
import { matchesQuery, parseQuery, type Query } from '@drover/core/query';
import { listSlotStates, listWatchedDevices, type SlotState, type WatchedDevice } from '../db/alert-sources.ts';
import { listPending } from '../db/enrolments.ts';
import type { Store } from '../db/store.ts';
import type { FeatureDrift } from '../monitoring/drift.ts';
import type { ReadModelFacts } from '../monitoring/model-facts.ts';
import { seeDrift } from './see-drift.ts';

export interface SourceDeps {
  readonly store: Store;
  readonly readDrift: () => Promise<readonly FeatureDrift[]>;
  readonly readFacts: ReadModelFacts;
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
  { healthJson, notAfter }: WatchedDevice,
  metric: MetricLimit['metric'],
  now: number,
): number | null {
  if (metric === 'device.certificate_left') return notAfter === null ? null : (notAfter - now) / 86_400_000;
  if (healthJson === null) return null;
  const { readings = [], ...fields } = JSON.parse(healthJson) as ReportedHealth;
  const name = REPORTED[metric];
  return fields[name] ?? readings.find((one) => one.name === name)?.value ?? null;
}

/** Name of the field, or of the reading, of a report. */
const REPORTED: Readonly<Record<Exclude<MetricLimit['metric'], 'device.certificate_left'>, string>> = {
  'device.memory': 'rssBytes',
  'device.cpu': 'cpuRatio',
  'device.disk_free': 'diskFreeBytes',
  'device.outbox_entries': 'outboxEntries',
  'device.dropped_entries': 'outboxDropped',
  'device.temperature': 'temperature',
  'device.machine_cpu': 'machine_cpu',
  'device.machine_memory_free': 'machine_memory_free',
};

function seeMetric(devices: readonly WatchedDevice[], limit: MetricLimit, now: number): Seen[] {
  const { metric, above, below } = limit;
  const say = (value: number): string => describeMetric(metric, value);
  const bounds = [above === null ? '' : `above ${say(above)}`, below === null ? '' : `below ${say(below)}`];

  return devices.map((device) => {
    const value = readMetric(device, metric, now);
    const isBad = isBeyond(limit, value);
    return {
      subject: `${device.id}/${metric}`,
      group: metric,
      device: device.id,
      state: isBad === undefined ? 'unknown' : isBad ? 'bad' : 'good',
      what: `${metric} is ${bounds.filter(Boolean).join(' or ')}`,
      summary: value === null ? 'not known' : say(value),
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
  const slots = wanted.has('drift') || wanted.has('deployment') ? await listSlotStates(store) : [];
  if (wanted.has('drift'))
    seen.set('drift', [...seeDrift(await deps.readDrift(), slots, now() - staleMs, knownSubjects)]);
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

const EVERY: Query = { kind: 'all' };

/** Of keys of alerts: what stands behind the rule. */
const subjectsOf = (known: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...known].map((key) => key.slice(key.indexOf('\n') + 1)));

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
    const all = rule.limit === null ? seen.get(rule.source) : seeMetric(devices, rule.limit, deps.now());
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
