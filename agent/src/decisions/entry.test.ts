import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANSWER_REASONS,
  ANSWERED_BY,
  answerBytes,
  EntryWriter,
  HEAD_BYTES,
  type LoggedEntry,
  readEntries,
  rowBytes,
  tensorsBytes,
} from './entry.ts';

const float = fc.float({ noNaN: false });
const row = fc.record({
  x: fc.float32Array({ maxLength: 40 }),
  c: fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 4 }),
});
const answers = fc.oneof(
  fc.record({
    index: fc.integer({ min: -1, max: 999 }),
    p: fc.oneof(fc.float32Array({ maxLength: 9 }), fc.float64Array({ maxLength: 9 })),
  }),
  fc.record({ value: fc.oneof(float, fc.double()) }),
  fc.constant(undefined),
);
const head = fc.record({
  number: fc.integer({ min: 1, max: 2 ** 50 }),
  at: fc.integer({ min: 0, max: 2 ** 45 }),
  context: fc.integer({ min: 0, max: 254 }),
  by: fc.constantFrom(...ANSWERED_BY),
  why: fc.option(fc.constantFrom(...ANSWER_REASONS), { nil: undefined }),
});

function readAll(bytes: Buffer): LoggedEntry[] | undefined {
  const found: LoggedEntry[] = [];
  const isWhole = readEntries(bytes, (read) => {
    found.push(read());
    return false;
  });
  return isWhole ? found : undefined;
}

describe('entries', () => {
  it('come out as they went in, to the bit, and need no more room than was said', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(head, row, answers), { minLength: 1, maxLength: 5 }), (list) => {
        const writer = new EntryWriter(200_000);
        const wanted: unknown[] = [];
        for (const [{ number, at, context, by, why }, { x, c }, answer] of list) {
          const isClass = answer !== undefined && 'index' in answer;
          const given = answer && {
            ok: true as const,
            classIndex: isClass ? answer.index : -1,
            probabilities: isClass ? answer.p : new Float32Array(0),
            value: isClass ? Number.NaN : answer.value,
          };
          const from = writer.at;
          writer.begin(number, 1, at, context, by, why);
          writer.row(x, c);
          writer.answer(given, isClass);
          writer.end();
          expect(writer.at - from).toBeLessThanOrEqual(HEAD_BYTES + rowBytes(x, c) + answerBytes(given));
          const output =
            answer === undefined
              ? { kind: 'none' }
              : isClass
                ? { kind: 'class', index: answer.index, probabilities: answer.p }
                : { kind: 'value', value: answer.value };
          // Half a surrogate pair is no text that UTF-8 can hold.
          wanted.push({
            number,
            rows: 1,
            at,
            context,
            answeredBy: by,
            reason: why,
            input: { kind: 'row', x, c: c.map((t) => t.toWellFormed()) },
            output,
          });
        }
        expect(readAll(writer.bytes.subarray(0, writer.at))).toEqual(wanted);
      }),
    );
  });

  it('hold tensors of every type', () => {
    const tensors = {
      f: { dtype: 'float32', data: Float32Array.of(Number.NaN, -0, 1e-45), dims: [3] },
      big: { dtype: 'int64', data: BigInt64Array.of(-(2n ** 63n), 7n), dims: [2, 1] },
      half: { dtype: 'uint16', data: Uint16Array.of(1, 65_535), dims: [1, 2] },
      yes: { dtype: 'bool', data: Uint8Array.of(1), dims: [] },
      text: { dtype: 'string', data: ['', 'Größe'], dims: [2] },
    } as const;
    const feeds = { ...tensors, text: { ...tensors.text, data: [...tensors.text.data] } };
    const writer = new EntryWriter(HEAD_BYTES + 2 * tensorsBytes(feeds));
    writer.begin(1, 2, 3, 0, 'model', undefined);
    writer.tensors(feeds);
    writer.digest(new Uint8Array(32).fill(7));
    writer.end();
    expect(readAll(writer.bytes.subarray(0, writer.at))).toMatchObject([
      { input: { kind: 'tensors', tensors: feeds }, output: { kind: 'digest', sha256: '07'.repeat(32) } },
    ]);
  });

  it('that are damaged are answered, never thrown on', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readAll(Buffer.from(bytes))));
    const writer = new EntryWriter(1000);
    writer.begin(1, 1, 2, 0, 'model', undefined);
    writer.row(Float32Array.of(1, 2), ['x']);
    writer.answer({ ok: true, classIndex: 1, probabilities: Float32Array.of(0.25, 0.75), value: Number.NaN }, true);
    writer.end();
    const whole = Buffer.from(writer.bytes.subarray(0, writer.at));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        readAll(damaged);
        expect(readAll(whole.subarray(0, at)) === undefined || at === 0).toBe(true);
      }),
    );
  });
});
