import { describe, expect, it } from 'vitest';
import { type Baseline, buildBaseline, encodeBaseline, parseBaseline } from './baseline.ts';
import { cutFor, findNoveltyCuts, NOVELTY_SHARES, Novelty } from './novelty.ts';

/** Mulberry32: the same numbers each time. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const WIDTH = 12;

function drawRows(rows: number, random: () => number): { numbers: Float64Array[]; texts: string[] } {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const numbers = Array.from({ length: WIDTH }, (_, i) =>
    Float64Array.from({ length: rows }, () =>
      i === 0 ? Math.round(normal() * 3) : i === 1 ? Math.exp(normal()) : 300 + normal(),
    ),
  );
  return {
    numbers,
    texts: Array.from({ length: rows }, () => (random() < 0.01 ? 'rare' : random() < 0.3 ? 'b' : 'a')),
  };
}

function train(): Baseline {
  const { numbers, texts } = drawRows(20_000, makeRandom(1));
  const built = buildBaseline([
    ...numbers.map((values, i) => ({ name: `f${i}`, values })),
    { name: 'kind', values: texts },
  ]);
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}
const baseline = train();
const cuts = baseline.noveltyCuts ?? [0, 0, 0];
const novelty = new Novelty(baseline, ({ kind, name }) => (kind === 'numeric' ? Number(name.slice(1)) : 0));
const usual = [0, 1, ...Array.from({ length: WIDTH - 2 }, () => 300)];

describe('novelty', () => {
  it('calls about the stated share of further rows of the same kind novel', () => {
    const { numbers, texts } = drawRows(40_000, makeRandom(2));
    const scores = texts.map((text, row) =>
      novelty.score(
        Float32Array.from(numbers, (column) => column[row] as number),
        [text],
      ),
    );
    for (const share of [0.01, 0.001] as const) {
      const found = scores.filter((score) => score > cutFor(cuts, share)).length / scores.length;
      expect(found).toBeLessThan(2 * share + 0.0005);
      expect(found).toBeGreaterThan(share / 3);
    }
    expect(scores.filter((score) => score > cutFor(cuts, 0)).length).toBeLessThan(20);
  });

  it('rises with the distance, and one field far out is enough', () => {
    const at = (value: number): number => novelty.score(Float32Array.from(usual.with(5, value)), ['a']);
    const away = [300, 304.5, 307, 315, 400, 1e30].map(at);
    expect(away).toEqual(away.toSorted((a, b) => a - b));
    expect(at(300)).toBeLessThan(cutFor(cuts, 0.01));
    for (const value of [400, -1e30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(at(value)).toBeGreaterThan(cutFor(cuts, 0.01));
  });

  it('takes a text that training never met, and what is missing, for unusual', () => {
    const score = (text: string | undefined): number => novelty.score(Float32Array.from(usual), [text]);
    expect(score('a')).toBeLessThan(score('rare'));
    expect(score('rare')).toBeLessThan(score('never'));
    expect(score('')).toBe(score(undefined));
    expect(novelty.score(Float32Array.from(usual).fill(Number.NaN), ['a'])).toBeGreaterThan(cutFor(cuts, 0));
  });

  it('keeps its cuts in the bytes of the baseline, and refuses cuts that are none', () => {
    const parsed = parseBaseline(encodeBaseline(baseline));
    expect(parsed.ok && parsed.value.noveltyCuts).toEqual(cuts);
    const change = (noveltyCuts: unknown) => parseBaseline(Buffer.from(JSON.stringify({ ...baseline, noveltyCuts })));
    for (const bad of [[], [1, 2], [3, 2, 4], [1, 2, Number.NaN], [1, 2, 1e9], [-1, 2, 3], 'x'])
      expect(change(bad)).toMatchObject({ ok: false, code: 'baseline_invalid' });
    const { noveltyCuts: _, ...old } = baseline;
    expect(parseBaseline(Buffer.from(JSON.stringify(old)))).toMatchObject({ ok: true });
  });

  it('ranks as split conformal prediction does', () => {
    const scores = Float64Array.from({ length: 999 }, (_, i) => i + 1);
    expect(findNoveltyCuts(scores)).toEqual([990, 999, 999]);
    expect(
      NOVELTY_SHARES.map((share) => scores.filter((s) => s > cutFor(findNoveltyCuts(scores), share)).length),
    ).toEqual([9, 0, 0]);
  });
});
