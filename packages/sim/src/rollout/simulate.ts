// Tries a rollout plan on simulated fleets, many times, and sums up what came of it: who was exposed, when it was found out, how
// long it took. Pure; the same seed gives the same answer. Never decides what a rollout does.
import { isThrough } from '@drover/core/rollout/members';
import type { Plan } from '@drover/core/rollout/plan';
import { isRolloutEnded, type RolloutState } from '@drover/core/rollout/states';
import { type VirtualFleet, VirtualRollout } from './virtual-rollout.ts';

export interface SimulationOptions {
  readonly plan: Plan;
  readonly fleet: VirtualFleet;
  readonly runs: number;
  readonly seed: number;
  /** No run is followed for longer, ms of its own time. */
  readonly untilMs: number;
  readonly onRun?: (done: number) => void;
}

export interface RunResult {
  readonly state: RolloutState;
  /** ms since the start; null while it goes on. */
  readonly endedAt: number | null;
  /** When it stopped itself, ms since the start; null: it did not. */
  readonly stoppedAt: number | null;
  readonly because: string;
  /** Most devices that had the version at once. */
  readonly exposed: number;
  /** Devices that have it in the end. */
  readonly have: number;
  /** Stage that was under way at the end, from 0. */
  readonly stage: number;
}

const STOPPED: ReadonlySet<RolloutState> = new Set<RolloutState>([
  'paused',
  'aborting',
  'aborted',
  'rolling_back',
  'rolled_back',
  'rollback_incomplete',
]);

function runOnce({ plan, fleet, untilMs }: SimulationOptions, seed: number): RunResult {
  const rollout = new VirtualRollout({ plan, fleet, seed });
  let exposed = 0;
  let stoppedAt: number | null = null;
  rollout.look();
  // Of a few devices each step is seen; in a large fleet something happens all the time.
  const tickMs = Math.max(1000, Math.min(300_000, 30 * fleet.devices));
  while (rollout.now < untilMs && !isRolloutEnded(rollout.state) && rollout.state !== 'paused') {
    rollout.advance(tickMs);
    exposed = Math.max(exposed, rollout.members.filter((m) => m.purpose === 'install' && isThrough(m)).length);
    if (stoppedAt === null && STOPPED.has(rollout.state)) stoppedAt = rollout.now;
  }
  const isOver = isRolloutEnded(rollout.state) || rollout.state === 'paused';
  return {
    state: rollout.state,
    endedAt: isOver ? rollout.now : null,
    stoppedAt,
    because: rollout.marks.at(-1)?.because ?? '',
    exposed,
    have: rollout.members.filter((m) => m.purpose === 'install' && isThrough(m)).length,
    stage: rollout.stage,
  };
}

export interface Simulation {
  readonly runs: readonly RunResult[];
  /** How many runs ended in each state. */
  readonly states: Readonly<Partial<Record<RolloutState, number>>>;
}

/** A simulation begins at 0, nobody has to agree, and its devices answer but are not counted one by one. */
const fitPlan = (plan: Plan): Plan => ({
  ...plan,
  startAt: null,
  approvals: 0,
  stages: plan.stages.map((stage) => ({ ...stage, minPredictions: 0 })),
});

export function simulateRollout(given: SimulationOptions): Simulation {
  const options = { ...given, plan: fitPlan(given.plan) };
  const runs: RunResult[] = [];
  const states: Partial<Record<RolloutState, number>> = {};
  for (let i = 0; i < options.runs; i++) {
    const result = runOnce(options, options.seed + i);
    runs.push(result);
    states[result.state] = (states[result.state] ?? 0) + 1;
    options.onRun?.(i + 1);
  }
  return { runs, states };
}
