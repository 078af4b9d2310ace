// Foretells when a rollout would be over, from simulated fleets that are like the one that its preview found. Never asks the hub.
import type { Plan } from '@drover/core/rollout/plan';
import { simulateRollout } from '@drover/sim/rollout/simulate';
import { SOUND_ANSWERS } from '@drover/sim/rollout/virtual-answers';
import { readPlan } from '@drover/wire/http/rollout-plan';
import type { RolloutPreview } from '@drover/wire/http/rollouts';

export interface Forecast {
  /** ms from the start, of a half and of 95 of 100 runs. */
  readonly half: number;
  readonly high: number;
  /** Share of the devices that are away now, as of the simulated ones. */
  readonly away: number;
}

/** Runs of more take too long to wait for. */
const MOST_DEVICES = 2000;
const UNTIL_MS = 60 * 86_400_000;

/** Stages by as many devices as they have: simulated devices have other labels. */
function copyPlan(plan: Plan, { stages }: RolloutPreview): Plan {
  let total = 0;
  return {
    ...plan,
    stages: plan.stages.map((stage, i) => {
      total += stages[i]?.devices ?? 0;
      const isLast = i === plan.stages.length - 1;
      return { ...stage, select: isLast ? { kind: 'percent', percent: 100 } : { kind: 'count', count: total } };
    }),
    // How machines share lines is not known here.
    disruption: [],
  };
}

/** Undefined where it cannot be foretold: too many devices, or windows, which simulated devices do not keep. */
export function foretell(preview: RolloutPreview): Forecast | undefined {
  const plan = readPlan(preview.plan, () => undefined);
  if (!plan.ok || preview.targets > MOST_DEVICES || plan.value.windows.length > 0) return undefined;
  const online = preview.stages.reduce((sum, stage) => sum + stage.online, 0);
  const all = preview.stages.reduce((sum, stage) => sum + stage.devices, 0);
  const away = all === 0 ? 0 : 1 - online / all;
  if (away >= 1) return undefined;
  const behaviour = {
    offlineShare: away, offlineMeanMs: 4 * 3_600_000, downloadMs: 120_000, activateMs: 10_000, probationMs: 60_000, transientFailure: 0, harm: 0, silence: 0,
  }; // biome-ignore format: one record
  const { runs } = simulateRollout({
    plan: copyPlan(plan.value, preview),
    fleet: { devices: preview.targets, perLine: 1, behaviour, answers: SOUND_ANSWERS },
    runs: preview.targets > 300 ? 1 : 5,
    seed: 1,
    untilMs: UNTIL_MS,
  });
  const ends = runs
    .flatMap(({ endedAt, state }) => (endedAt === null || state !== 'completed' ? [] : [endedAt]))
    .toSorted((a, b) => a - b);
  const [half, high] = [ends[Math.floor(ends.length / 2)], ends.at(-1)];
  return half === undefined || high === undefined ? undefined : { half, high, away };
}
