import { TERMINAL } from '@drover/core/deployment/table';
import { decideRollout, type RolloutSnapshot, type RolloutStep } from '@drover/core/rollout/decide';
import { isBusy, isFailed, isThrough, isWaiting, type Member } from '@drover/core/rollout/members';
import { PLAN_DEFAULTS, type Plan, STAGE_DEFAULTS, type StagePlan } from '@drover/core/rollout/plan';
import { isRolloutEnded, isRolloutMoveLegal, type RolloutState } from '@drover/core/rollout/states';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SOUND_ANSWERS } from './virtual-answers.ts';
import type { DeviceBehaviour } from './virtual-device.ts';
import { NEW_VERSION, OLD_VERSION, VirtualRollout } from './virtual-rollout.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CALM: DeviceBehaviour = {
  offlineShare: 0, offlineMeanMs: HOUR, downloadMs: 2 * MINUTE, activateMs: 10_000, probationMs: MINUTE, transientFailure: 0, harm: 0, silence: 0,
}; // biome-ignore format: one row

const stage = (name: string, percent: number, over: Partial<StagePlan> = {}): StagePlan => ({
  ...STAGE_DEFAULTS,
  name,
  select: { kind: 'percent', percent },
  ...over,
});
const planOf = (over: Partial<Plan> = {}): Plan => ({
  ...PLAN_DEFAULTS,
  stages: [stage('canary', 5, { soakMs: HOUR }), stage('half', 50, { soakMs: HOUR }), stage('rest', 100)],
  ...over,
});

const start = (plan: Plan, behaviour: Partial<DeviceBehaviour> = {}, devices = 100, seed = 1): VirtualRollout =>
  new VirtualRollout({
    plan,
    seed,
    fleet: { devices, perLine: 5, behaviour: { ...CALM, ...behaviour }, answers: SOUND_ANSWERS },
  });

const count = (members: readonly Member[], test: (m: Member) => boolean): number => members.filter(test).length;

describe('a virtual rollout', () => {
  it('of a sound version goes through its stages and reaches everyone', () => {
    const rollout = start(planOf({ maxInFlight: 10 }));
    expect(rollout.run({ untilMs: 48 * HOUR })).toBe('completed');
    expect(count(rollout.members, isThrough)).toBe(100);
    expect(rollout.devices.every(({ running }) => running === NEW_VERSION)).toBe(true);
    expect(rollout.marks.filter(({ phase }) => phase === 'soaking').map((mark) => mark.stage)).toEqual([0, 1, 2]);
  });

  it('is the same run with the same seed', () => {
    const run = () => {
      const rollout = start(planOf({ maxInFlight: 10 }), { offlineShare: 0.3, transientFailure: 0.1 });
      rollout.run({ untilMs: 48 * HOUR });
      return rollout.marks;
    };
    expect(run()).toEqual(run());
  });

  it('of a version that fails stops in the canary, and each device goes back to what it had', () => {
    const plan = planOf({
      stages: [stage('canary', 20, { soakMs: HOUR }), stage('rest', 100)],
      onFail: 'rollback',
      maxInFlight: 2,
    });
    const rollout = start(plan, { harm: 0.6 });
    expect(rollout.run({ untilMs: 48 * HOUR })).toBe('rolled_back');
    expect(count(rollout.members, isFailed)).toBeLessThan(10);
    expect(rollout.devices.every(({ running }) => running === OLD_VERSION)).toBe(true);
    expect(count(rollout.members, (m) => m.purpose === 'revert')).toBeGreaterThan(0);
  });

  it('stops after three failures in a row, and not by those that are away', () => {
    const rollout = start(planOf({ stages: [stage('all', 100)], maxInFlight: 1 }), { harm: 1 });
    expect(rollout.run({ untilMs: 48 * HOUR })).toBe('paused');
    expect(rollout.reason).toBe('gate_failed');
    expect(count(rollout.members, isFailed)).toBe(3);
    const away = start(planOf({ stages: [stage('all', 100)], maxInFlight: 1 }), { offlineShare: 1 });
    expect(away.run({ untilMs: 48 * HOUR })).toBe('running');
    expect(count(away.members, isWaiting)).toBe(100);
  });

  it('with a canary that is away promotes nobody', () => {
    const rollout = start(planOf(), { offlineShare: 1 });
    expect(rollout.run({ untilMs: 100 * HOUR })).toBe('running');
    expect(rollout).toMatchObject({ stage: 0, phase: 'admitting' });
  });

  it('pauses a stage that cannot be judged when its patience is over', () => {
    const plan = planOf({
      stages: [stage('canary', 5, { minPredictions: 10 }), stage('rest', 100)],
      patienceMs: 3 * HOUR,
    });
    const rollout = start(plan);
    expect(rollout.run({ untilMs: 48 * HOUR })).toBe('paused');
    expect(rollout.reason).toBe('inconclusive');
    expect(rollout.marks.at(-1)?.because).toContain('5 of 5 devices answered fewer than 10 times');
    expect(rollout.now).toBeGreaterThan(3 * HOUR);
  });

  it('gives up devices that hang, and tries again those that may be helped', () => {
    const plan = planOf({
      stages: [stage('all', 100)],
      gate: { ...PLAN_DEFAULTS.gate, isDryRun: true },
      retries: { transient: 10, internal: 0 },
    });
    const hung = start(plan, { silence: 0.3 });
    expect(hung.run({ untilMs: 72 * HOUR })).toBe('completed');
    expect(count(hung.members, (m) => m.state === 'timed_out')).toBeGreaterThan(10);
    const tried = start(plan, { transientFailure: 0.3 });
    expect(tried.run({ untilMs: 72 * HOUR })).toBe('completed');
    expect(count(tried.members, isThrough)).toBe(100);
    expect(count(tried.members, (m) => m.attempt > 1)).toBeGreaterThan(10);
  });

  it('that a person aborts keeps what is there, and goes on where a person resumes it', () => {
    const rollout = start(planOf({ maxInFlight: 5 }));
    while (count(rollout.members, isThrough) < 3) rollout.advance(10_000);
    rollout.control('paused');
    for (let i = 0; i < 200; i++) rollout.advance(10_000);
    const paused = count(rollout.members, isThrough);
    expect(count(rollout.members, isBusy)).toBe(0);
    rollout.control('running');
    while (rollout.stage === 0) rollout.advance(10_000);
    while (count(rollout.members, isBusy) < 5) rollout.advance(10_000);
    expect(count(rollout.members, isThrough)).toBeGreaterThanOrEqual(paused);
    rollout.control('aborting');
    expect(rollout.run({ untilMs: rollout.now + 10 * HOUR })).toBe('aborted');
    expect(rollout.members.every((m) => TERMINAL.has(m.state) || isWaiting(m))).toBe(true);
  });
});

