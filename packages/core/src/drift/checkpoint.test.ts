import { ByteReader } from '@drover/sketch/codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFeature, readFeature } from './checkpoint.ts';
import { foldWindow, newFeature, type Observation } from './verdict.ts';

const number = fc.oneof(fc.double({ min: -50, max: 50, noNaN: true }), fc.constant(0));
const share = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(0));
const observation: fc.Arbitrary<Observation> = fc.record({
  level: number, spread: share, shape: share, tail: share, unusable: share, rows: fc.constant(100), effectiveRows: fc.constant(90), unchanged: share,
}); // biome-ignore format: one record

describe('a checkpoint of a feature', () => {
  it('goes on exactly where the feature was', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 150 }), fc.nat(40), (seen, later) => {
        let state = newFeature(12_345);
        const told = (one: Observation, at: number): Observation => ({ ...one, startAt: 1e12 + at * 3_600_000 });
        for (const [at, one] of seen.slice(later).entries()) ({ state } = foldWindow(state, told(one, at)));
        const reader = new ByteReader(encodeFeature(state));
        let again = readFeature(reader);
        expect(reader.failed || !reader.atEnd).toBe(false);
        expect(again).toEqual(state);
        for (const [at, one] of seen.slice(0, later).entries()) {
          const [a, b] = [foldWindow(state, told(one, 500 + at)), foldWindow(again, told(one, 500 + at))];
          expect(b.verdict).toEqual(a.verdict);
          [state, again] = [a.state, b.state];
        }
      }),
    );
  });

  it('of any bytes is a state or a failure, never an error', () => {
    let state = newFeature(1);
    for (let i = 0; i < 60; i++) {
      const seen = {
        level: i % 7,
        spread: 0.1,
        shape: 0.1,
        tail: 0,
        unusable: 0,
        rows: 50,
        effectiveRows: 50,
        unchanged: 0,
      };
      ({ state } = foldWindow(state, { ...seen, startAt: 1e12 + i * 3_600_000 }));
    }
    const good = encodeFeature(state);
    const damaged = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), fc.nat(good.length), (given, cut) => {
        const bytes = given instanceof Uint8Array ? given : good.slice(0, cut);
        if (!(given instanceof Uint8Array)) for (const [at, byte] of given) if (at < bytes.length) bytes[at] = byte;
        const reader = new ByteReader(bytes);
        const read = readFeature(reader);
        if (reader.failed) return;
        const seen = {
          level: 1,
          spread: 0.1,
          shape: 0.1,
          tail: 0,
          unusable: 0,
          rows: 50,
          effectiveRows: 50,
          unchanged: 0,
        };
        expect(foldWindow(read, { ...seen, startAt: 1e12 }).verdict.evidence).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
