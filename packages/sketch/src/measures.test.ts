import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Baseline, buildBaseline, encodeBaseline, parseBaseline } from './baseline.ts';
import { findMisfit } from './fit-baseline.ts';
import { Novelty } from './novelty.ts';
import { TENSOR_PROJECTIONS, TensorMeasures } from './tensor-measures.ts';
import { hashWord, SCRIPTS, TEXT_READ, TextMeasures } from './text-measures.ts';
import { bindBaseline } from './window-sketch.ts';

const built = (...given: Parameters<typeof buildBaseline>): Baseline => {
  const made = buildBaseline(...given);
  if (!made.ok) throw new Error(made.detail);
  return made.value;
};
const parsed = (bytes: Uint8Array): Baseline => {
  const made = parseBaseline(bytes);
  if (!made.ok) throw new Error(made.detail);
  return made.value;
};

/** Lehmer: enough for data of tests, and the same on every machine. */
function* randoms(seed: number): Generator<number> {
  for (let state = seed; ; ) yield (state = (state * 48271) % 2147483647) / 2147483647;
}

const wordsOf = (text: string): number[] => {
  const words: number[] = [];
  new TextMeasures([]).read(text, (hash) => words.push(hash));
  return words;
};
const measure = (text: string, known: readonly string[] = []): TextMeasures => {
  const measures = new TextMeasures(known.map(hashWord));
  measures.read(text);
  return measures;
};

describe('measures of a text', () => {
  it('are its characters, its words without case, and those that training has not met', () => {
    const measures = measure('Bearing HOT, bearing loud! 42', ['bearing', 'hot']);
    expect([measures.length, measures.words, measures.unknown]).toEqual([29, 5, 2]);
    expect(measures.unknownShare).toBe(0.4);
    expect(wordsOf('ÄRGER Straße')).toEqual(['ärger', 'straße'].map(hashWord));
    expect(measure('!!! ...').unknownShare).toBeNaN();
  });

  it('count a character of more code units once, a mark with its letter, and characters without spaces as words', () => {
    expect(measure('👍👍').length).toBe(2);
    expect(wordsOf('é')).toHaveLength(1);
    expect(wordsOf('機械')).toEqual(['機', '械'].map(hashWord));
  });

  it.each([
    ['Pumpe läuft', 'latin'],
    ['насос 7', 'cyrillic'],
    ['ポンプ', 'kana'],
    ['水泵', 'han'],
    ['펌프', 'hangul'],
    ['مضخة', 'arabic'],
    ['ปั๊ม', 'thai'],
    ['0017 2300', 'digits'],
    ['--- !!', 'symbols'],
    ['ab дом дом', 'cyrillic'],
  ])('tell the script of %s', (text, script) => expect(SCRIPTS[measure(text).script]).toBe(script));

  it('tell the length of a long text whole, and read its start', () => {
    const measures = measure(`${'a '.repeat(TEXT_READ)}b`);
    expect([measures.length, measures.words]).toEqual([2 * TEXT_READ + 1, TEXT_READ / 2]);
  });

  it('are numbers of any string, also one that is not well-formed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, isCut) => {
        const measures = measure(isCut ? text.slice(1) : text, ['a']);
        expect(measures.unknown).toBeLessThanOrEqual(measures.words);
        expect(measures.words).toBeLessThanOrEqual(measures.length);
        expect(SCRIPTS[measures.script]).toBeDefined();
      }),
    );
  });
});

