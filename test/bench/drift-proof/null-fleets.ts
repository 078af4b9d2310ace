// Measures how often each rule calls drift what is none, on a fleet in which nothing is wrong. Never asserts.
import { poissonInterval } from '@drover/core/drift/calibrate';
import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import { drawReference, NULL_FAMILIES, type NullFamily, openNullFeature } from '@drover/sim/streams/null-fleet';
import { makeGround, openDevice } from './fleet.ts';
import { RULES, SURE } from './rules.ts';
import { say, show, showShare, type Table } from './table.ts';

const FEATURES = 20;
const ROWS = 200;
const TRAINING = 5000;
/** Hourly windows: two days to learn, then a week that is judged. */
const WARM = 48;
const WEEK = 168;
const SEED = 41;

const familyOf = (feature: number): NullFamily => NULL_FAMILIES[feature % NULL_FAMILIES.length] as NullFamily;

interface Tally {
  windows: number;
  alarmed: number;
  begun: number;
}

const newTallies = (): Tally[] => NULL_FAMILIES.map(() => ({ windows: 0, alarmed: 0, begun: 0 }));

const sumOf = (tallies: readonly Tally[], of: keyof Tally): number =>
  tallies.reduce((sum, tally) => sum + tally[of], 0);

/** @returns a tally for each rule and family, and the mean bytes of a window. */
function runFleet(devices: number): { readonly tallies: readonly (readonly Tally[])[]; readonly bytes: number } {
  const ground = makeGround(Array.from({ length: FEATURES }, (_, f) => drawReference(SEED + f, familyOf(f), TRAINING)));
  const tallies = RULES.map(newTallies);
  const columns = Array.from({ length: FEATURES }, () => new Float64Array(ROWS));
  let bytes = 0;
  for (let d = 0; d < devices; d++) {
    if (d % Math.ceil(devices / 20) === 0) say(`null fleet: device ${d} of ${devices}`);
    const features = columns.map((_, f) => openNullFeature(SEED, `d${d}/f${f}`, familyOf(f)));
    const judges = RULES.map((rule) => columns.map(() => rule.open()));
    const was = RULES.map(() => new Uint8Array(FEATURES));
    const device = openDevice(ground, d);
    for (let w = 0; w < WARM + WEEK; w++) {
      for (const [f, feature] of features.entries()) feature.fill(columns[f] as Float64Array);
      const looks = device.next(columns);
      bytes += device.bytes;
      for (let r = 0; r < RULES.length; r++) {
        for (let f = 0; f < FEATURES; f++) {
          const is = judges[r]?.[f]?.(looks[f] as (typeof looks)[number]) === true;
          const before = was[r] as Uint8Array;
          const tally = tallies[r]?.[f % NULL_FAMILIES.length] as Tally;
          if (w >= WARM) {
            tally.windows += 1;
            if (is) tally.alarmed += 1;
            if (is && before[f] === 0) tally.begun += 1;
            before[f] = is ? 1 : 0;
          }
        }
      }
    }
  }
  return { tallies, bytes: bytes / (devices * (WARM + WEEK)) };
}

/** Whether ours keeps what it is set for, of all that it is sure of. */
function judgeOurs(tally: readonly Tally[]): string {
  const windows = sumOf(tally, 'windows');
  const [low, high] = poissonInterval(sumOf(tally, 'begun'));
  const nominal = 1 / DRIFT_SETTINGS.windowsPerFalseAlarm;
  const finding =
    low / windows > nominal ? '**exceeded**' : high / windows <= nominal ? 'kept' : 'not told apart by so many windows';
  return `Set for ${show(1e5 * nominal)} alarms in 100,000 windows of a feature, whether the change matters or not: ${finding}.`;
}

export function measureNullFleet(devices: number): { readonly tables: readonly Table[]; readonly bytes: number } {
  const { tallies, bytes } = runFleet(devices);
  const every = (begun: number, windows: number): string => show((1e5 * begun) / windows);
  const title = `False alarms: ${devices} devices × ${FEATURES} features in which nothing is wrong, a week of hourly windows of ${ROWS} rows`;
  const overall = RULES.map(({ name }, r) => {
    const tally = tallies[r] as readonly Tally[];
    const [begun, windows] = [sumOf(tally, 'begun'), sumOf(tally, 'windows')];
    const [low, high] = poissonInterval(begun);
    const interval = `${every(low, windows)} – ${every(high, windows)}`;
    return [name, show(begun / devices), every(begun, windows), interval, showShare(sumOf(tally, 'alarmed') / windows)];
  });
  const byFamily = RULES.map(({ name }, r) => [
    name,
    ...NULL_FAMILIES.map((_, i) => {
      const tally = tallies[r]?.[i] as Tally;
      return every(tally.begun, tally.windows);
    }),
  ]);
  return {
    bytes,
    tables: [
      {
        title,
        heads: [
          'rule',
          'alarms for each device and week',
          'alarms in 100,000 feature-windows',
          '95 % interval',
          'windows in alarm',
        ],
        rows: overall,
        notes: [
          judgeOurs(tallies[RULES.indexOf(SURE)] as readonly Tally[]),
          `An alarm counts when it begins; what is in alarm for good begins once. The first ${WARM} windows of a device are learnt from. ` +
            `Devices differ by 0.15 σ, neighbouring rows correlate with 0.3, windows wander and know the hour (\`packages/sim/src/streams/null-fleet.ts\`). ` +
            'The interval takes alarms for independent ones.',
        ],
      },
      {
        title: 'The same by family: alarms in 100,000 feature-windows',
        heads: ['rule', ...NULL_FAMILIES],
        rows: byFamily,
      },
    ],
  };
}
