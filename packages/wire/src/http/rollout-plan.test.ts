import { DEPLOY_PLAN, PLAN_DEFAULTS } from '@drover/core/rollout/plan';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAs } from './check.ts';
import { PlanBody, readPlan, writePlan } from './rollout-plan.ts';

const groups = new Map([['presses', 'kind = press']]);
const queryOf = (name: string) => groups.get(name);

describe('a written plan', () => {
  it('that says little has the defaults', () => {
    const read = readPlan(
      {
        stages: [
          { name: 'canary', group: 'presses', soak: '30m' },
          { name: 'rest', percent: 100 },
        ],
      },
      queryOf,
    );
    expect(read).toEqual({
      ok: true,
      value: {
        ...PLAN_DEFAULTS,
        stages: [
          {
            name: 'canary',
            select: { kind: 'query', query: 'kind = press' },
            soakMs: 1_800_000,
            minPredictions: 0,
            quorum: 1,
          },
          { name: 'rest', select: { kind: 'percent', percent: 100 }, soakMs: 0, minPredictions: 0, quorum: 1 },
        ],
      },
    });
  });

  it.each([
    [{ stages: [{ name: 'a', percent: 5, count: 5 }] }, 'stages[0]: exactly one of'],
    [{ stages: [{ name: 'a' }] }, 'stages[0]: exactly one of'],
    [{ stages: [{ name: 'a', group: 'none' }] }, 'there is no group "none"'],
    [{ stages: [{ name: 'a', percent: 100 }], startAt: 'tomorrow' }, 'startAt: "tomorrow"'],
    [{ stages: [{ name: 'a', percent: 50 }] }, 'the last stage'],
  ])('that cannot be meant is refused (%#)', (body, says) => {
    const read = readPlan(body, queryOf);
    expect(read.ok ? '' : read.detail).toContain(says);
  });

  it('is refused where its form is wrong', () => {
    for (const body of [
      {},
      { stages: [] },
      { stages: [{ name: 'a', percent: 101 }] },
      { stages: [{ name: 'a', percent: 100, soak: '1 hour' }] },
    ])
      expect(readAs(PlanBody, body)).toMatchObject({ ok: false });
  });

  it('is written out so that it reads back the same', () => {
    expect(readPlan(writePlan(DEPLOY_PLAN), queryOf)).toEqual({ ok: true, value: DEPLOY_PLAN });
    const bodies = fc.record(
      {
        maxInFlight: fc.integer({ min: 1, max: 1000 }),
        ramp: fc.record({
          perMinute: fc.integer({ min: 1, max: 100 }),
          factor: fc.constantFrom(1, 1.5, 2),
          every: fc.integer({ min: 1, max: 50 }),
        }),
        disruption: fc.array(fc.record({ by: fc.constant('line'), maxUnavailable: fc.integer({ min: 1, max: 5 }) }), {
          maxLength: 1,
        }),
        windows: fc.array(
          fc.record({
            days: fc.uniqueArray(fc.constantFrom('mon' as const, 'sat' as const), { minLength: 1 }),
            start: fc.constantFrom('00:00', '23:59'),
            duration: fc.constantFrom('30m', '4h'),
            timeZone: fc.constant('Europe/Berlin'),
          }),
          { maxLength: 2 },
        ),
        holdOut: fc.constantFrom(0, 5, 12.5),
        lateJoiners: fc.boolean(),
        deadlines: fc.constant({ accept: '90s', download: '2d' }),
        retries: fc.constant({ transient: 7 }),
        gate: fc.record({
          ok: fc.constantFrom(0.5, 1),
          bad: fc.constantFrom(5, 12.3),
          alpha: fc.constantFrom(0.01, 0.001),
          errorLimit: fc.constantFrom(0.5, 5),
          dryRun: fc.boolean(),
          live: fc.record({
            errors: fc.constantFrom(0.5, 1),
            mistakes: fc.constantFrom(2, 3.3),
            looks: fc.constantFrom(1, 7, 'any' as const),
            every: fc.constant('6h'),
            dryRun: fc.boolean(),
          }),
        }),
        onFail: fc.constantFrom('pause' as const, 'rollback' as const, 'abort' as const),
        patience: fc.constant('3h'),
        expires: fc.constant('7d'),
        startAt: fc.constant('2026-12-01T06:00:00.000Z'),
        approvals: fc.nat(3),
        priority: fc.nat(1000),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(bodies, fc.constantFrom(0.1, 33.3), fc.constantFrom(100, 90), (body, percent, quorum) => {
        const plan = readPlan(
          {
            ...body,
            stages: [
              { name: 'a', percent, quorum, predictions: 5 },
              { name: 'b', percent: 100 },
            ],
          },
          queryOf,
        );
        if (!plan.ok) throw new Error(plan.detail);
        expect(readAs(PlanBody, writePlan(plan.value))).toMatchObject({ ok: true });
        expect(readPlan(writePlan(plan.value), queryOf)).toEqual(plan);
      }),
    );
  });
});
