// Takes readings from any source to the model of a slot, and their labels later. Bad ones are counted, never fatal.
import type { Refusal } from '@drover/core/reasons';
import type { LabelBook } from '../observe/labels.ts';
import type { Fields } from '../serve/fields.ts';
import type { ServedSlots } from '../serve/slots.ts';

export interface Readings {
  /** Predicts on one reading. `label`: name of the field that holds the truth, joined after `labelDelayMs`. */
  take(slot: string, reading: unknown): Promise<{ readonly ok: true; readonly predictionId: string } | Refusal>;
  /** A line or message that is no reading at all. */
  refuse(refusal: Refusal): Refusal;
  counts(): { taken: number; refused: Readonly<Record<string, number>> };
  stop(): void;
}

export interface ReadingDeps {
  readonly served: ServedSlots;
  readonly labels: LabelBook;
  readonly mono: () => number;
  readonly labelColumn: string | undefined;
  readonly labelDelayMs: number;
  /** Called for the first refusal of each code. */
  readonly onFirstRefusal: (refusal: Refusal) => void;
}

interface WaitingLabel {
  readonly dueMono: number;
  readonly predictionId: string;
  readonly truth: string | number;
}

/** Labels that wait for their time; beyond it the oldest go, as a label too late would. */
const MOST_WAITING = 65_536;

const isFields = (reading: unknown): reading is Fields =>
  typeof reading === 'object' && reading !== null && !Array.isArray(reading);

export function makeReadings(deps: ReadingDeps): Readings {
  const { served, labels, mono, labelColumn, labelDelayMs, onFirstRefusal } = deps;
  const refused: Record<string, number> = {};
  const waiting: WaitingLabel[] = [];
  let taken = 0;
  let timer: NodeJS.Timeout | undefined;

  function refuseReading(refusal: Refusal): Refusal {
    const before = refused[refusal.code] ?? 0;
    refused[refusal.code] = before + 1;
    if (before === 0) onFirstRefusal(refusal);
    return refusal;
  }

  function joinDue(): void {
    timer = undefined;
    const now = mono();
    let done = 0;
    for (const { dueMono, predictionId, truth } of waiting) {
      if (dueMono > now) break;
      const wrong = labels.join(predictionId, truth);
      if (wrong) refuseReading(wrong);
      done += 1;
    }
    waiting.splice(0, done);
    schedule();
  }

  function schedule(): void {
    const first = waiting[0];
    if (first && timer === undefined) timer = setTimeout(joinDue, Math.max(1, first.dueMono - mono()));
  }

  function noteLabel(predictionId: string, truth: unknown): void {
    if (typeof truth !== 'string' && typeof truth !== 'number') return;
    if (truth === '') return;
    waiting.push({ dueMono: mono() + labelDelayMs, predictionId, truth });
    if (waiting.length > MOST_WAITING) waiting.shift();
    schedule();
  }

  return {
    async take(slot, reading) {
      if (!isFields(reading))
        return refuseReading({ ok: false, code: 'reading_unreadable', detail: 'It is not one object of fields.' });
      const model = served.find(slot);
      if (!model.ok) return refuseReading(model);
      const given = await model.value.sense(reading);
      if (!given.ok) return refuseReading(given);
      taken += 1;
      if (labelColumn !== undefined) noteLabel(given.predictionId, reading[labelColumn]);
      return given;
    },
    refuse: refuseReading,
    counts: () => ({ taken, refused: { ...refused } }),
    stop() {
      clearTimeout(timer);
      // What was due by now is joined; a label whose time has not come is not known yet.
      joinDue();
      clearTimeout(timer);
    },
  };
}
