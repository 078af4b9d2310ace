// Measures drift on recorded data: the machine temperature of NAB with its own windows and scoring, and the engines of C-MAPSS
// FD001 as a fleet. Needs DROVER_DATA; says so where it is not there. Never asserts.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { observeNumeric } from '@drover/core/drift/observe';
import { DRIFT_SETTINGS, foldWindow, newFeature } from '@drover/core/drift/verdict';
import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import type { BenchReport, BenchRow } from './report.ts';

/** Values of a window: three hours of five minutes. */
const NAB_ROWS = 36;
/** NAB leaves the first 15 % to learn from. */
const PROBATION = 0.15;
/** Weights of NAB's standard profile (Lavin and Ahmad 2015, §III). */
const FALSE_POSITIVE = 0.11;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** NAB's scoring: +1 early in a window, towards 0 at its end, and −1 far behind it. */
const sigmoid = (position: number): number => (position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1);

/** Score of detections, 0 for none and 100 for all at the first moment without a false one (NAB's normalisation). */
function scoreNab(detections: readonly number[], windows: readonly Span[]): number {
  let score = 0;
  const seen = new Set<Span>();
  for (const at of detections) {
    const inside = windows.find(({ from, to }) => at >= from && at <= to);
    if (inside) {
      if (seen.has(inside)) continue;
      seen.add(inside);
      score += sigmoid((at - inside.to) / (inside.to - inside.from)) / sigmoid(-1);
      continue;
    }
    const before = windows.filter(({ to }) => to < at).at(-1);
    score += FALSE_POSITIVE * (before ? sigmoid((at - before.to) / (before.to - before.from)) : -1);
  }
  const missed = windows.length - seen.size;
  // Null is −1 for each window, perfect +1.
  return (100 * (score - missed + windows.length)) / (2 * windows.length);
}

function benchNab(folder: string): BenchRow[] {
  const lines = readFileSync(path.join(folder, 'machine_temperature_system_failure.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  const series = lines.map((line) => {
    const [time = '', value = ''] = line.split(',');
    return { at: Date.parse(`${time.replace(' ', 'T')}Z`), value: Number(value) };
  });
  const spans = JSON.parse(readFileSync(path.join(folder, 'windows.json'), 'utf8')) as unknown;
  const pairs = (Array.isArray(spans) ? spans : Object.values(spans as object)[0]) as [string, string][];
  const windows = pairs.map(([from, to]) => ({
    from: Date.parse(`${from.replace(' ', 'T').slice(0, 19)}Z`),
    to: Date.parse(`${to.replace(' ', 'T').slice(0, 19)}Z`),
  }));
  const trained = Math.floor(series.length * PROBATION);
  const built = buildBaseline([
    { name: 't', values: Float32Array.from(series.slice(0, trained), ({ value }) => value) },
  ]);
  if (!built.ok) throw new Error(built.detail);
  const reference = bindBaseline(built.value, 'a'.repeat(64));
  const [feature] = built.value.features;
  if (feature?.kind !== 'numeric') throw new Error('one numeric feature');
  let state = newFeature(1);
  const sketch = new WindowSketch(reference);
  const detections: number[] = [];
  let was = false;
  for (let from = 0; from + NAB_ROWS <= series.length; from += NAB_ROWS) {
    sketch.reset();
    for (const { value } of series.slice(from, from + NAB_ROWS)) sketch.addRow(Float32Array.of(value), 0);
    const [numeric] = sketch.numeric;
    const last = series[from + NAB_ROWS - 1];
    if (!numeric || !last) throw new Error('a window has values');
    const folded = foldWindow(state, { ...observeNumeric(numeric, feature), startAt: series[from]?.at ?? 0 });
    state = folded.state;
    const is = folded.verdict.verdict === 'material';
    if (is && !was && from >= trained) detections.push(last.at);
    was = is;
  }
  const hit = windows.filter(({ from, to }) => detections.some((at) => at >= from && at <= to)).length;
  const outside = detections.filter((at) => !windows.some(({ from, to }) => at >= from && at <= to)).length;
  return [
    {
      name: 'NAB machine temperature: anomaly windows with an alarm that begins',
      value: hit,
      unit: `of ${windows.length}`,
    },
    { name: 'NAB machine temperature: alarms that begin outside', value: outside, unit: '', note: 'in ten weeks' },
    {
      name: 'NAB machine temperature: score, standard profile',
      value: scoreNab(detections, windows),
      unit: '',
      note: '0 is silence, 100 perfect',
    },
  ];
}

