import type { SampleView } from '@drover/wire/http/samples';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { writeCsv } from './samples.ts';

const sample = (fields: SampleView['fields']): SampleView => ({
  device: 'd', predictionId: 'p-1', slot: 's', manifest: 'a'.repeat(64), model: 'm', version: 1, at: '2026-01-01T00:00:00.000Z',
  why: 'random', score: 0.5, fields, withheld: [], suspect: [], value: 3,
}); // biome-ignore format: one record

describe('writeCsv', () => {
  it('gives each field a column, quotes what needs it, and makes no formula of a text', () => {
    expect(writeCsv([{ ...sample({}), value: -3 }])).toContain('random,0.5,-3\r\n');
    const text = writeCsv([sample({ a: -1.5, note: 'x, "y"\nz' }), sample({ a: null, late: '=1+1' })]);
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    expect(rows).toMatchObject([
      { predictionId: 'p-1', answer: '3', a: '-1.5', note: 'x, "y"\nz', late: '' },
      { a: '', note: '', late: "'=1+1" },
    ]);
    expect(writeCsv([])).toBe('predictionId,device,model,version,at,why,score,answer\r\n');
  });
});
