// Scores each rule on the machine temperature of the Numenta Anomaly Benchmark, with the benchmark's own windows and its scoring
// function as its paper describes it (Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", ICMLA 2015, §II-B).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { makeGround, openDevice } from './fleet.ts';
import { RULES } from './rules.ts';
import { say, show, type Table } from './table.ts';

/** Weights of a detection, a false one and a missed one, by the profiles of the benchmark. */
const PROFILES = [
  { name: 'standard', detected: 1, wrong: 0.11, missed: 1 },
  { name: 'few false alarms', detected: 1, wrong: 0.22, missed: 1 },
  { name: 'few missed', detected: 1, wrong: 0.11, missed: 2 },
] as const;
type Profile = (typeof PROFILES)[number];

/** Rows of one window of ours: 2½ hours, as few as the detector takes. */
const WINDOW = 30;
const PROBATION = 750;

export interface Span {
  readonly first: number;
  readonly last: number;
}

/** 0.987 at the left edge of a window, 0 at its right edge, towards −1 behind it; positions in widths of the window. */
const weightAt = (position: number): number => (position >= 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1);

/**
 * 100 for a detector that finds each window at its first row and nothing else, 0 for one that finds nothing. Of several detections
 * in a window the best counts; each one outside counts against it, the more the farther behind the last window.
 */
export function scoreNab(
  detections: readonly number[],
  spans: readonly Span[],
  { detected, wrong, missed }: Profile,
): number {
  const best = spans.map(() => -missed);
  let falseScore = 0;
  for (const row of detections) {
    const inside = spans.findIndex(({ first, last }) => row >= first && row <= last);
    if (inside >= 0) {
      const { first, last } = spans[inside] as Span;
      const weight = (detected * weightAt(-(last - row + 1) / (last - first + 1))) / weightAt(-1);
      best[inside] = Math.max(best[inside] as number, weight);
      continue;
    }
    const before = spans.findLast(({ last }) => last < row);
    falseScore += wrong * weightAt(before ? (row - before.last) / (before.last - before.first) : 3);
  }
  const score = best.reduce((a, b) => a + b, falseScore);
  const nothing = -missed * spans.length;
  return (100 * (score - nothing)) / (detected * spans.length - nothing);
}

function readNab(folder: string): { readonly values: Float64Array; readonly spans: readonly Span[] } {
  const lines = readFileSync(path.join(folder, 'machine_temperature_system_failure.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  const rows = lines.map((line) => line.trim().split(',') as [string, string]);
  const at = new Map(rows.map(([instant], i) => [instant, i]));
  const windows = JSON.parse(readFileSync(path.join(folder, 'windows.json'), 'utf8')) as Record<
    string,
    [string, string][]
  >;
  const spans = Object.values(windows)
    .flat()
    .map(([from, to]) => ({ first: at.get(from.slice(0, 19)), last: at.get(to.slice(0, 19)) }));
  if (spans.some(({ first, last }) => first === undefined || last === undefined)) throw new Error('a window of no row');
  return { values: Float64Array.from(rows, ([, value]) => Number(value)), spans: spans as Span[] };
}

export function measureNab(folder: string): Table {
  say('NAB machine temperature');
  const { values, spans } = readNab(folder);
  const ground = makeGround([Float32Array.from(values.subarray(0, PROBATION))]);
  const device = openDevice(ground, 1, { windowMs: WINDOW * 300_000 });
  const judges = RULES.map((rule) => rule.open());
  const was = RULES.map(() => false);
  const detections: number[][] = RULES.map(() => []);
  for (let from = 0; from + WINDOW <= values.length; from += WINDOW) {
    const [look] = device.next([values.subarray(from, from + WINDOW)]);
    // The rows of the window are known with its last one.
    const row = from + WINDOW - 1;
    for (const [r, judge] of judges.entries()) {
      const is = look !== undefined && judge(look);
      const isCounted = row >= PROBATION && is && (!was[r] || RULES[r]?.name === 'always');
      if (isCounted) detections[r]?.push(row);
      was[r] = is;
    }
  }
  // Nobody's rule: shows what the score gives at most.
  const perfect = spans.map(({ first }) => first);
  const rows = [...RULES.map(({ name }) => name), 'the first row of each anomaly'].map((name, r) => {
    const all = detections[r] ?? perfect;
    const inside = (row: number): boolean => spans.some(({ first, last }) => row >= first && row <= last);
    const found = spans.filter(({ first, last }) => all.some((row) => row >= first && row <= last)).length;
    return [
      name,
      ...PROFILES.map((profile) => show(scoreNab(all, spans, profile))),
      `${found} of ${spans.length}`,
      show(all.filter((row) => !inside(row)).length),
    ];
  });
  return {
    title: `NAB: machine temperature, ${show(values.length)} rows, windows of ${WINDOW} rows`,
    heads: ['rule', ...PROFILES.map(({ name }) => name), 'anomalies found', 'alarms outside'],
    rows,
    notes: [
      `The first ${PROBATION} rows are training, as in the benchmark; an alarm is a detection at the row in which it begins ("always": at the end of each window). ` +
        'One of 58 files and no threshold was fitted to it: not to be set beside the scoreboard, which averages all files with a fitted threshold (windowed Gaussian 39.6, relative entropy 54.6, random 11.0).',
    ],
  };
}
