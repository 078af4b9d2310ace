import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPlan, PLAN_DEFAULTS, type Plan, STAGE_DEFAULTS, type StageSelect } from './plan.ts';
import { assignStages } from './stages.ts';

const ROLLOUT = '0199a1b2c3d4e5f60718293a4b5c6d7e';
const planOf = (selects: readonly StageSelect[], over: Partial<Plan> = {}): Plan => ({
  ...PLAN_DEFAULTS,
  stages: selects.map((select, i) => ({ ...STAGE_DEFAULTS, name: `s${i}`, select })),
  ...over,
});
const ALL: StageSelect = { kind: 'percent', percent: 100 };
const fleet = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ device: `d${i}`, labels: { site: i % 4 === 0 ? 'berlin' : 'paris' } }));
const sizes = (plan: Plan, n: number): number[] => {
  const { members } = assignStages(ROLLOUT, plan, fleet(n));
  return plan.stages.map((_, i) => members.filter(({ stage }) => stage === i).length);
};

describe('stages', () => {
  it.each([
    [[{ kind: 'percent', percent: 10 }, { kind: 'percent', percent: 50 }, ALL], 100, [10, 40, 50]],
    [[{ kind: 'percent', percent: 1 }, { kind: 'percent', percent: 2 }, ALL], 10, [1, 0, 9]],
    [[{ kind: 'count', count: 5 }, { kind: 'count', count: 20 }, ALL], 100, [5, 15, 80]],
    [[{ kind: 'count', count: 50 }, ALL], 30, [30, 0]],
    [[{ kind: 'query', query: 'site = berlin' }, { kind: 'percent', percent: 50 }, ALL], 100, [25, 25, 50]],
    [[ALL], 7, [7]],
  ] as [StageSelect[], number, number[]][])('%j of %i devices are %j', (selects, n, expected) => {
    expect(sizes(planOf(selects), n)).toEqual(expected);
  });

  it('hold out devices that no stage takes', () => {
    const { members, heldOut } = assignStages(
      ROLLOUT,
      planOf([{ kind: 'percent', percent: 10 }, ALL], { holdOut: 0.2 }),
      fleet(100),
    );
    expect([members.length, heldOut.length]).toEqual([80, 20]);
    expect(members.filter(({ stage }) => stage === 0)).toHaveLength(8);
  });

  it('are drawn anew by each rollout and the same again by the same, in whatever order the targets come', () => {
    const plan = planOf([{ kind: 'percent', percent: 10 }, ALL]);
    const draw = (id: string, targets = fleet(1000)) =>
      assignStages(id, plan, targets)
        .members.filter(({ stage }) => stage === 0)
        .map(({ device }) => device);
    expect(draw(ROLLOUT, fleet(1000).toReversed())).toEqual(draw(ROLLOUT));
    const other = new Set(draw(ROLLOUT.replace('0199', '0299')));
    // By chance 10 of 100 are the same.
    expect(draw(ROLLOUT).filter((device) => other.has(device)).length).toBeLessThan(30);
  });

  it('take every target once, whatever the plan', () => {
    const select = fc.oneof(
      fc.record({ kind: fc.constant('percent' as const), percent: fc.integer({ min: 1, max: 99 }) }),
      fc.record({ kind: fc.constant('count' as const), count: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ kind: fc.constant('query' as const), query: fc.constantFrom('site = berlin', 'site != berlin', '') }),
    );
    fc.assert(
      fc.property(
        fc.array(select, { maxLength: 4 }),
        fc.nat(60),
        fc.constantFrom(0, 0.1, 0.5),
        (selects, n, holdOut) => {
          const { members, heldOut } = assignStages(ROLLOUT, planOf([...selects, ALL], { holdOut }), fleet(n));
          expect([...members.map(({ device }) => device), ...heldOut].toSorted()).toEqual(
            fleet(n)
              .map(({ device }) => device)
              .toSorted(),
          );
          expect(members.every((m, i) => i === 0 || m.stage >= (members[i - 1]?.stage ?? 0))).toBe(true);
        },
      ),
    );
  });
});

describe('a plan', () => {
  it.each([
    [planOf([]), 'stages: there is none'],
    [planOf([{ kind: 'percent', percent: 50 }]), 'stages[0]: the last stage'],
    [planOf([{ kind: 'count', count: 5 }]), 'stages[0]: the last stage'],
    [
      planOf([{ kind: 'percent', percent: 20 }, { kind: 'percent', percent: 10 }, ALL]),
      'stages[1].percent: 10 is not above the 20',
    ],
    [
      planOf([{ kind: 'count', count: 5 }, { kind: 'query', query: '' }, { kind: 'count', count: 5 }, ALL]),
      'stages[2].count: 5 is not above the 5',
    ],
    [planOf([{ kind: 'query', query: 'site =' }, ALL]), 'stages[0].query: At character'],
    [planOf([ALL], { holdOut: 0.1 }), 'holdOut'],
    [planOf([ALL], { gate: { ...PLAN_DEFAULTS.gate, bad: 0.01 } }), 'gate.bad: 0.01 is not above'],
    [
      planOf([ALL], {
        disruption: [
          { by: 'line', maxUnavailable: 1 },
          { by: 'line', maxUnavailable: 2 },
        ],
      }),
      'disruption: "line"',
    ],
    [
      { ...planOf([ALL]), stages: [...planOf([{ kind: 'count', count: 1 }]).stages, ...planOf([ALL]).stages] },
      'stages[1].name: "s0"',
    ],
  ])('that cannot be meant is refused with the field (%#)', (plan, says) => {
    const checked = checkPlan(plan);
    expect(checked).toMatchObject({ ok: false, code: 'plan_invalid' });
    expect(checked.ok ? '' : checked.detail).toContain(says);
  });
});
