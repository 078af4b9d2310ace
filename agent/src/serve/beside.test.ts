// Proves what a shadow is shown and what becomes of it, without a model. That it runs beside a real one: test/integration/shadow.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgreementCounts } from '../observe/agreement-counts.ts';
import { type AnsweredRow, compareAnswers, makeBeside } from './beside.ts';

const champion = (label: string | undefined, probability: number, value = Number.NaN) => ({
  label,
  probability,
  value,
});

describe('two answers', () => {
  it('agree by their class, and are as far apart as the probabilities of the class that was answered', () => {
    const shadow = { label: 'ok', probabilities: { ok: 0.6, fault: 0.4 } };
    expect(compareAnswers(champion('ok', 0.9), shadow)).toMatchObject({ isAgreed: true });
    expect(compareAnswers(champion('ok', 0.9), shadow)?.gap).toBeCloseTo(0.3, 12);
    expect(compareAnswers(champion('fault', 0.8), shadow)).toMatchObject({ isAgreed: false });
    // A class that the shadow does not know, and probabilities that nobody gives.
    expect(compareAnswers(champion('odd', 0.8), shadow)).toEqual({ isAgreed: false, gap: 1 });
    expect(compareAnswers(champion('ok', Number.NaN), { label: 'ok' })).toEqual({ isAgreed: true, gap: 0 });
  });

  it('agree as numbers within a twentieth; of different kinds they are not compared', () => {
    expect(compareAnswers(champion(undefined, 0, 100), { value: 95 })).toEqual({ isAgreed: true, gap: 5 });
    expect(compareAnswers(champion(undefined, 0, 100), { value: 94 })).toEqual({ isAgreed: false, gap: 6 });
    expect(compareAnswers(champion(undefined, 0, 100), { label: 'ok' })).toBeUndefined();
    expect(compareAnswers(champion('ok', 1), { value: 1 })).toBeUndefined();
    expect(compareAnswers(champion(undefined, 0, Number.NaN), { value: 1 })).toBeUndefined();
  });

  it('never give a distance that is no number', () => {
    const number = fc.double();
    const label = fc.option(fc.constantFrom('a', 'b'), { nil: undefined });
    fc.assert(
      fc.property(label, number, number, label, number, number, (a, p, x, b, q, y) => {
        const shadow = { ...(b !== undefined && { label: b, probabilities: { [b]: q } }), value: y };
        const found = compareAnswers(champion(a, p, x), shadow);
        if (found && a !== undefined) expect(Number.isFinite(found.gap)).toBe(true);
        if (found) expect(found.gap).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('the one beside', () => {
  /** A shadow whose runs take `ms` of the clock. */
  function build(ms: number, value: number) {
    const clock = { at: 0 };
    const agreement = new AgreementCounts();
    const answer = async () => {
      clock.at += ms;
      return { ok: true, value } as const;
    };
    const shadow = { stream: { agreement }, predict: answer, predictLenient: answer };
    let isThere = true;
    const beside = makeBeside(
      () => (isThere ? shadow : undefined),
      () => clock.at,
    );
    const differs: number[] = [];
    const row: AnsweredRow = {
      fields: {},
      isStrict: true,
      ...champion(undefined, 0, 10),
      onDisagree: (gap) => void differs.push(gap),
    };
    /** What a champion does with each row. */
    const show = async (): Promise<void> => {
      if (beside.wants()) beside.take(row);
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    };
    return { clock, agreement, differs, beside, row, show, leave: () => void (isThere = false) };
  }

  it('sees one row at a time, has a fifth of the time, and counts what it did not see', async () => {
    const { clock, agreement, show } = build(2, 10);
    for (let i = 0; i < 1000; i++) {
      await show();
      clock.at += 1;
    }
    const { compared, agreed, skipped } = agreement.drain();
    expect(agreed).toBe(compared);
    expect(compared + skipped).toBe(1000);
    // 2 ms of work, then 8 of rest.
    expect((2 * compared) / clock.at).toBeLessThanOrEqual(0.2);
    expect((2 * compared) / clock.at).toBeGreaterThan(0.15);
    expect(agreement.drain()).toEqual({ compared: 0, agreed: 0, skipped: 0, gap: 0 });
  });

  it('tells of a row on which it differs, and is gone without a trace', async () => {
    const { agreement, differs, beside, row, show, leave } = build(0, 20);
    await show();
    expect(differs).toEqual([10]);
    expect(agreement.drain()).toEqual({ compared: 1, agreed: 0, skipped: 0, gap: 10 });
    beside.take(row);
    leave();
    await show();
    expect(beside.wants()).toBe(false);
    expect(agreement.drain().compared).toBe(0);
  });
});
