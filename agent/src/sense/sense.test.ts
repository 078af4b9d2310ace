import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { Refusal } from '@drover/core/reasons';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { guessSeparator, replayCsv } from './csv.ts';
import { LINE_CHARS, makeLineParser, readLines } from './lines.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-sense-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const signal = new AbortController().signal;

async function replay(text: string, rate = 0) {
  const file = path.join(dir, 'rows.csv');
  writeFileSync(file, text);
  const rows: Record<string, unknown>[] = [];
  const bad: Refusal[] = [];
  let mono = 0;
  const take = async (reading: Record<string, unknown>) => rows.push(reading);
  await replayCsv({ file, rate, take, onBad: (refusal) => bad.push(refusal), mono: () => (mono += 1e6), signal });
  return { rows, bad: bad.map(({ code }) => code) };
}

describe('csv replay', () => {
  it('reads what separates the header, counts bad rows and goes on', async () => {
    expect(await replay('\uFEFFa,b\n1,x\n2\n\n3,"y,z"\n')).toEqual({
      rows: [{ a: '1', b: 'x' }, { a: '3', b: 'y,z' }],
      bad: ['reading_unreadable'],
    }); // biome-ignore format: rows
    expect((await replay('a;b\n1;2\n', 5)).rows).toEqual([{ a: '1', b: '2' }]);
    expect((await replay('a b \n1 2 \n')).rows).toEqual([{ a: '1', b: '2' }]);
    expect((await replay('')).rows).toEqual([]);
    expect(guessSeparator('one')).toBe(',');
  });
});

async function feed(chunks: readonly string[]) {
  const rows: Record<string, unknown>[] = [];
  const bad: string[] = [];
  await readLines({
    input: Readable.from(chunks),
    take: async (row) => rows.push(row),
    onBad: ({ code }) => bad.push(code),
    signal,
  });
  return { rows, bad };
}

describe('lines', () => {
  it('are JSON objects or delimited text, in any chunking', async () => {
    const text = '{"a":1}\na,b\n1,2\n[1]\n{broken\n3,4,5\n6,7';
    const whole = await feed([text]);
    expect(whole.rows).toEqual([{ a: 1 }, { a: '1', b: '2' }, { a: '6', b: '7' }]);
    expect(whole.bad).toEqual(['reading_unreadable', 'reading_unreadable', 'reading_unreadable']);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: text.length })), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const chunks = at.slice(1).map((end, i) => text.slice(at[i], end));
        expect(await feed(chunks)).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('that are too long are refused once and the next one is read', async () => {
    const { rows, bad } = await feed([`{"a":"${'x'.repeat(LINE_CHARS)}`, 'y'.repeat(1000), '"}\n{"a":2}\n']);
    expect(rows).toEqual([{ a: 2 }]);
    expect(bad).toEqual(['reading_unreadable']);
  });

  it('never make the parser throw', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (lines) => {
        const parse = makeLineParser();
        for (const line of lines) parse(line);
      }),
    );
  });
});
