// Owns the memory of recent predictions, so that a label that comes late finds what was answered. Bounded; never counts.
import type { WindowId } from '@drover/wire/messages';

/** What is remembered of one prediction. */
export interface Remembered {
  readonly window: WindowId;
  /** Class index, or -1 for a regression. */
  readonly predicted: number;
  /** Class probabilities, or the one predicted number. Valid until the next `remember`. */
  readonly scores: Float64Array;
  /** A label was joined to it before. */
  readonly isLabelled: boolean;
}

/** Numbers that the memory may hold altogether: 8 MB. */
const MAX_SCORES = 2 ** 20;
const MAX_PREDICTIONS = 65_536;

/** A ring in typed arrays: remembering allocates nothing. */
export class PredictionRing {
  private stride = 0;
  private capacity = 0;
  private numbers = new Float64Array(0);
  private predicted = new Int32Array(0);
  private labelled = new Uint8Array(0);
  private scores = new Float64Array(0);
  private windows: (WindowId | undefined)[] = [];
  private next = 1;
  private readonly most: number;

  constructor(most: number = MAX_PREDICTIONS) {
    this.most = most;
  }

  /** Makes room for models with up to `width` scores; predictions of before are kept as far as they fit. */
  reserve(width: number): void {
    if (width <= this.stride) return;
    const kept = [...this.list()];
    this.stride = width;
    this.capacity = Math.max(64, Math.min(this.most, Math.floor(MAX_SCORES / width)));
    this.numbers = new Float64Array(this.capacity).fill(-1);
    this.predicted = new Int32Array(this.capacity);
    this.labelled = new Uint8Array(this.capacity);
    this.scores = new Float64Array(this.capacity * width);
    this.windows = Array.from({ length: this.capacity }, () => undefined);
    for (const [number, one] of kept)
      this.put(number, one.window, one.predicted, one.scores, 0, one.scores.length, one.isLabelled);
  }

  /** Remembers one prediction and returns its number. */
  remember(window: WindowId, predicted: number, scores: ArrayLike<number>, offset: number, width: number): number {
    const number = this.next++;
    this.put(number, window, predicted, scores, offset, width, false);
    return number;
  }

  /** Numbers for `count` predictions of which nothing is remembered; returns the first. */
  skip(count: number): number {
    const number = this.next;
    this.next += count;
    return number;
  }

  find(number: number): Remembered | undefined {
    const at = number % this.capacity;
    const window = this.windows[at];
    if (window === undefined || this.numbers[at] !== number) return undefined;
    return {
      window,
      predicted: this.predicted[at] ?? -1,
      scores: this.scores.subarray(at * this.stride, (at + 1) * this.stride),
      isLabelled: this.labelled[at] === 1,
    };
  }

  markLabelled(number: number): void {
    const at = number % this.capacity;
    if (this.numbers[at] === number) this.labelled[at] = 1;
  }

  /** Oldest first. */
  *list(): Generator<[number, Remembered]> {
    for (let number = Math.max(1, this.next - this.capacity); number < this.next; number++) {
      const one = this.find(number);
      if (one) yield [number, { ...one, scores: one.scores.slice() }];
    }
  }

  private put(
    number: number,
    window: WindowId,
    predicted: number,
    scores: ArrayLike<number>,
    offset: number,
    width: number,
    isLabelled: boolean,
  ): void {
    const at = number % this.capacity;
    this.numbers[at] = number;
    this.predicted[at] = predicted;
    this.labelled[at] = isLabelled ? 1 : 0;
    this.windows[at] = window;
    const start = at * this.stride;
    for (let i = 0; i < width && i < this.stride; i++) this.scores[start + i] = scores[offset + i] ?? 0;
  }
}
