// Checks the table of windows: every feature of every window once, in pages, with numbers that can be counted by hand.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertDevice } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { storeWindow } from '../db/uplink.ts';
import { type ExportFilter, exportWindows, quantileOf } from './export-windows.ts';

const made = buildBaseline([{ name: '=load', values: Float32Array.from({ length: 1000 }, (_, i) => i % 100) }, { name: 'mode', values: Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'a' : 'b')) }]); // biome-ignore format: one table
if (!made.ok) throw new Error(made.detail);
const reference = bindBaseline(made.value, createHash('sha256').update('b').digest('hex'));
const MANIFEST = 'a'.repeat(64);
let dir: string;
let store: Store;

beforeEach(async () => {
  dir = scratch('export');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  await store.commit(['d2', 'd1'].map((id) => insertDevice({ id, labels: {}, secretHash: '', joinedAt: 1 })));
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

async function send(device: string, slot: string, at: number): Promise<void> {
  const sketch = new WindowSketch(reference);
  for (let x = 0; x < 100; x++) {
    sketch.addRow(Float32Array.of(x < 90 ? x : Number.NaN), 0);
    sketch.addCategorical(0, 'a');
  }
  await store.commit([
    storeWindow({
      startAt: at, device, slot, role: 'active', manifest: MANIFEST, bootId: 'b'.repeat(32), number: at, revision: 0, endAt: at + 1, firstMono: 0,
      lastMono: 1, rows: 100, errors: 2, closedBy: 'boundary', stats: sketch.encode(), receivedAt: 1,
    }), // biome-ignore format: one row
  ]);
}

async function read(filter: Partial<ExportFilter> = {}): Promise<string[][]> {
  const readFacts = async () => ({ model: 'wear', version: 3, baseline: made.ok ? made.value : undefined, reference });
  let text = '';
  for await (const part of exportWindows({ store, readFacts }, { since: 0, until: 1e9, ...filter }, 'csv'))
    text += part;
  return text.trimEnd().split('\r\n').map((line) => line.split(',')); // biome-ignore format: short
}

describe('the table of windows', () => {
  it('has each feature of each window once, device by device, over pages and windows of one moment', async () => {
    for (let at = 0; at < 300; at++) {
      await send('d1', 'default', at);
      if (at % 3 === 0) await send('d1', 'other', at);
    }
    await send('d2', 'default', 7);
    const [head, ...lines] = await read();
    expect(lines).toHaveLength(2 * (300 + 100 + 1));
    const keys = lines.map((cells) => [cells[0], cells[1], cells[5], cells[9]].join());
    expect(new Set(keys).size).toBe(keys.length);
    expect(lines.every((cells) => cells.length === head?.length)).toBe(true);
    expect((await read({ device: 'd2' })).length).toBe(3);
    expect((await read({ since: 290, device: 'd1' })).length).toBe(1 + 2 * (10 + 3));
    expect((await read({ model: 'other' })).length).toBe(1);
  });

  it('is the same as Parquet, with types', async () => {
    for (let at = 0; at < 20; at++) await send('d1', 'default', at);
    const [head = [], ...lines] = await read();
    const readFacts = async () => ({
      model: 'wear',
      version: 3,
      baseline: made.ok ? made.value : undefined,
      reference,
    });
    const parts: Uint8Array[] = [];
    for await (const part of exportWindows({ store, readFacts }, { since: 0, until: 1e9 }, 'parquet')) {
      if (typeof part === 'string') throw new Error('text in a Parquet file');
      parts.push(part);
    }
    const rows = await parquetReadObjects({ file: Uint8Array.from(Buffer.concat(parts)).buffer });
    const textOf = (value: unknown): string =>
      value === null ? '' : value instanceof Date ? value.toISOString() : String(value as string | number | bigint);
    expect(rows.map((row) => head.map((name) => textOf(row[name])))).toEqual(
      lines.map((cells) => cells.map((cell) => cell.replace(/^'=/, '='))),
    );
    expect(rows[0]).toMatchObject({ rows: 100n, start: new Date(0), mean: expect.closeTo(44.5), version: 3n });
  });

  it('says what was counted, and makes no formula of a name', async () => {
    await send('d1', 'default', 5);
    const [head = [], load = [], mode = []] = await read();
    const cell = (cells: readonly string[], name: string): string | undefined => cells[head.indexOf(name)];
    expect(cell(load, 'feature')).toBe("'=load");
    expect([cell(load, 'seen'), cell(load, 'missing'), cell(load, 'unusable_share'), cell(load, 'errors')]).toEqual([
      '100',
      '10',
      '0.1',
      '2',
    ]);
    expect(Number(cell(load, 'mean'))).toBeCloseTo(44.5);
    expect([cell(load, 'min'), cell(load, 'max')]).toEqual(['0', '89']);
    expect(Math.abs(Number(cell(load, 'p50')) - 44.5)).toBeLessThan(2);
    expect(Math.abs(Number(cell(load, 'p95')) - 84.5)).toBeLessThan(2);
    expect([cell(mode, 'feature'), cell(mode, 'kind'), cell(mode, 'mean')]).toEqual(['mode', 'categorical', '']);
    expect(Number(cell(mode, 'spread'))).toBeGreaterThan(0.1);
  });

  it('keeps quantiles within what was seen', () => {
    const edges = [1, 2, 3];
    expect(quantileOf([0, 0, 0, 5], { edges }, 0.5, 7, 9)).toBe(8);
    expect(quantileOf([4, 0, 0, 0], { edges }, 0.5, -3, 0.5)).toBeCloseTo(-1.25);
    expect(quantileOf([0, 2, 2, 0], { edges }, 1, 1.2, 2.9)).toBeCloseTo(2.9);
  });
});
