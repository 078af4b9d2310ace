// Runs each rule over the engines of C-MAPSS FD001 as a fleet: 100 engines that wear until they fail, one row each flight (Saxena
// et al., "Damage propagation modeling for aircraft engine run-to-failure simulation", PHM 2008). Never asserts.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import { makeGround, openDevice } from './fleet.ts';
import { RULES } from './rules.ts';
import { medianOf, say, show, showShare, type Table } from './table.ts';

const SENSORS = 21;
/** Flights from which the baseline is made, of each engine. */
const YOUNG = 30;
/** Flights of a window. An engine lives for 128 to 362: with the 30 rows that a window takes by default none would be judged. */
const WINDOW = 2;
/** Remaining flights above which an engine is taken to be healthy (Heimes 2008, PHM). */
const HEALTHY = 125;

function readEngines(folder: string): readonly (readonly Float64Array[])[] {
  const engines = new Map<string, Float64Array[]>();
  for (const line of readFileSync(path.join(folder, 'train_FD001.txt'), 'utf8').split('\n')) {
    const cells = line.trim().split(/[\s,]+/);
    if (cells.length < 5 + SENSORS || !/^\d/.test(cells[0] ?? '')) continue;
    const flights = engines.get(cells[0] as string) ?? [];
    engines.set(cells[0] as string, flights);
    flights.push(Float64Array.from(cells.slice(5, 5 + SENSORS), Number));
  }
  return [...engines.values()];
}

export function measureCmapss(folder: string): Table {
  say('C-MAPSS FD001');
  const engines = readEngines(folder);
  const young = engines.flatMap((flights) => flights.slice(0, YOUNG));
  const moving = Array.from({ length: SENSORS }, (_, s) => s).filter(
    (s) => new Set(young.map((row) => row[s])).size > 10,
  );
  const ground = makeGround(moving.map((s) => Float32Array.from(young, (row) => row[s] as number)));
  const settings = { ...DRIFT_SETTINGS, leastRows: WINDOW };
  /** Remaining flights at each alarm that begins, by rule and engine. */
  const alarms: number[][][] = RULES.map(() => engines.map(() => []));
  let [judged, healthyWindows] = [0, 0];
  for (const [e, flights] of engines.entries()) {
    const device = openDevice(ground, e, { settings });
    const judges = RULES.map((rule) => moving.map(() => rule.open()));
    const was = RULES.map(() => false);
    for (let from = 0; from + WINDOW <= flights.length; from += WINDOW) {
      const rows = flights.slice(from, from + WINDOW);
      const looks = device.next(moving.map((s) => Float64Array.from(rows, (row) => row[s] as number)));
      const left = flights.length - from - WINDOW;
      const isJudged = looks.some(({ verdict }) => verdict.verdict !== 'learning');
      if (isJudged) judged += 1;
      if (isJudged && left > HEALTHY) healthyWindows += 1;
      for (const [r, each] of judges.entries()) {
        let is = false;
        // All sensors are asked: a rule remembers.
        for (const [f, judge] of each.entries()) is = judge(looks[f] as (typeof looks)[number]) || is;
        if (is && !was[r]) alarms[r]?.[e]?.push(left);
        was[r] = is;
      }
    }
  }
  const rows = RULES.map(({ name }, r) => {
    const all = alarms[r] as number[][];
    const early = all.filter((each) => each.some((left) => left > HEALTHY)).length;
    // The first alarm of an engine that raised none too early: warned in time.
    const warned = all.flatMap((each) =>
      each.length > 0 && each.every((left) => left <= HEALTHY) ? [Math.max(...each)] : [],
    );
    return [name, showShare(warned.length / engines.length), show(medianOf(warned)), showShare(early / engines.length)];
  });
  return {
    title: `C-MAPSS FD001: ${engines.length} engines, ${moving.length} sensors, windows of ${WINDOW} flights`,
    heads: ['rule', 'engines warned in time', 'flights left at that alarm', 'engines with an alarm while healthy'],
    rows,
    notes: [
      `Healthy: more than ${HEALTHY} flights left. In time: an alarm of any sensor with at most so many left, and none before. ` +
        `The baseline is made of the first ${YOUNG} flights of all engines. Ours judged ${show(judged)} windows of all engines, ${show(healthyWindows)} of them healthy: ` +
        'what an engine needs to learn is a third to a half of its life here, so that engines that die young are never judged; the rules of the field judge from the first window.',
    ],
  };
}
