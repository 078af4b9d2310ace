import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLines } from './job-process.ts';
import { hearLine } from './progress.ts';

describe('a line of a trainer', () => {
  it('is progress, a note, or only a line', () => {
    const metric = JSON.stringify({ t: 'metric', step: 3, steps: 9, name: 'validationLoss', value: 0.1234567 });
    expect(hearLine(metric)).toEqual({
      text: 'step 3: validationLoss 0.123457',
      progress: { step: 3, of: 9, message: 'validationLoss 0.123457' },
    });
    expect(hearLine('{"t":"phase","name":"read"}')).toMatchObject({ progress: { message: 'reading the data' } });
    expect(hearLine('{"t":"dropped","name":"UDI","reason":"identifier","says":"It counts rows."}').note).toBe(
      'Column "UDI" is not used. It counts rows.',
    );
    expect(hearLine('{"t":"metric","step":-1,"name":"x","value":1}')).toEqual({
      text: '{"t":"metric","step":-1,"name":"x","value":1}',
    });
    expect(hearLine('Traceback')).toEqual({ text: 'Traceback' });
  });

  it('may be anything', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        (line) => {
          expect(hearLine(line).text.length).toBeLessThanOrEqual(1024);
        },
      ),
    );
  });

  it('is found wherever the stream was cut, and is bounded', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n') })), (parts) => {
        const lines: string[] = [];
        const hear = splitLines((line) => lines.push(line));
        for (const part of parts) hear.take(part);
        hear.end();
        const whole = parts.join('').split('\n');
        expect(lines).toEqual(whole.at(-1) === '' ? whole.slice(0, -1) : whole);
      }),
    );
    const lines: string[] = [];
    const hear = splitLines((line) => lines.push(line));
    for (let i = 0; i < 100; i++) hear.take('x'.repeat(10_000));
    hear.take('\nnext\n');
    hear.end();
    expect(lines.map(({ length }) => length)).toEqual([16_384, 4]);
  });
});
