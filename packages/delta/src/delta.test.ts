import { createHash } from 'node:crypto';
import type { ByteSource } from '@drover/onnx/places';
import { makeForestPairs, makeWeightPair, WEIGHT_PAIRS } from '@drover/testkit/model-pairs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyRecipe } from './apply.ts';
import { makeRecipe } from './make.ts';
import { pack } from './pack.ts';
import { END, GLUE, type Pair, putNumber, SEGMENT_BYTES, writeHeader } from './recipe.ts';

/** Gives out Buffers from the shared pool, as files do: unaligned, and views of something larger. */
const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read(offset, length) {
    const part = bytes.subarray(offset, offset + length);
    const larger = Buffer.alloc(part.length + 7);
    larger.set(part, 3);
    return larger.subarray(3, 3 + part.length);
  },
});
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pairOf = (base: Uint8Array, target: Uint8Array): Pair => ({
  base: sha(base),
  baseSize: base.length,
  target: sha(target),
  targetSize: target.length,
});

function make(base: Uint8Array, target: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  const made = makeRecipe({
    base: bytesSource(base),
    target: bytesSource(target),
    pair: pairOf(base, target),
    write: (bytes) => parts.push(bytes),
  });
  expect(made.ok).toBe(true);
  return Buffer.concat(parts);
}

/** What comes out, and whether it was accepted; the sum of the pieces is bounded by what the target needs. */
function apply(recipe: Uint8Array, base: Uint8Array, pair: Pair): { bytes: Buffer; code: string } {
  const steps = applyRecipe({ recipe: bytesSource(recipe), base: bytesSource(base), pair });
  const pieces: Uint8Array[] = [];
  let sum = 0;
  for (;;) {
    const next = steps.next();
    if (next.done) return { bytes: Buffer.concat(pieces), code: next.value.ok ? '' : next.value.code };
    sum += next.value.length;
    expect(sum).toBeLessThanOrEqual(pair.targetSize);
    expect(next.value.length).toBeLessThanOrEqual(SEGMENT_BYTES);
    // A piece may share memory with what the next step reuses.
    pieces.push(Buffer.from(next.value));
  }
}

const WIDTHS = [24, 300, 40, 3];
const FORESTS = makeForestPairs(20, 5, 400);
const PAIRS = [...WEIGHT_PAIRS.map((name) => makeWeightPair(name, WIDTHS)), ...FORESTS];