/** Sensors that are not constant in FD001. */
const SENSORS = [2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21];
/** An engine is new so long: what is called here is false. */
const NEW_CYCLES = 60;

function benchEngines(folder: string): BenchRow[] {
  const engines = new Map<number, number[][]>();
  for (const line of readFileSync(path.join(folder, 'train_FD001.txt'), 'utf8').trim().split('\n')) {
    const columns = line.trim().split(/\s+/).map(Number);
    const id = columns[0] ?? Number.NaN;
    // The first line names the columns.
    if (Number.isNaN(id)) continue;
    const cycles = engines.get(id) ?? [];
    cycles.push(SENSORS.map((sensor) => columns[4 + sensor] ?? Number.NaN));
    engines.set(id, cycles);
  }
  const early = [...engines.values()].flatMap((cycles) => cycles.slice(0, 30));
  const scales = SENSORS.map((_, s) => {
    const sorted = early.map((cycle) => cycle[s] ?? 0).toSorted((a, b) => a - b);
    const at = (q: number): number => sorted[Math.floor(q * sorted.length)] ?? 0;
    return { median: at(0.5), iqr: Math.max(1e-9, at(0.75) - at(0.25)) };
  });
  let [falseAlarms, found] = [0, 0];
  const ahead: number[] = [];
  for (const [id, cycles] of engines) {
    const states = SENSORS.map((_, s) => newFeature(id * 100 + s));
    let first: number | undefined;
    for (const [cycle, values] of cycles.entries())
      for (const [s, value] of values.entries()) {
        const { median, iqr } = scales[s] ?? { median: 0, iqr: 1 };
        const seen = {
          level: (value - median) / iqr,
          spread: 0,
          tail: 0,
          unusable: 0,
          rows: 1,
          effectiveRows: 1e6,
          unchanged: 0,
        };
        const folded = foldWindow(states[s] ?? newFeature(), seen, { ...DRIFT_SETTINGS, leastRows: 1 });
        if (folded.verdict.verdict === 'material' && first === undefined) first = cycle;
      }
    if (first === undefined) continue;
    if (first < NEW_CYCLES) falseAlarms += 1;
    else {
      found += 1;
      ahead.push(cycles.length - first);
    }
  }
  ahead.sort((a, b) => a - b);
  return [
    { name: 'C-MAPSS FD001: engines that are called before they fail', value: found, unit: `of ${engines.size}` },
    {
      name: 'C-MAPSS FD001: cycles before the failure, median',
      value: ahead[ahead.length >> 1] ?? Number.NaN,
      unit: '',
    },
    {
      name: `C-MAPSS FD001: engines that are called within their first ${NEW_CYCLES} cycles`,
      value: falseAlarms,
      unit: `of ${engines.size}`,
    },
  ];
}

export async function bench(): Promise<BenchReport> {
  const title = 'Drift on recorded data';
  const data = process.env['DROVER_DATA'];
  const nab = path.join(data ?? '', 'nab-machine-temperature');
  const cmapss = path.join(data ?? '', 'cmapss');
  if (data === undefined || !existsSync(nab) || !existsSync(cmapss))
    return {
      title,
      rows: [],
      notes: ['Not run: DROVER_DATA names no folder with nab-machine-temperature and cmapss.'],
    };
  return {
    title,
    rows: [...benchNab(nab), ...benchEngines(cmapss)],
    notes: [
      'NAB: windows of three hours, the baseline from the first 15 %; a detection is the end of the window in which an alarm begins.',
      'C-MAPSS: a cycle of an engine is a window of one value (14 sensors), learnt from its own first 30.',
    ],
  };
}
