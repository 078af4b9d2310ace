// Looks at one rollout: reads it, lets core/rollout decide, writes what is decided, and again until nothing is left to do.
// Never decides.

import { setImmediate as pause } from 'node:timers/promises';
import { explain } from '@drover/core/reasons';
import { decideRollout, findNextLook, type RolloutStep } from '@drover/core/rollout/decide';
import type { Plan } from '@drover/core/rollout/plan';
import type { Target } from '@drover/core/rollout/stages';
import { LIVE_STATES } from '@drover/core/rollout/states';
import type { Logger } from 'pino';
import { commitWithAudit } from '../db/audit.ts';
import { listKnown, listUnbegun } from '../db/rollout-members.ts';
import { type RolloutRow, readRollout } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import type { MeasureArms } from '../monitoring/measure-arms.ts';
import { type RolloutWork, writeChange, writeEnd, writeSteps } from './carry-out.ts';
import { chooseMembers, findLeavers, writeLateJoiners, writeMembers } from './members.ts';
import { type RolloutFacts, readRolloutFacts } from './read-snapshot.ts';
import { takeLook } from './take-look.ts';
import { findTargets, type RolloutTarget } from './targets.ts';

export interface LookDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly log: Logger;
  readonly probationMs: number;
  /** Sums up what devices answered. */
  readonly measureArms: MeasureArms;
}

export interface Look {
  /** Devices whose wish may change. */
  readonly devices: ReadonlySet<string>;
  /** When the clock alone may change something, ms since epoch. */
  readonly nextAt: number | undefined;
}

/** Each turn writes something or ends; more than this is a defect. */
const TURNS = 100;

const isStart = (facts: RolloutFacts, steps: readonly RolloutStep[]): boolean =>
  facts.rollout.state === 'scheduled' && steps.some((step) => step.kind === 'become' && step.state === 'running');

/**
 * The devices that match when it starts; if it cannot be meant by then it ends there, and says why. All but the last of them are
 * written before: a start that was interrupted goes on where it was.
 */
async function writeStart({ store }: LookDeps, facts: RolloutFacts, now: number): Promise<RolloutWork> {
  const by = { at: now, actor: 'hub' };
  const { rollout, plan } = facts;
  const targets = await findTargets(store, JSON.parse(rollout.targetJson) as RolloutTarget);
  const chosen = targets.ok ? await chooseMembers(store, rollout, plan, targets.value) : targets;
  if (!chosen.ok) return writeChange(facts, { state: 'aborted', because: explain(chosen) }, by);
  const { chunks, devices } = writeMembers(rollout, chosen.value, now, await listKnown(store, rollout.id));
  for (const chunk of chunks.slice(0, -1)) {
    const done = await store.commit(chunk);
    // Somebody else starts it: what is written by then is read again.
    if (!done.ok) break;
    await pause();
  }
  const change = { state: 'running', startedAt: now, phaseSince: now, because: 'It was due.' } as const;
  const work = writeChange(facts, change, by);
  return { ...work, statements: [...work.statements, ...(chunks.at(-1) ?? [])], devices };
}

export async function lookAtRollout(deps: LookDeps, id: string): Promise<Look> {
  const { store, log } = deps;
  const devices = new Set<string>();
  for (let turn = 0; turn < TURNS; turn++) {
    const rollout = await readRollout(store, id);
    if (!rollout || !LIVE_STATES.includes(rollout.state)) return { devices, nextAt: undefined };
    const isForward = rollout.state === 'running' && rollout.phase === 'admitting';
    const facts = await readRolloutFacts(store, rollout, deps.probationMs, isForward);
    const now = deps.now();
    if (await takeLook(store, deps.measureArms, facts, now)) continue;
    const steps = decideRollout(facts.snapshot, now);
    if (steps.length === 0) return { devices, nextAt: findNextLook(facts.snapshot, now) };
    const work = isStart(facts, steps) ? await writeStart(deps, facts, now) : writeSteps(facts, steps, now);
    // A lost race is decided again from what won.
    if (!(await commitWithAudit(store, work.statements, work.entries)).ok) continue;
    for (const device of work.devices) devices.add(device);
    // Who was let in changes nothing else at this time.
    if (steps.every(({ kind }) => kind === 'admit')) return { devices, nextAt: findNextLook(facts.snapshot, now) };
    for (const step of steps)
      if (step.kind === 'become' || step.kind === 'enter') log.info({ rollout: id, ...step }, 'rollout moved');
  }
  log.error({ rollout: id }, 'a rollout decision does not come to rest; the clock tries again');
  return { devices, nextAt: undefined };
}

/** Takes in devices that match by now. */
export async function takeLateJoiners(
  deps: LookDeps,
  rollout: RolloutRow,
  fleet: readonly Target[],
): Promise<readonly string[]> {
  if (rollout.state !== 'running' && rollout.state !== 'paused') return [];
  const plan = JSON.parse(rollout.planJson) as Plan;
  const known = await listKnown(deps.store, rollout.id);
  const late = writeLateJoiners(rollout, plan, fleet, known, deps.now());
  for (const chunk of late.chunks) if (!(await deps.store.commit(chunk)).ok) return [];
  if (late.devices.length === 0) return [];
  deps.log.info({ rollout: rollout.id, devices: late.devices.length }, 'devices joined a rollout that is under way');
  return late.devices;
}

/** In one write transaction. */
const LEAVERS = 250;

/** Ends it for devices that match no more and have not begun: they keep what they run. What has begun ends by itself. */
export async function dropLeavers(
  { store, now, log }: LookDeps,
  rollout: RolloutRow,
  fleet: readonly Target[],
): Promise<readonly string[]> {
  if (rollout.state !== 'running' && rollout.state !== 'paused') return [];
  const leavers = findLeavers(rollout, await listUnbegun(store, rollout.id), fleet);
  const at = now();
  const detail = 'The device is not among the targets any more.';
  for (let i = 0; i < leavers.length; i += LEAVERS) {
    const works = leavers.slice(i, i + LEAVERS).map((row) => writeEnd(rollout, row, { to: 'removed', detail }, at));
    const [statements, entries] = [works.flatMap((work) => work.statements), works.flatMap((work) => work.entries)];
    // One that began meanwhile holds up those with it until the clock asks again.
    await commitWithAudit(store, statements, entries);
  }
  if (leavers.length > 0)
    log.info({ rollout: rollout.id, devices: leavers.length }, 'devices left a rollout that is under way');
  return leavers.map(({ device }) => device);
}
