// Checks how arguments and rows are read: predictions, labels, durations, model references, derived labels.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseList } from './commands/common.ts';
import { parsePoints } from './commands/kpi.ts';
import { parseFleetLabels, parseLabels } from './commands/labels.ts';
import { parseModelRef } from './commands/model.ts';
import { parseAssignments, parseRows } from './commands/predict.ts';
import { tallyRollout } from './commands/rollout-views.ts';
import { parseDerive } from './commands/run.ts';

describe('fields for a prediction', () => {
  it('reads numbers, text and missing values from words', () => {
    expect(parseAssignments(['torque=40.2', 'type=M', 'heat=', 'note=a=b'])).toEqual({
      ok: true,
      value: { torque: 40.2, type: 'M', heat: null, note: 'a=b' },
    });
    expect(parseAssignments(['torque']).ok).toBe(false);
    expect(parseAssignments(['a=1', 'a=2']).ok).toBe(false);
  });

  it('reads an object, an array, lines of objects and CSV alike', () => {
    const rows = [
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ];
    expect(parseRows('{"a":1,"b":"x"}')).toEqual({ ok: true, value: rows.slice(0, 1) });
    expect(parseRows(JSON.stringify(rows, null, 1))).toEqual({ ok: true, value: rows });
    expect(parseRows(rows.map((r) => JSON.stringify(r)).join('\n'))).toEqual({ ok: true, value: rows });
    expect(parseRows('a,b\n1,x\n2,y\n')).toEqual({ ok: true, value: rows });
    expect(parseRows('{\n"a": 1,\n"b": "x"\n}')).toEqual({ ok: true, value: rows.slice(0, 1) });
    for (const text of ['', '{', '[1]', '{"a":{}}']) expect(parseRows(text).ok).toBe(false);
  });

  it('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseRows(text);
        parseLabels(text);
        parseFleetLabels(text);
        parsePoints(text);
        parseAssignments([text]);
      }),
    );
  });
});

describe('arguments', () => {
  it('reads durations', () => {
    expect(['90', '90s', '5m', '2h', '1.5s', '250ms'].map(parseDuration)).toEqual([
      90_000, 90_000, 300_000, 7_200_000, 1500, 250,
    ]);
    for (const text of ['', '0', '-1', '5 minutes', 'm']) expect(() => parseDuration(text)).toThrow('duration');
  });
  it('reads model references', () => {
    expect(parseModelRef('wear')).toEqual({ model: 'wear', version: undefined });
    expect(parseModelRef('wear@12')).toEqual({ model: 'wear', version: 12 });
    expect(parseModelRef('wear@champion')).toEqual({ model: 'wear', version: 'champion' });
    for (const text of ['', '@3', 'Wear', 'wear@', 'a@b@c', 'a b'])
      expect(() => parseModelRef(text)).toThrow('does not name a model');
  });
  it('reads lists and derived labels', () => {
    expect(parseList(' a, b ,,c')).toEqual(['a', 'b', 'c']);
    expect(parseDerive('ends-within:30')).toEqual({ kind: 'endsWithin', rows: 30 });
    for (const text of ['ends-within', 'ends-within:0', 'ends-within:x', 'starts-within:3'])
      expect(() => parseDerive(text)).toThrow('ends-within:30');
  });
  it('counts deployments as done, failed or open', () => {
    expect(
      tallyRollout({ committed: 3, already_installed: 1, rolled_back: 1, failed: 2, downloading: 4, queued: 1 }),
    ).toEqual({ done: 4, failed: 3, open: 5 });
  });
});

describe('labels of many devices', () => {
  it('are read by device, in the order of the file', () => {
    const read = parseFleetLabels('truth,device,predictionId\n1,d1,a-1\nbad,d2,b-1\n0.5,d1,a-2\n');
    expect(read.ok && [...read.value]).toEqual([
      [
        'd1',
        [
          { predictionId: 'a-1', truth: 1 },
          { predictionId: 'a-2', truth: 0.5 },
        ],
      ],
      ['d2', [{ predictionId: 'b-1', truth: 'bad' }]],
    ]);
  });

  it('are refused as a whole with the row that lacks something', () => {
    for (const row of ['d1,a-1,', 'd1,,1', ',a-1,1', 'Not A Device,a-1,1']) {
      const read = parseFleetLabels(`device,predictionId,truth\nd1,a-0,1\n${row}\n`);
      expect(read).toMatchObject({ ok: false, code: 'argument_invalid' });
      expect(!read.ok && read.detail).toContain('Row 2');
    }
    expect(parseFleetLabels('device,predictionId,truth\n').ok).toBe(false);
  });
});

describe('business numbers', () => {
  it('are read from CSV, and refused as a whole with the row that is no number of a device', () => {
    expect(parsePoints('value,device,at\n2.5,d1,2026-03-01T00:00:00Z\n')).toEqual({
      ok: true,
      value: [{ device: 'd1', at: '2026-03-01T00:00:00Z', value: 2.5 }],
    });
    for (const row of ['d1,2026-03-01T00:00:00Z,', 'd1,noon,1', ',2026-03-01T00:00:00Z,1', 'd1,2026-03-01T00:00:00Z,x'])
      expect(parsePoints(`device,at,value\n${row}\n`)).toMatchObject({ ok: false, code: 'argument_invalid' });
  });
});
