// Measures what it costs to measure a text, a vector, an image and an unknown category, beside plain ways of doing it. Never asserts.
import { SipHash } from '@drover/sketch/siphash';
import { TENSOR_PROJECTIONS, TensorMeasures } from '@drover/sketch/tensor-measures';
import { hashWord, TextMeasures } from '@drover/sketch/text-measures';
import { Unseen } from '@drover/sketch/unseen';
import { atMost, type BenchReport } from './report.ts';

const ROUNDS = 15;

/** Median nanoseconds of one of `times`, after two rounds to warm up. */
function measure(times: number, run: (at: number) => void): number {
  const found: number[] = [];
  for (let round = -2; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let at = 0; at < times; at++) run(at);
    if (round >= 0) found.push(Number(process.hrtime.bigint() - start) / times);
  }
  return found.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}

const NOTE = 'Pump 4 lost pressure after the valve had been changed, operator restarted it twice.';
const [HEIGHT, WIDTH, CHANNELS] = [224, 224, 3] as const;
const SIZE = HEIGHT * WIDTH * CHANNELS;

/** The obvious way: a dense matrix of signs. */
function makeDense(): (data: Float32Array) => Float32Array {
  const signs = Int8Array.from({ length: TENSOR_PROJECTIONS * SIZE }, (_, i) => ((i * 2654435761) & 0x8000 ? 1 : -1));
  const sums = new Float32Array(TENSOR_PROJECTIONS);
  return (data) => {
    for (let k = 0; k < TENSOR_PROJECTIONS; k++) {
      let sum = 0;
      for (let i = 0; i < SIZE; i++) sum += (signs[k * SIZE + i] as number) * (data[i] as number);
      sums[k] = sum;
    }
    return sums;
  };
}

export async function bench(): Promise<BenchReport> {
  const data = Float32Array.from({ length: SIZE }, (_, i) => ((i * 7919) % 256) / 255);
  const shape = { size: SIZE, seed: 1 };
  const image = { height: HEIGHT, width: WIDTH, channels: CHANNELS, isChannelsLast: false, low: 0, high: 1 };
  const [vector, whole, dense] = [new TensorMeasures(shape), new TensorMeasures({ ...shape, image }), makeDense()];
  const words = NOTE.toLowerCase().split(/[^a-z0-9]+/);
  const text = new TextMeasures(words.slice(0, 8).map(hashWord));
  const known = new Set(words.slice(0, 8));
  const sip = new SipHash([1, 2, 3, 4]);
  const unseen = new Unseen();
  const serials = Array.from({ length: 4096 }, (_, n) => `serial-${n}`);
  const tally = new Map<string, number>();
  let unknown = 0;

  const vectorNs = measure(20, () => vector.read(data, 0));
  const denseNs = measure(3, () => dense(data));
  const imageNs = measure(10, () => whole.read(data, 0));
  const textNs = measure(5000, () => text.read(NOTE));
  const splitNs = measure(5000, () => {
    for (const word of NOTE.toLowerCase().split(/[^a-z0-9]+/)) if (!known.has(word)) unknown += 1;
  });
  const unseenNs = measure(4096, (at) => unseen.add(sip.hash(serials[at] as string)));
  const tallyNs = measure(4096, (at) => tally.set(serials[at] as string, (tally.get(serials[at] as string) ?? 0) + 1));
  if (unknown === 0) throw new Error('no word was unknown');

  return {
    title: `Measures: a text of ${NOTE.length} characters, an image of ${HEIGHT} × ${WIDTH} × ${CHANNELS}, a category that training never met`,
    rows: [
      {
        name: 'vector',
        value: vectorNs / 1000,
        unit: 'µs',
        reference: { name: '16 dense sums', value: denseNs / 1000 },
      },
      { name: 'image', value: imageNs / 1000, unit: 'µs', budget: atMost(2000) },
      {
        name: 'text',
        value: textNs / 1000,
        unit: 'µs',
        reference: { name: 'split and look up', value: splitNs / 1000 },
      },
      {
        name: 'unknown category, 4,096 different ones',
        value: unseenNs,
        unit: 'ns',
        reference: { name: 'Map of all names', value: tallyNs },
        budget: atMost(1000),
      },
    ],
  };
}