const MOST_CONTROLS = 5;

describe('whatever the fleet does and whenever people step in', () => {
  const share = fc.constantFrom(0, 0.1, 0.5, 0.9);
  const behaviours = fc.record({
    offlineShare: share, offlineMeanMs: fc.constantFrom(MINUTE, HOUR), downloadMs: fc.constantFrom(5000, 10 * MINUTE), activateMs: fc.constant(10_000),
    probationMs: fc.constantFrom(0, MINUTE), transientFailure: share, harm: share, silence: fc.constantFrom(0, 0.1),
  }); // biome-ignore format: one row
  const stages = fc.constantFrom<readonly StagePlan[]>(
    [stage('all', 100)],
    [stage('canary', 10, { soakMs: 10 * MINUTE }), stage('rest', 100, { soakMs: 10 * MINUTE })],
    [stage('some', 1, { select: { kind: 'count', count: 3 } }), stage('half', 50, { quorum: 0.8 }), stage('rest', 100)],
    [stage('some', 1, { select: { kind: 'query', query: 'canary = true' } }), stage('rest', 100)],
  );
  const plans = fc.record({
    stages,
    maxInFlight: fc.constantFrom(null, 1, 5),
    ramp: fc.constantFrom(null, { perMinute: 2, factor: 2, every: 5 }),
    disruption: fc.constantFrom([], [{ by: 'line', maxUnavailable: 1 }]),
    holdOut: fc.constantFrom(0, 0.2),
    onFail: fc.constantFrom<Plan['onFail']>('pause', 'rollback', 'abort'),
    expiresMs: fc.constantFrom(null, 6 * HOUR),
    retries: fc.constantFrom({ transient: 0, internal: 0 }, { transient: 2, internal: 1 }),
    isDryRun: fc.boolean(),
  });
  const controls = fc.array(
    fc.tuple(
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom<RolloutState>('paused', 'running', 'rolling_back', 'aborting'),
    ),
    { maxLength: MOST_CONTROLS },
  );

  /** Everything that must hold at each single decision. */
  function check(snapshot: RolloutSnapshot, steps: readonly RolloutStep[], now: number): void {
    const { plan, stage: current, state, members } = snapshot;
    const byId = new Map(members.map((m) => [m.deployment, m]));
    for (const step of steps) {
      if (step.kind === 'become') expect(isRolloutMoveLegal(state, step.state), `${state} to ${step.state}`).toBe(true);
      if (step.kind === 'end') expect(TERMINAL.has(byId.get(step.deployment)?.state ?? 'failed')).toBe(false);
      if (step.kind === 'enter' && step.stage > current) {
        expect(step.stage).toBe(current + 1);
        const own = members.filter((m) => m.stage === current);
        // Nobody promotes on nothing: someone of the stage has the version, unless the gate is only watched.
        if (!plan.gate.isDryRun && own.length > 0) expect(own.some(isThrough)).toBe(true);
      }
      if (step.kind !== 'admit') continue;
      expect(state).toBe('running');
      const admitted = step.deployments.map((id) => byId.get(id));
      for (const m of admitted) {
        expect(m && isWaiting(m) && m.stage <= current).toBe(true);
        expect(new Set(step.deployments).size).toBe(step.deployments.length);
      }
      if (plan.maxInFlight !== null)
        expect(count(members, isBusy) + admitted.length).toBeLessThanOrEqual(plan.maxInFlight);
      for (const [i, { maxUnavailable }] of plan.disruption.entries()) {
        const busy = new Map<string, number>(snapshot.unavailable[i]);
        for (const m of members)
          if (isBusy(m) && m.isOnline) busy.set(m.places[i] ?? '', (busy.get(m.places[i] ?? '') ?? 0) + 1);
        for (const m of admitted) busy.set(m?.places[i] ?? '', (busy.get(m?.places[i] ?? '') ?? 0) + 1);
        for (const m of admitted) expect(busy.get(m?.places[i] ?? '') ?? 0).toBeLessThanOrEqual(maxUnavailable);
      }
    }
    // The same question has the same answer.
    if (steps.length > 0) expect(decideRollout(snapshot, now)).toEqual(steps);
  }

  it('no limit is passed, nobody begins on a rollout that is not running, ends absorb, and it comes to an end', () => {
    fc.assert(
      fc.property(plans, behaviours, controls, fc.nat(), (given, behaviour, steps, seed) => {
        const { isDryRun, ...rest } = given;
        const plan = { ...PLAN_DEFAULTS, ...rest, patienceMs: HOUR, gate: { ...PLAN_DEFAULTS.gate, isDryRun } };
        // One stage alone has nothing to be compared with.
        const holdOut = plan.stages.length > 1 ? plan.holdOut : 0;
        const fleet = { devices: 30, perLine: 5, behaviour, answers: SOUND_ANSWERS };
        const rollout = new VirtualRollout({ plan: { ...plan, holdOut }, fleet, seed, onDecision: check });
        const ended = new Map<string, string>();
        const move = (): void => {
          rollout.advance(30_000);
          for (const m of rollout.members) {
            const before = ended.get(m.deployment);
            if (before !== undefined) expect(m.state).toBe(before);
            if (TERMINAL.has(m.state)) ended.set(m.deployment, m.state);
          }
        };
        rollout.look();
        for (const [ticks, to] of steps) {
          for (let i = 0; i < ticks && !isRolloutEnded(rollout.state); i++) move();
          if (isRolloutMoveLegal(rollout.state, to)) rollout.control(to);
        }
        for (let i = 0; i < 3000 && !isRolloutEnded(rollout.state) && rollout.state !== 'paused'; i++) move();
        for (const id of rollout.heldOut) expect(rollout.devices.find((d) => d.id === id)?.running).toBe(OLD_VERSION);
        // Devices that were away learn that what they were told is called back.
        if (rollout.state === 'rolled_back') for (let i = 0; i < 500; i++) rollout.advance(60_000);
        if (rollout.state === 'rolled_back')
          for (const m of rollout.members) expect(m.running, `${m.device} ${m.state} ${m.purpose}`).toBe(OLD_VERSION);
        if (rollout.state === 'running' || rollout.state === 'rolling_back' || rollout.state === 'aborting')
          // Only devices that are away, or hang within their deadline, hold it open.
          expect(behaviour.offlineShare > 0 || behaviour.silence > 0 || behaviour.transientFailure > 0).toBe(true);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
