// Decides what the install results of a stage come to: pass, fail, or no answer yet (design: rollouts §2.3). Never acts on it.
import { type FailureEvidence, weighFailures } from './failures.ts';
import type { FailureGate } from './plan.ts';
import type { Verdict } from './states.ts';

export interface GateInput {
  /** One entry a device of the stage that tried and ended, in the order in which they ended. */
  readonly failed: readonly boolean[];
  /** Devices that the stage was given. */
  readonly devices: number;
}

export interface GateResult {
  readonly verdict: Verdict;
  readonly evidence: FailureEvidence;
  /** Devices that have to have tried. */
  readonly needed: number;
  /** In one sentence, for people. */
  readonly because: string;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

/** A stage that was given no device passes: the one before it showed what there is. One whose devices all left does not. */
export function judgeFailures({ failed, devices }: GateInput, gate: FailureGate): GateResult {
  const evidence = weighFailures(failed, gate, devices);
  const needed = Math.min(gate.minDevices, devices);
  const seen = `${evidence.failed} of ${evidence.attempted} devices failed`;
  const say = (verdict: Verdict, because: string): GateResult => ({ verdict, evidence, needed, because });
  if (evidence.e >= 1 / gate.alpha)
    return say(
      'fail',
      `${seen}: that is too much for a share of ${percent(gate.ok)} (e ${evidence.e.toPrecision(3)}, ${1 / gate.alpha} stop).`,
    );
  if (evidence.attempted < needed)
    return say('not_enough_evidence', `${evidence.attempted} of ${needed} devices have tried.`);
  if (evidence.attempted > 0 && evidence.ratio >= 0)
    return say(
      'inconclusive',
      `${seen}: that speaks rather for a share of ${percent(gate.bad)} than of ${percent(gate.ok)}.`,
    );
  return say('pass', `${seen}.`);
}
