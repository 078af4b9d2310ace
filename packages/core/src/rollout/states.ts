// Owns the states of a rollout and of its stages, and every legal transition (design: rollouts §2.1). Never acts.

export const ROLLOUT_STATES = [
  'awaiting_approval', 'scheduled', 'running', 'paused', 'rolling_back', 'aborting',
  'completed', 'rolled_back', 'rollback_incomplete', 'aborted', 'superseded',
] as const; // biome-ignore format: one list
export type RolloutState = (typeof ROLLOUT_STATES)[number];

/** state → what it may become. A state that leads nowhere is terminal and absorbs. */
const NEXT: Readonly<Record<RolloutState, readonly RolloutState[]>> = {
  awaiting_approval: ['scheduled', 'aborted'],
  scheduled: ['running', 'aborted'],
  running: ['paused', 'completed', 'rolling_back', 'aborting', 'superseded'],
  paused: ['running', 'completed', 'rolling_back', 'aborting', 'superseded'],
  rolling_back: ['rolled_back', 'rollback_incomplete'],
  aborting: ['aborted', 'rolling_back'],
  completed: [],
  rolled_back: [],
  rollback_incomplete: [],
  aborted: [],
  superseded: [],
};

export const isRolloutMoveLegal = (from: RolloutState, to: RolloutState): boolean => NEXT[from].includes(to);

export const isRolloutEnded = (state: RolloutState): boolean => NEXT[state].length === 0;

/** States in which the hub looks at a rollout again and again. */
export const LIVE_STATES: readonly RolloutState[] = ['scheduled', 'running', 'paused', 'rolling_back', 'aborting'];

/** Within `running`: devices are let in; they are watched; what was seen is judged. */
export const STAGE_PHASES = ['admitting', 'soaking', 'evaluating'] as const;
export type StagePhase = (typeof STAGE_PHASES)[number];

/** Why a rollout is paused. */
export const PAUSE_REASONS = ['operator', 'gate_failed', 'inconclusive', 'alert'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** What is asked of a stage (design: rollouts §2.3). Only `pass` promotes; the last two never act by themselves. */
export const VERDICTS = ['pass', 'fail', 'inconclusive', 'not_enough_evidence'] as const;
export type Verdict = (typeof VERDICTS)[number];