describe('measures of a tensor', () => {
  it('keep the length of vectors on average, over seeds', () => {
    const size = 300;
    const random = randoms(7);
    const data = Float32Array.from({ length: size }, () => (random.next().value as number) - 0.5);
    const square = data.reduce((sum, x) => sum + x * x, 0);
    let mean = 0;
    for (let seed = 0; seed < 400; seed++) {
      const measures = new TensorMeasures({ size, seed });
      measures.read(data, 0);
      mean += measures.values.reduce((sum, y) => sum + y * y, 0) / 400;
    }
    // The deviation of one is √(2/16); of 400 a twentieth of that.
    expect(mean / square).toBeGreaterThan(1 - 4 * 0.0177);
    expect(mean / square).toBeLessThan(1 + 4 * 0.0177);
  });

  it('are linear, start at the offset, and are none where a value is no number', () => {
    const shape = { size: 40, seed: 3 };
    const [a, b] = [new TensorMeasures(shape), new TensorMeasures(shape)];
    const data = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i));
    a.read(data, 40);
    b.read(
      data.map((x) => 2 * x),
      40,
    );
    for (let k = 0; k < TENSOR_PROJECTIONS; k++) expect(b.values[k]).toBeCloseTo(2 * (a.values[k] as number), 4);
    data[60] = Number.NaN;
    a.read(data, 40);
    expect([...a.values].every(Number.isNaN)).toBe(true);
    data[60] = Number.POSITIVE_INFINITY;
    a.read(data, 40);
    expect([...a.values].every(Number.isNaN)).toBe(true);
  });

  it('tell light, contrast, sharpness and saturation of an image, whichever way its channels lie', () => {
    const [height, width] = [8, 8];
    const pixel = (row: number, column: number): number => ((row + column) % 2 === 0 ? 1 : 0.5);
    const planes = new Float32Array(3 * 64);
    const mixed = new Float32Array(3 * 64);
    for (let p = 0; p < 64; p++)
      for (let c = 0; c < 3; c++) {
        planes[c * 64 + p] = pixel(Math.floor(p / 8), p % 8);
        mixed[p * 3 + c] = pixel(Math.floor(p / 8), p % 8);
      }
    const of = (data: Float32Array, isChannelsLast: boolean): number[] => {
      const image = { height, width, channels: 3, isChannelsLast, low: 0, high: 1 };
      const measures = new TensorMeasures({ size: 192, seed: 1, image });
      measures.read(data, 0);
      return [...measures.values.subarray(TENSOR_PROJECTIONS)];
    };
    // A chessboard: its Laplacian is four times the step, up and down.
    expect(of(planes, false)).toEqual([0.75, 0.25, 4, 0.5]);
    expect(of(mixed, true)).toEqual([0.75, 0.25, 4, 0.5]);
  });
});

