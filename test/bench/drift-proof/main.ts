// Proves the drift detector beside the rules of the field, on simulated fleets, streams with known drift and shared data. Prints
// tables and puts them into a page; never fails because a number is bad.
//
//   npm run bench:drift [-- --quick] [--doc FILE]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import { measureCmapss } from './cmapss.ts';
import { measureCost } from './cost.ts';
import { measureNab } from './nab.ts';
import { measureNullFleet } from './null-fleets.ts';
import { measureDelay, measurePower } from './power.ts';
import { measureStreams } from './streams.ts';
import { renderTable, say, type Table } from './table.ts';

const BEGIN = '<!-- bench:drift: begin -->';
const END = '<!-- bench:drift: end -->';

/** Data that is not part of the house. */
const SHARED = [
  { folder: 'nab-machine-temperature', file: 'windows.json', measure: measureNab },
  { folder: 'cmapss', file: 'train_FD001.txt', measure: measureCmapss },
] as const;

function measureShared(): Table[] {
  const data = process.env['DROVER_DATA'];
  return SHARED.map(({ folder, file, measure }) => {
    const at = path.join(data ?? '', folder);
    if (data !== undefined && data !== '' && existsSync(path.join(at, file))) return measure(at);
    return {
      title: `${folder}: not run`,
      heads: [''],
      rows: [],
      notes: [`DROVER_DATA names no folder with ${folder}/${file}.`],
    };
  });
}

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, doc: { type: 'string' } } });
const isQuick = values.quick === true;

/** What stands before and behind the tables of the page. */
function readPage(file: string): readonly [string, string] {
  const page = readFileSync(file, 'utf8');
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${file} has no "${BEGIN}" and "${END}"`);
  return [page.slice(0, start), page.slice(end)];
}
// Minutes later is too late to find that there is no such page.
if (values.doc !== undefined) readPage(values.doc);

const startedAt = performance.now();
const tables: Table[] = [measureCost(), measurePower(isQuick), ...measureShared(), ...(await measureStreams(isQuick))];
const fleet = measureNullFleet(isQuick ? 50 : 500);
tables.unshift(...fleet.tables);
tables.splice(fleet.tables.length + 2, 0, measureDelay(isQuick));
const minutes = (performance.now() - startedAt) / 60_000;

const facts = [
  `- ${os.availableParallelism()} cores, ${os.cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}; load when it ended ${(os.loadavg()[0] ?? 0).toFixed(1)}`,
  `- made ${new Date().toISOString().slice(0, 10)} in ${minutes.toFixed(1)} minutes${isQuick ? ', with --quick: few devices, wide intervals' : ''}`,
  `- set for one alarm in ${DRIFT_SETTINGS.windowsPerFalseAlarm.toLocaleString('en-US')} windows of a feature`,
];
const body = [...facts, '', tables.map(renderTable).join('\n\n')].join('\n');
process.stdout.write(`${body}\n`);
if (values.doc !== undefined) {
  const [before, after] = readPage(values.doc);
  writeFileSync(values.doc, `${before}${BEGIN}\n\n${body}\n\n${after}`);
}
say(`done in ${minutes.toFixed(1)} minutes`);
