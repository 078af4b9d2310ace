import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { describe, expect, it } from 'vitest';
import { diagnose, momentsOf } from './diagnose.ts';
import type { Aspect } from './verdict.ts';

/** Mulberry32 and Box and Muller. */
function seeded(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const normal = seeded(1);
/** A temperature in °C. */
const healthy = (): number => 60 + 4 * normal();
const built = buildBaseline([{ name: 'heat', values: Float32Array.from({ length: 5000 }, healthy) }]);
if (!built.ok) throw new Error(built.detail);
const baseline = built.value;
const [feature] = baseline.features;
if (feature?.kind !== 'numeric') throw new Error('one numeric feature');
const reference = bindBaseline(baseline, 'a'.repeat(64));

function see(value: (x: number, i: number) => number, aspect: Aspect = 'level', n = 500) {
  const sketch = new WindowSketch(reference);
  for (let i = 0; i < n; i++) sketch.addRow(Float32Array.of(value(healthy(), i)), 0);
  const [numeric] = sketch.numeric;
  if (!numeric) throw new Error('a sketch');
  const { mean, variance } = numeric.moments;
  return diagnose(aspect, { mean, sd: Math.sqrt(variance), counts: numeric.hist.counts }, feature as never);
}

describe('what a feature that moved looks like', () => {
  it('knows what training was like', () => {
    const { mean, sd } = momentsOf(feature);
    expect(mean).toBeCloseTo(60, 0);
    expect(sd / 4).toBeGreaterThan(0.95);
    expect(sd / 4).toBeLessThan(1.05);
  });

  it.each([
    ['all lie elsewhere', (x: number) => x + 9, 'level', 'bias'],
    ['all are multiplied', (x: number) => 1.5 * x, 'level', 'gain'],
    ['around the same place, wider', (x: number) => 60 + 2 * (x - 60), 'spread', 'noise'],
    ['around the same place, narrower', (x: number) => 60 + 0.3 * (x - 60), 'spread', 'flattened'],
    ['a few far out', (x: number, i: number) => (i % 50 === 0 ? 100 : x), 'tail', 'spikes'],
    ['an end of the sensor', (x: number) => Math.min(x, 61), 'level', 'saturation'],
    ['more losses', (x: number) => x, 'unusable', 'losses'],
    ['Fahrenheit', (x: number) => 1.8 * x + 32, 'level', 'unit'],
    ['kelvin', (x: number) => x + 273.15, 'level', 'unit'],
    ['thousandths', (x: number) => 1000 * x, 'level', 'unit'],
  ] as const)('%s', (_, value, aspect, kind) => {
    expect(see(value, aspect)).toMatchObject({ kind });
  });

  it('names the unit, the offset and the slope', () => {
    expect(see((x) => 1.8 * x + 32)).toMatchObject({ unit: '°C → °F', slope: 1.8, offset: 32 });
    const bias = see((x) => x + 9);
    expect(bias.offset).toBeGreaterThan(8);
    expect(bias.offset).toBeLessThan(10);
    const gain = see((x) => 1.5 * x);
    expect(gain.slope).toBeGreaterThan(1.35);
    expect(gain.slope).toBeLessThan(1.65);
  });

  it('says nothing that it cannot know', () => {
    expect(see((x) => 90 + 3 * (x - 60))).toMatchObject({ kind: 'shape' });
    expect(diagnose('level', { mean: Number.NaN, sd: Number.NaN, counts: [] }, feature)).toMatchObject({
      kind: 'shape',
    });
    expect(see(() => 60, 'level', 1)).toMatchObject({ kind: 'shape' });
  });
});