/** Bytes with repetitions, so that copies and dictionaries are used. */
const someBytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 400 }))
        .map(([part, times]) =>
          Uint8Array.from({ length: part.length * times }, (_, at) => part[at % part.length] ?? 0),
        ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

describe('a recipe', () => {
  it.each(PAIRS)('tells the new model of the pair "$name" exactly, and in fewer bytes', ({ base, target }) => {
    const recipe = make(base, target);
    const { bytes, code } = apply(recipe, base, pairOf(base, target));
    expect(code).toBe('');
    expect(bytes.equals(target)).toBe(true);
    expect(recipe.length).toBeLessThan(0.8 * target.length);
  });

  it.each(PAIRS)('packs the new model of "$name" on its own', ({ target }) => {
    const none = new Uint8Array(0);
    const recipe = make(none, target);
    expect(apply(recipe, none, pairOf(none, target)).bytes.equals(target)).toBe(true);
    expect(recipe.length).toBeLessThan(target.length);
  });

  it('tells any bytes from any others', () => {
    fc.assert(
      fc.property(someBytes, someBytes, (base, target) => {
        const { bytes, code } = apply(make(base, target), base, pairOf(base, target));
        expect(code).toBe('');
        expect(bytes.equals(target)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('tells bytes after small edits, cuts and insertions in a model', () => {
    const { base } = makeWeightPair('noise 1e-3', [16, 120, 8]);
    const edit = fc.record({
      at: fc.nat(base.length - 1),
      cut: fc.nat(64),
      put: fc.uint8Array({ maxLength: 64 }),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const target = edits.reduce<Uint8Array>(
          (bytes, { at, cut, put }) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]),
          base,
        );
        expect(apply(make(base, target), base, pairOf(base, target)).bytes.equals(target)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('finds a tensor that has another name and place', () => {
    const { base } = makeWeightPair('head only', [64, 256, 4]);
    const other = makeWeightPair('head only', [8, 64, 256, 4], 9).target;
    const recipe = make(Buffer.concat([base]), Buffer.concat([other]));
    expect(apply(recipe, base, pairOf(base, other)).bytes.equals(other)).toBe(true);
  });

  it('works over glue that is larger than one piece', () => {
    const words = Array.from({ length: 450_000 }, (_, at) => `row ${(at * 7919) % 99_991}\n`).join('');
    const base = Buffer.from(words);
    const target = Buffer.from(`first\n${words.replaceAll('777', '778')}last\n`);
    expect(target.length).toBeGreaterThan(4 * 1024 * 1024);
    const recipe = make(base, target);
    expect(recipe.length).toBeLessThan(0.1 * target.length);
    expect(apply(recipe, base, pairOf(base, target)).bytes.equals(target)).toBe(true);
  }, 120_000);

  it('works over tensors that are larger than one slice', () => {
    const wide = makeWeightPair('noise 1e-3', [600, 500, 3]);
    expect(apply(make(wide.base, wide.target), wide.base, pairOf(wide.base, wide.target)).code).toBe('');
  }, 120_000);

  it('stops when it is told to', () => {
    const { base, target } = makeWeightPair('noise 1e-3', [300, 400, 3]);
    const input = { base: bytesSource(base), target: bytesSource(target), pair: pairOf(base, target) };
    const made = makeRecipe({ ...input, write: () => undefined, goOn: () => false });
    expect(made).toMatchObject({ ok: false, code: 'recipe_stopped' });
  });
});

describe('a recipe that is not ours', () => {
  const { base, target } = makeWeightPair('noise 1e-3', [24, 100, 4]);
  const pair = pairOf(base, target);
  const recipes = PAIRS.map((each) => ({ recipe: make(each.base, each.target), ...each }));

  it('is refused for another base, another target, or another size', () => {
    const recipe = make(base, target);
    for (const wrong of [
      { ...pair, base: sha(target) },
      { ...pair, target: sha(base) },
      { ...pair, targetSize: pair.targetSize + 1 },
    ])
      expect(apply(recipe, base, wrong).code).toBe('recipe_other_pair');
    expect(apply(recipe, base.subarray(1), pair).code).toBe('recipe_other_pair');
    expect(apply(Buffer.concat([recipe, Buffer.of(0)]), base, pair).code).toBe('recipe_malformed');
    const newer = Buffer.from(recipe);
    newer[8] = 2;
    expect(apply(newer, base, pair).code).toBe('recipe_version');
  });

  it('never throws, and never makes more than the target, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, hasHeader) => {
        const recipe = hasHeader ? Buffer.concat([writeHeader(pair), bytes]) : bytes;
        const found = apply(recipe, base, pair);
        // Without a digest to compare, only a whole target may be accepted.
        if (found.code === '') expect(found.bytes.length).toBe(pair.targetSize);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws when bytes of a real one are changed, cut, or doubled', () => {
    fc.assert(
      fc.property(
        fc.nat(recipes.length - 1),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.constantFrom('change', 'cut', 'double', 'head'),
        (which, edits, how) => {
          const real = recipes[which];
          if (!real) return;
          let bytes = Buffer.from(real.recipe);
          for (const [share, value] of edits) {
            const span = how === 'head' ? Math.min(bytes.length, 140) : bytes.length;
            const at = Math.min(span - 1, Math.floor(share * span));
            if (how === 'change' || how === 'head') bytes[at] = value;
            else if (how === 'cut') bytes = bytes.subarray(0, Math.max(1, at));
            else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.floor(at / 2))]);
          }
          const expected = pairOf(real.base, real.target);
          const found = apply(bytes, real.base, expected);
          if (found.code === '') expect(found.bytes.length).toBe(expected.targetSize);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('is refused before its lengths are believed', () => {
    const wide: Pair = { ...pair, targetSize: 2 ** 50 };
    const segment = (kind: number, ...numbers: number[]): Buffer => {
      const out = [kind, 0];
      for (const number of numbers) putNumber(out, number);
      return Buffer.from(out);
    };
    const bomb = pack(new Uint8Array(64 * 1024 * 1024), 3);
    const odd: [string, Buffer][] = [
      ['a copy from outside', segment(1, 0, 2 ** 49, 0)],
      ['a literal larger than any', Buffer.concat([segment(2, 0, 2 ** 40), Buffer.of(1), Buffer.from([255, 255, 3])])],
      ['glue that is not there', segment(2, 17, 4)],
      ['a dictionary larger than any', segment(4, 0, 16, 0, 2 ** 40, 3)],
      ['more spans than any', segment(GLUE, 0, 16, 2 ** 40)],
      ['a bomb', Buffer.concat([segment(GLUE, 0, 1000, 0, bomb.length), bomb])],
      ['an end before the end', segment(END, 0, 0)],
      ['a piece of nothing', segment(GLUE, 0, 0, 0, 0)],
    ];
    for (const [name, bytes] of odd) {
      const before = process.memoryUsage.rss();
      const found = apply(Buffer.concat([writeHeader(wide), bytes]), base, wide);
      expect([name, found.code]).toEqual([name, 'recipe_malformed']);
      expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
    }
  });
});
