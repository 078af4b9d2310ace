// Writes ONNX files of any size without holding them: float32 tensors of noise, piece by piece. For tests and benchmarks of
// memory.
import { closeSync, openSync, writeSync } from 'node:fs';
import { makeRandom } from './model-pairs.ts';

const PIECE_VALUES = 256 * 1024;

const varint = (value: number): number[] => {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  return [...out, rest];
};
/** The tag and length of field `number` of `length` bytes. */
const head = (number: number, length: number): number[] => [...varint(number * 8 + 2), ...varint(length)];

/**
 * Two files of the same `tensors` × `values` float32: Gaussian-like weights, and the same with noise of a thousandth of
 * their scale. They have the layout of an ONNX file, with nothing that runs them.
 */
export function writeLargePair(base: string, target: string, tensors: number, values: number, seed = 1): void {
  const random = makeRandom(seed);
  const files = [openSync(base, 'w', 0o600), openSync(target, 'w', 0o600)];
  const write = (which: number, bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(files[which] ?? -1, bytes, at);
  };
  const tensorHead = (index: number): number[] => {
    const name = [...Buffer.from(`w${index}`)];
    return [8, ...varint(values), 16, 1, ...head(8, name.length), ...name, ...head(9, 4 * values)];
  };
  const tensorSize = (index: number): number => tensorHead(index).length + 4 * values;
  const all = Array.from({ length: tensors }, (_, index) => index);
  const graph = all.reduce((sum, index) => sum + head(5, tensorSize(index)).length + tensorSize(index), 0);
  for (const which of files.keys()) write(which, Uint8Array.from([8, 10, ...head(7, graph)]));
  const [old, fresh] = [new Float32Array(PIECE_VALUES), new Float32Array(PIECE_VALUES)];
  for (const index of all) {
    for (const which of files.keys())
      write(which, Uint8Array.from([...head(5, tensorSize(index)), ...tensorHead(index)]));
    for (let done = 0; done < values; done += PIECE_VALUES) {
      const count = Math.min(PIECE_VALUES, values - done);
      for (let at = 0; at < count; at += 1) {
        const value = 0.05 * (random() + random() + random() - 1.5);
        old[at] = value;
        fresh[at] = value + 5e-5 * (random() + random() - 1);
      }
      for (const [which, part] of [old, fresh].entries()) write(which, new Uint8Array(part.buffer, 0, 4 * count));
    }
  }
  for (const file of files) closeSync(file);
}