describe('a baseline of derived features', () => {
  const random = randoms(11);
  const next = (): number => random.next().value as number;
  const rows = 600;
  const vocabulary = Array.from({ length: 200 }, (_, i) => `word${i}`);
  const phrase = (): string => Array.from({ length: 4 }, () => vocabulary[Math.floor(next() ** 2 * 200)]).join(' ');
  const notes = Array.from({ length: rows }, (_, row) => (row % 50 === 0 ? '' : `${phrase()} ${row}`));
  const flags = Float32Array.from({ length: rows }, () => (next() < 0.3 ? 1 : 0));
  const loads = Float32Array.from({ length: rows }, next);
  const pixels = Float32Array.from({ length: rows * 48 }, next);
  const columns = [
    { name: 'load', values: loads },
    { name: 'door', values: flags },
    { name: 'shift', values: notes.map((_, row) => (row % 3 === 0 ? 'night' : 'day')) },
    { name: 'note', values: notes },
    {
      name: 'image',
      tensor: pixels,
      size: 48,
      image: { height: 4, width: 4, channels: 3, isChannelsLast: false },
    },
  ];
  const baseline = built(columns);
  const named = (name: string) => baseline.features.find((feature) => feature.name === name);

  it('takes 0 and 1 as truth, prose by its measures and images by theirs', () => {
    expect(named('load')).toMatchObject({ kind: 'numeric' });
    expect(named('load')?.from).toBeUndefined();
    const ones = flags.reduce((sum, x) => sum + x, 0);
    expect(named('door')).toMatchObject({
      kind: 'categorical', from: { source: 'door', take: 'truth' }, dictionary: ['false', 'true'], refCounts: [rows - ones, ones, 0, 0],
    }); // biome-ignore format: one record
    expect(named('shift')?.from).toBeUndefined();
    expect(named('note')).toBeUndefined();
    expect(named('note (length)')).toMatchObject({ kind: 'numeric', missing: 12 });
    expect(named('note (script)')).toMatchObject({ kind: 'categorical', dictionary: ['latin'] });
    expect(named('image (projection 16)')?.from).toEqual({ source: 'image', take: 'projection', index: 15 });
    expect(named('image (sharpness)')).toBeDefined();
    expect(baseline.together?.means).toHaveLength(1 + 2 + 20);
  });

  it('measures the words of training rows as those of new ones: a word that is in one row only is not known there', () => {
    const share = named('note (unknown words)');
    // Every note ends in a number of its own, one word of five.
    expect(share?.kind === 'numeric' && share.median).toBeCloseTo(0.2, 5);
  });

  it('leaves limits, constants, other numbers and few or short texts as they are', () => {
    const plain = built([
      { name: 'limited', values: flags, hardLow: 0, hardHigh: 1 },
      { name: 'always', values: new Float32Array(rows).fill(1) },
      { name: 'three', values: flags.map((x, row) => (row === 7 ? 2 : x)) },
      { name: 'serial', values: notes.map((_, row) => `S${row}`) },
      { name: 'phrases', values: notes.map((_, row) => `belt number ${row % 200}`) },
    ]);
    expect(plain.features.map(({ from }) => from)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(plain.sources).toBeUndefined();
  });

  it('is the same after its bytes', () => {
    const bytes = encodeBaseline(baseline);
    expect(parsed(bytes)).toEqual(parsed(encodeBaseline(parsed(bytes))));
    expect(encodeBaseline(parsed(bytes))).toEqual(bytes);
    expect(parsed(bytes).sources).toEqual(baseline.sources);
    expect(bindBaseline(parsed(bytes), '0'.repeat(64)).sources).toHaveLength(2);
  });

  it('scores the truth for novelty, and not what is measured', () => {
    const novelty = new Novelty(baseline, ({ name }) => ['load', 'door'].indexOf(name));
    expect(novelty.size).toBe(3);
    const at = (door: number) => novelty.score(Float32Array.of(0.5, door), ['', '', 'day']);
    expect(at(1)).toBeGreaterThan(at(0));
    expect(at(2)).toBeGreaterThan(at(1));
    expect(at(Number.NaN)).toBeGreaterThan(at(1));
  });

  const LARGE = '"kind":"tensor","size":3000000,"seed":1';
  it.each([
    ['a take that is not known', '"take":"length"', '"take":"smell"'],
    ['a take of another kind', '"take":"length"', '"take":"script"'],
    ['a source that is not there', '"source":"note","take":"length"', '"source":"memo","take":"length"'],
    ['a word that is no hash', '"vocabulary":[', '"vocabulary":[-1,'],
    ['words that do not ascend', '"vocabulary":[', '"vocabulary":[4294967295,'],
    ['the same source twice', '"sources":[', '"sources":[{"name":"image","kind":"text","vocabulary":[]},'],
    ['a size that is too large', '"size":48', '"size":1000000000000'],
    ['an image of another size', '"height":4', '"height":5'],
    ['an image without a range', '"high":', '"high":-1,"was":'],
    ['a projection that there is not', '"index":15', '"index":16'],
    ['a truth of other words', '"dictionary":["false"', '"dictionary":["no"'],
    ['tensors that are too large together', '"sources":[', `"sources":[{"name":"a",${LARGE}},{"name":"b",${LARGE}},`],
  ])('is refused with %s', (_, from, to) => {
    const text = new TextDecoder().decode(encodeBaseline(baseline));
    expect(text).toContain(from);
    const refused = parseBaseline(new TextEncoder().encode(text.replace(from, to)));
    expect(refused).toMatchObject({ ok: false, code: 'baseline_invalid' });
  });

  it('damaged in any way is read or refused, never thrown on', () => {
    const good = encodeBaseline(baseline);
    // The part with the sources: words, sizes, images.
    const from = new TextDecoder().decode(good).indexOf('"sources"');
    const flips = fc.array(fc.tuple(fc.nat(good.length - from - 1), fc.nat(127)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = Uint8Array.from(good);
        for (const [at, value] of changes) bytes[from + at] = value;
        const read = parseBaseline(bytes);
        if (read.ok) expect(encodeBaseline(read.value).length).toBeGreaterThan(0);
        else expect(read.code).toBe('baseline_invalid');
      }),
    );
  });

  const features = [
    { name: 'load', kind: 'numeric', input: 'x' },
    { name: 'door', kind: 'numeric', input: 'x' },
    { name: 'shift', kind: 'categorical', input: 'c' },
    { name: 'note', kind: 'categorical', input: 'c' },
  ] as const;
  const inputs = [
    { name: 'x', dtype: 'float32', shape: ['N', 2] },
    { name: 'c', dtype: 'string', shape: ['N', 2] },
    { name: 'image', dtype: 'float32', shape: ['N', 3, 4, 4] },
  ];
  it('fits the model that takes its fields and its tensors, and no other', () => {
    expect(findMisfit(baseline, { features, inputs })).toBeUndefined();
    expect(findMisfit(baseline, { features: features.slice(0, 3), inputs })).toMatch(/note/);
    expect(findMisfit(baseline, { features: features.filter(({ name }) => name !== 'door'), inputs })).toMatch(/door/);
    expect(findMisfit(baseline, { features, inputs: inputs.slice(0, 2) })).toMatch(/no input "image"/);
    const other = { name: 'image', dtype: 'float32', shape: ['N', 3, 8, 8] };
    expect(findMisfit(baseline, { features, inputs: [...inputs.slice(0, 2), other] })).toMatch(/48 .* which has 192/);
    expect(
      findMisfit(baseline, { features: [...features, { name: 'p', kind: 'numeric', input: 'image' }], inputs }),
    ).toMatch(/columns/);
  });
});
