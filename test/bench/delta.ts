// Measures recipes on the kinds of pairs for which design/delivery.md has figures: sizes and times beside what byte-oriented
// packers make of the same pair in the same run. Never asserts.
import { createHash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { applyRecipe } from '@drover/delta/apply';
import { makeRecipe } from '@drover/delta/make';
import type { Pair } from '@drover/delta/recipe';
import { bytesSource } from '@drover/delta/sources';
import { type ModelPair, makeForestPairs, makeWeightPair, type WeightPair } from '@drover/testkit/model-pairs';
import { atMost, type BenchReport, type BenchRow, ratioAtMost } from './report.ts';

/** 0.66 million weights, 2.6 MB as float32; the head holds 1.5 % of them. */
const WIDTHS = [200, 2500, 60, 160];

/** The best figure of any method for this kind of pair, in % of the new file; undefined where ours is not comparable. */
const KINDS: readonly { readonly pair: WeightPair; readonly best?: number }[] = [
  { pair: 'head only', best: 1.7 },
  { pair: 'noise 1e-3', best: 69.7 },
  { pair: 'noise 1e-5', best: 49 },
  { pair: '10 % of weights', best: 9.8 },
  { pair: 'bf16-valued', best: 21.6 },
  { pair: 'int8', best: 29.2 },
  { pair: 'float16' },
];

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Timed {
  readonly bytes: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
}

function time<T>(work: () => T): { value: T; ms: number } {
  const from = performance.now();
  const value = work();
  return { value, ms: performance.now() - from };
}

function makeOurs({ base, target }: ModelPair): Timed {
  const pair: Pair = { base: sha(base), baseSize: base.length, target: sha(target), targetSize: target.length };
  const parts: Uint8Array[] = [];
  const source = bytesSource(base);
  const encode = time(() =>
    makeRecipe({ base: source, target: bytesSource(target), pair, write: (bytes) => parts.push(bytes) }),
  );
  if (!encode.value.ok) throw new Error(encode.value.detail);
  const recipe = bytesSource(Buffer.concat(parts));
  const hash = createHash('sha256');
  const decode = time(() => {
    const steps = applyRecipe({ recipe, base: source, pair });
    for (let next = steps.next(); ; next = steps.next()) {
      if (next.done) return next.value;
      hash.update(next.value);
    }
  });
  if (!decode.value.ok || hash.digest('hex') !== pair.target) throw new Error('the recipe did not make the target');
  return { bytes: recipe.size, encodeMs: encode.ms, decodeMs: decode.ms };
}

function packBytes(target: Uint8Array, dictionary: Uint8Array | undefined): Timed {
  const windowLog = Math.ceil(Math.log2(target.length + (dictionary?.length ?? 0) + 1));
  const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: Math.max(10, windowLog) };
  const encode = time(() => zstdCompressSync(target, dictionary ? { params, dictionary } : { params }));
  const open = { [constants.ZSTD_d_windowLogMax]: 31 };
  const decode = time(() =>
    zstdDecompressSync(encode.value, dictionary ? { params: open, dictionary } : { params: open }),
  );
  if (Buffer.compare(decode.value, target) !== 0) throw new Error('zstd did not give back what it was given');
  return { bytes: encode.value.length, encodeMs: encode.ms, decodeMs: decode.ms };
}

function rowsOf(pair: ModelPair, best: number | undefined): BenchRow[] {
  const { name, base, target } = pair;
  const share = ({ bytes }: Timed): number => (100 * bytes) / target.length;
  const ours = makeOurs(pair);
  const others = [
    { name: 'zstd 19, whole', made: packBytes(target, undefined) },
    { name: 'zstd 19, base as dictionary', made: packBytes(target, base) },
  ].toSorted((one, other) => one.made.bytes - other.made.bytes);
  const [other] = others;
  if (!other) throw new Error('nothing to compare with');
  const reference = { name: other.name, value: share(other.made) };
  return [
    {
      name: `${name}: size`, value: share(ours), unit: '%', reference,
      budget: best === undefined ? ratioAtMost(1) : atMost(best),
    },
    { name: `${name}: encode`, value: ours.encodeMs, unit: 'ms', reference: { name: other.name, value: other.made.encodeMs } },
    { name: `${name}: decode`, value: ours.decodeMs, unit: 'ms', reference: { name: other.name, value: other.made.decodeMs } },
  ]; // biome-ignore format: one record a line
}

export async function bench(): Promise<BenchReport> {
  const rows = KINDS.flatMap(({ pair, best }) => rowsOf(makeWeightPair(pair, WIDTHS), best));
  for (const forest of makeForestPairs(200, 6, 3000)) rows.push(...rowsOf(forest, undefined));
  return {
    title: 'Recipes: size in % of the new file, beside the better of two byte-oriented ways',
    rows,
    notes: [
      'The budget of a size is the best figure of any method in design/delivery.md §3 for that kind of pair; where our pair is not comparable, the better byte-oriented way in this run.',
    ],
  };
}
