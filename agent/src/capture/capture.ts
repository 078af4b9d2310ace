// Keeps, for a while, the few rows that are worth a look (unsure, novel, random, not what the shadow says) and hands them to the
// outbox within the budget of the day. Opened only where the device allows raw samples to leave it; never sees a field that is personal.
import type { RowAnswer } from '@drover/infer/predictor';
import { encodeEntry } from '@drover/wire/encode';
import { ENTRY_BYTES, SAMPLES_PER_ENTRY } from '@drover/wire/limits';
import type { Entry, Sample, SampleWhy } from '@drover/wire/messages';
import type { Outbox } from '../store/outbox.ts';
import { Best } from './best.ts';
import type { CaptureBudget } from './budget.ts';

/** Rows of each kind that are kept of a model between two looks at the budget. */
const KEPT = 16;
/** Above this distance between the two most probable classes a model is not unsure. */
const UNSURE_MARGIN = 0.5;

export interface CaptureOf {
  readonly slot: string;
  readonly manifest: string;
  /** Names of fields that were taken out. */
  readonly withheld: readonly string[];
  /** How unlike training a row is, where the baseline can tell. */
  readonly gauge: { score(x: Float32Array, c: readonly string[]): number; readonly cut: number } | undefined;
}

export interface CaptureStream {
  consider(number: number, x: Float32Array, c: readonly string[], answer: RowAnswer): void;
  /** The shadow answered something else; the arrays are the caller's no more. */
  disagreed(number: number, gap: number, x: Float32Array, c: readonly string[], answer: RowAnswer): void;
}

export interface Capture {
  open(of: CaptureOf): CaptureStream;
  /** Hands on what was kept since the last time. */
  flush(): void;
  counts(): { readonly samples: number; readonly bytes: number; readonly dropped: number };
}

export interface CaptureDeps {
  readonly bootId: string;
  readonly now: () => number;
  readonly random: () => number;
  readonly budget: CaptureBudget;
  readonly outbox: Pick<Outbox, 'append'>;
}

/** Distance between the two largest; 1 for fewer than two. */
export function marginOf(probabilities: ArrayLike<number>): number {
  let first = Number.NEGATIVE_INFINITY;
  let second = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i] as number;
    if (p > first) {
      second = first;
      first = p;
    } else if (p > second) second = p;
  }
  return probabilities.length < 2 ? 1 : first - second;
}

interface Kept {
  readonly of: CaptureOf;
  readonly best: Readonly<Record<SampleWhy, Best<Sample>>>;
}

export function openCapture({ bootId, now, random, budget, outbox }: CaptureDeps): Capture {
  const all = new Map<string, Kept>();
  const counts = { samples: 0, bytes: 0, dropped: 0 };

  function take(
    why: SampleWhy,
    score: number,
    number: number,
    x: Float32Array,
    c: readonly string[],
    a: RowAnswer,
  ): Sample {
    return {
      predictionId: `${bootId}-${number}`,
      at: now(),
      why,
      score,
      numbers: [...x],
      texts: [...c],
      classIndex: a.classIndex,
      scores: [...a.probabilities],
      value: a.classIndex < 0 ? a.value : 0,
    };
  }

  /** Each row once, the kinds in turn, so that a small budget has some of each. */
  function choose({ best }: Kept): Sample[] {
    const lists = [best.disagree.drain(), best.novel.drain(), best.unsure.drain(), best.random.drain()];
    const chosen = new Map<string, Sample>();
    for (let i = 0; i < KEPT; i++)
      for (const list of lists) {
        const sample = list[i];
        if (sample && !chosen.has(sample.predictionId)) chosen.set(sample.predictionId, sample);
      }
    return [...chosen.values()];
  }

  /** The longest beginning of `samples` that fits; its bytes are those that travel. */
  function pack(
    of: CaptureOf,
    samples: readonly Sample[],
    room: number,
  ): { entry: Entry; count: number; bytes: number } | undefined {
    for (let count = Math.min(samples.length, SAMPLES_PER_ENTRY); count > 0; count = Math.floor(count / 2)) {
      const { slot, manifest, withheld } = of;
      const body = { kind: 'samples' as const, slot, manifest, withheld, samples: samples.slice(0, count) };
      const entry = { subject: '', at: now(), body };
      const bytes = encodeEntry(entry).length;
      if (bytes <= room && bytes <= ENTRY_BYTES) return { entry, count, bytes };
    }
    return undefined;
  }

  return {
    open(of) {
      const key = `${of.slot} ${of.manifest}`;
      const kept: Kept = all.get(key) ?? {
        of,
        best: { disagree: new Best(KEPT), unsure: new Best(KEPT), novel: new Best(KEPT), random: new Best(KEPT) },
      };
      all.set(key, kept);
      const { best } = kept;
      const { gauge } = of;
      return {
        consider(number, x, c, answer) {
          const draw = random();
          if (best.random.wants(draw)) best.random.put(draw, take('random', draw, number, x, c, answer));
          const margin = answer.classIndex < 0 ? 1 : marginOf(answer.probabilities);
          if (margin < UNSURE_MARGIN && best.unsure.wants(margin))
            best.unsure.put(margin, take('unsure', margin, number, x, c, answer));
          const score = gauge?.score(x, c) ?? 0;
          if (gauge && score > gauge.cut && best.novel.wants(-score))
            best.novel.put(-score, take('novel', score, number, x, c, answer));
        },
        disagreed(number, gap, x, c, answer) {
          if (best.disagree.wants(-gap)) best.disagree.put(-gap, take('disagree', gap, number, x, c, answer));
        },
      };
    },
    flush() {
      for (const kept of all.values()) {
        let samples = choose(kept);
        while (samples.length > 0) {
          const packed = pack(kept.of, samples, budget.left(now()));
          if (!packed) break;
          budget.spend(now(), packed.bytes);
          outbox.append(packed.entry);
          counts.samples += packed.count;
          counts.bytes += packed.bytes;
          samples = samples.slice(packed.count);
        }
        counts.dropped += samples.length;
      }
    },
    counts: () => counts,
  };
}
