// Decides what is counted of one vector or image: a few fixed random sums of its values, and of an image its light and sharpness.
// Never keeps the values.

import { splitMix } from './split-mix.ts';

/** Numbers that a vector is summed up in. */
export const TENSOR_PROJECTIONS = 16;
export const IMAGE_MEASURES = ['brightness', 'contrast', 'sharpness', 'saturation'] as const;
export type ImageMeasure = (typeof IMAGE_MEASURES)[number];
/** Values of one row of a tensor. */
export const MAX_TENSOR = 2 ** 22;

/** How an image lies in a row of its tensor, and the least and most that a pixel was in training. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Rows of pixels whose channels stand side by side; otherwise one whole plane a channel. */
  readonly isChannelsLast: boolean;
  readonly low: number;
  readonly high: number;
}

export interface TensorShape {
  /** Values in a row: the product of all dimensions but the first. */
  readonly size: number;
  /** Of the projection, 32 bits. */
  readonly seed: number;
  readonly image?: ImageShape;
}

/**
 * Reads rows of a tensor; `values` say what the last one was: 16 projections, then of an image its four measures. Each value is added,
 * with a sign, to one of the projections (count sketch: Charikar, Chen, Farach-Colton 2002; as feature hashing Weinberger et al. 2009):
 * squared lengths and distances keep on average, as with a dense matrix of signs, at one addition a value instead of sixteen.
 */
export class TensorMeasures {
  readonly values: Float32Array;
  readonly size: number;
  private readonly image: ImageShape | undefined;
  /** By value: twice the projection that it goes to, plus one where it is subtracted. */
  private readonly goesTo: Uint8Array;
  private readonly sums = new Float64Array(2 * TENSOR_PROJECTIONS);
  private readonly grey: Float32Array;

  constructor({ size, seed, image }: TensorShape) {
    this.size = size;
    this.image = image;
    this.goesTo = new Uint8Array(size);
    for (let i = 0; i < size; i++) this.goesTo[i] = splitMix(seed, i) >>> 27;
    this.grey = new Float32Array(image ? image.height * image.width : 0);
    this.values = new Float32Array(TENSOR_PROJECTIONS + (image ? IMAGE_MEASURES.length : 0));
  }

  /** A row with a value that is no finite number has no measures: all are NaN. */
  read(data: ArrayLike<number>, offset: number): void {
    const { sums, goesTo, size } = this;
    sums.fill(0);
    for (let i = 0; i < size; i++) {
      const place = goesTo[i] as number;
      sums[place] = (sums[place] as number) + (data[offset + i] as number);
    }
    let isWhole = true;
    for (let k = 0; k < TENSOR_PROJECTIONS; k++) {
      const y = (sums[2 * k] as number) - (sums[2 * k + 1] as number);
      this.values[k] = y;
      isWhole &&= Number.isFinite(this.values[k]);
    }
    if (!isWhole) this.values.fill(Number.NaN);
    else if (this.image) this.measureImage(this.image, data, offset);
  }

  private measureImage(image: ImageShape, data: ArrayLike<number>, offset: number): void {
    const { height, width, channels, isChannelsLast, low, high } = image;
    const { grey } = this;
    const pixels = height * width;
    const [step, plane] = isChannelsLast ? [channels, 1] : [1, pixels];
    let [sum, squares, full] = [0, 0, 0];
    for (let p = 0; p < pixels; p++) {
      let value = 0;
      for (let c = 0; c < channels; c++) {
        const x = data[offset + p * step + c * plane] as number;
        value += x;
        if (x <= low || x >= high) full++;
      }
      value /= channels;
      grey[p] = value;
      sum += value;
    }
    const mean = sum / pixels;
    for (let p = 0; p < pixels; p++) squares += ((grey[p] as number) - mean) ** 2;
    this.values[TENSOR_PROJECTIONS] = mean;
    this.values[TENSOR_PROJECTIONS + 1] = Math.sqrt(squares / pixels);
    this.values[TENSOR_PROJECTIONS + 2] = varianceOfLaplacian(grey, height, width);
    this.values[TENSOR_PROJECTIONS + 3] = full / (pixels * channels);
  }
}

/** Falls when an image is out of focus (Pech-Pacheco et al. 2000). 0 for images without an inside. */
function varianceOfLaplacian(grey: Float32Array, height: number, width: number): number {
  const count = Math.max(0, height - 2) * Math.max(0, width - 2);
  if (count === 0) return 0;
  let [sum, squares] = [0, 0];
  for (let row = 1; row < height - 1; row++)
    for (let p = row * width + 1; p < row * width + width - 1; p++) {
      const l =
        (grey[p - width] as number) +
        (grey[p + width] as number) +
        (grey[p - 1] as number) +
        (grey[p + 1] as number) -
        4 * (grey[p] as number);
      sum += l;
      squares += l * l;
    }
  return Math.max(0, squares / count - (sum / count) ** 2);
}
