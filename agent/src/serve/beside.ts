// Lets the shadow of a slot see the rows that its champion answered, and counts how far both agree. The answer is gone before the
// shadow is asked; it has a share of the device's time and no more, and what it says reaches nobody but the hub. Never answers.
import type { Refusal } from '@drover/core/reasons';
import { isNear } from '@drover/core/shadow';
import type { AgreementCounts } from '../observe/agreement-counts.ts';
import type { Fields } from './fields.ts';

/** Of the time of the device; rows beyond it are skipped, and counted. */
const SHARE = 0.2;

/** A row that was answered; nothing in it is used again by the champion. */
export interface AnsweredRow {
  readonly fields: Fields;
  /** As a request has to be; else as sensors give it. */
  readonly isStrict: boolean;
  /** The class that was answered, and how sure the champion is of it; undefined for a number. */
  readonly label: string | undefined;
  readonly probability: number;
  readonly value: number;
  /** The shadow answers something else. `gap`: see Agreement. */
  readonly onDisagree: (gap: number) => void;
}

export interface Beside {
  /** Whether the next row would be looked at; one that would not is counted as skipped. */
  wants(): boolean;
  take(row: AnsweredRow): void;
}

/** What a shadow says. */
export interface ShadowAnswer {
  readonly label?: string;
  readonly probabilities?: Readonly<Record<string, number>>;
  readonly value?: number;
}

type Given = (ShadowAnswer & { readonly ok: true }) | Refusal;

/** A model as far as it runs beside another one. */
export interface ShadowModel {
  readonly stream: { readonly agreement: AgreementCounts | undefined };
  predict(fields: Fields): Promise<Given>;
  predictLenient(fields: Fields): Promise<Given>;
}

/** Agreement and distance; undefined where the two do not answer the same kind of question. */
export function compareAnswers(
  champion: Pick<AnsweredRow, 'label' | 'probability' | 'value'>,
  shadow: ShadowAnswer,
): { readonly isAgreed: boolean; readonly gap: number } | undefined {
  const { label, probability, value } = champion;
  if (label !== undefined) {
    if (shadow.label === undefined) return undefined;
    const isAgreed = shadow.label === label;
    const given = shadow.probabilities?.[label];
    const gap = given === undefined ? Number(!isAgreed) : Math.abs(probability - given);
    return { isAgreed, gap: Number.isFinite(gap) ? gap : Number(!isAgreed) };
  }
  if (shadow.value === undefined || !Number.isFinite(value) || !Number.isFinite(shadow.value)) return undefined;
  return { isAgreed: isNear(value, shadow.value), gap: Math.abs(value - shadow.value) };
}

/** @param shadowNow the model in the shadow of the slot, if there is one. @param mono ms. */
export function makeBeside(shadowNow: () => ShadowModel | undefined, mono: () => number): Beside {
  let isBusy = false;
  let restUntil = Number.NEGATIVE_INFINITY;

  async function ask(shadow: ShadowModel, row: AnsweredRow): Promise<void> {
    const { stream } = shadow;
    const start = mono();
    // Whether it fails is counted in its own stream, as of any model.
    const given = row.isStrict ? await shadow.predict(row.fields) : await shadow.predictLenient(row.fields);
    restUntil = mono() + (mono() - start) * (1 / SHARE - 1);
    const compared = given.ok ? compareAnswers(row, given) : undefined;
    if (!compared) return;
    stream.agreement?.add(compared);
    if (!compared.isAgreed) row.onDisagree(compared.gap);
  }

  return {
    wants() {
      const shadow = shadowNow();
      if (!shadow) return false;
      if (!isBusy && mono() >= restUntil) return true;
      if (shadow.stream.agreement) shadow.stream.agreement.skipped += 1;
      return false;
    },
    take(row) {
      isBusy = true;
      // After the answer is out.
      setImmediate(() => {
        const shadow = shadowNow();
        const asked = shadow ? ask(shadow, row) : Promise.resolve();
        void asked.finally(() => {
          isBusy = false;
        });
      });
    },
  };
}
