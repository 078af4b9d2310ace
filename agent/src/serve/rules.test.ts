import type { RowAnswer } from '@drover/infer/predictor';
import type { Manifest } from '@drover/trust/documents';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeJudge, type NoveltyGauge } from './rules.ts';

const FEATURES = ['load', 'heat'];
const manifestWith = (rules: Manifest['rules']): Manifest => ({
  type: 'drover.manifest/1', project: 'default', model: 'm', version: 1, createdAt: '2026-01-02T03:04:05Z', release: 1,
  blobs: { model: { sha256: 'a'.repeat(64), size: 1 } }, inputs: [], outputs: [],
  features: FEATURES.map((name, index) => ({ name, kind: 'numeric', input: 'x', index })),
  task: { kind: 'classification', classes: ['no', 'yes'], label: 'l', probabilities: 'p' },
  ...(rules && { rules }), runtime: { irVersion: 10, opset: 18, mlOpset: 5 }, lineage: { source: 'uploaded' },
}); // biome-ignore format: one record

const classAnswer = (p: number): RowAnswer => ({
  ok: true,
  classIndex: p > 0.5 ? 1 : 0,
  probabilities: Float32Array.of(1 - p, p),
  value: Number.NaN,
});
const numberAnswer = (value: number): RowAnswer => ({
  ok: true,
  classIndex: -1,
  probabilities: new Float32Array(0),
  value,
});
const judgeWith = (rules: NonNullable<Manifest['rules']>, gauge?: NoveltyGauge) => {
  const judge = makeJudge(manifestWith(rules), undefined, gauge);
  if (!judge) throw new Error('no judge');
  return (x: readonly number[], answer: RowAnswer, ms = 1) => judge.judge(Float32Array.from(x), [], answer, ms);
};

describe('rules', () => {
  it('are not asked where a bundle has none', () => {
    expect(makeJudge(manifestWith(undefined), undefined, undefined)).toBeUndefined();
  });

  it('let a value stand within its limits, both ends with it, and say which field left them', () => {
    const judge = judgeWith({ limits: { action: 'abstain', fields: [{ field: 'heat', low: -1.1, high: 2 }] } });
    fc.assert(
      fc.property(fc.float({ noNaN: true }), fc.float(), (heat, load) => {
        const verdict = judge([load, heat], classAnswer(0.9));
        if (heat >= Math.fround(-1.1) && heat <= 2) expect(verdict).toBeUndefined();
        else expect(verdict).toMatchObject({ reason: 'answer_beyond_limit', mayStand: false, detail: 'heat' });
      }),
    );
    for (const edge of [-1.1, 2, Number.NaN]) expect(judge([0, edge], classAnswer(0.9))).toBeUndefined();
    expect(judge([0, Number.POSITIVE_INFINITY], classAnswer(0.9))).toMatchObject({ mayStand: false });
  });

  it('never let an answer stand that is no number', () => {
    const judge = judgeWith({});
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(judge([0, 0], numberAnswer(bad))).toMatchObject({ reason: 'answer_not_number', mayStand: false });
      expect(judge([0, 0], { ...classAnswer(0.9), probabilities: Float32Array.of(0, bad) })).toMatchObject({
        mayStand: false,
      });
    }
    expect(judge([0, 0], numberAnswer(-0))).toBeUndefined();
    expect(judge([0, 0], classAnswer(0.5))).toBeUndefined();
  });

  it('abstain below the probability, above the time and for rows unlike training', () => {
    const gauge = { cut: 3, score: (x: Float32Array) => x[0] as number };
    const judge = judgeWith(
      {
        confidence: { action: 'abstain', least: 0.8 },
        latency: { action: 'abstain', mostMs: 10 },
        novelty: { action: 'abstain', share: 0.01 },
      },
      gauge,
    );
    expect(judge([3, 0], classAnswer(0.8125), 10)).toBeUndefined();
    expect(judge([0, 0], classAnswer(0.75))).toMatchObject({ reason: 'answer_unsure', detail: 'probability 0.750' });
    expect(judge([0, 0], classAnswer(0.9), 10.5)).toMatchObject({ reason: 'answer_late' });
    expect(judge([3.5, 0], classAnswer(0.9))).toMatchObject({ reason: 'answer_novel', detail: 'score 3.50, cut 3.00' });
  });

  it('that only flag leave the answer; one that abstains decides over them', () => {
    const gauge = { cut: 3, score: () => 4 };
    const rules = { novelty: { action: 'flag', share: 0 }, latency: { action: 'flag', mostMs: 10 } } as const;
    expect(judgeWith(rules, gauge)([0, 0], classAnswer(0.6), 11)).toMatchObject({
      reason: 'answer_late',
      mayStand: true,
    });
    const strict = { ...rules, confidence: { action: 'abstain', least: 0.7 } } as const;
    expect(judgeWith(strict, gauge)([0, 0], classAnswer(0.6), 11)).toMatchObject({
      reason: 'answer_unsure',
      mayStand: false,
    });
  });

  it('take the hard ranges of the baseline, unless they name the field themselves', () => {
    const numeric = (hardLow: number, hardHigh: number) => ({ hardLow, hardHigh }) as never;
    const reference = {
      numericNames: ['heat', 'load'],
      numericFrom: [],
      numeric: [numeric(-5, 5), numeric(0, 1)],
    } as never;
    const rules = { limits: { action: 'flag', fields: [{ field: 'load', high: 9 }] } } as const;
    const judge = makeJudge(
      manifestWith({ limits: { ...rules.limits, fields: [...rules.limits.fields] } }),
      reference,
      undefined,
    );
    expect(judge?.judge(Float32Array.of(-3, 6), [], classAnswer(0.9), 1)).toMatchObject({
      detail: 'heat',
      mayStand: true,
    });
    expect(judge?.judge(Float32Array.of(-3, 0), [], classAnswer(0.9), 1)).toBeUndefined();
  });
});
