// Reads what a rollout decision rests on: one snapshot of a rollout and its devices. Never decides.

import type { RolloutSnapshot } from '@drover/core/rollout/decide';
import type { Member } from '@drover/core/rollout/members';
import type { Plan } from '@drover/core/rollout/plan';
import { isShadow, slotBeside } from '@drover/core/shadow';
import { sumAgreements } from '../db/agreements.ts';
import { listStoredRules } from '../db/alerts.ts';
import { findFiring } from '../db/rollout-freeze.ts';
import { listLooks } from '../db/rollout-looks.ts';
import { countAnswers, countUnavailable, listMembers, type MemberRow } from '../db/rollout-members.ts';
import type { RolloutRow } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';

export interface RolloutFacts {
  readonly rollout: RolloutRow;
  readonly plan: Plan;
  readonly snapshot: RolloutSnapshot;
  /** The rows behind the members, by deployment: their revisions are what a step is checked against. */
  readonly rows: ReadonlyMap<string, MemberRow>;
}

const readLabels = (json: string | null): Readonly<Record<string, string>> =>
  json === null ? {} : (JSON.parse(json) as Record<string, string>);

/** For each budget: how many devices of each place are away, or busy for another rollout. */
const readUnavailable = (store: Store, rollout: string, { disruption }: Plan) =>
  Promise.all(disruption.map(({ by }) => countUnavailable(store, rollout, by)));

const NO_ANSWERS: Awaited<ReturnType<typeof countAnswers>> = new Map();

/** Answers are only counted where the plan asks. */
const readAnswers = (store: Store, { manifest, slot, startedAt, phase, stage }: RolloutRow, plan: Plan) =>
  plan.gate.errorLimit !== null || (phase !== 'admitting' && (plan.stages[stage]?.minPredictions ?? 0) > 0)
    ? countAnswers(store, {
        manifest,
        slot: slotBeside(slot),
        role: isShadow(slot) ? 'shadow' : 'active',
        from: startedAt ?? 0,
      })
    : Promise.resolve(NO_ANSWERS);

/** Of shadows, once they are watched. */
async function readBeside(store: Store, { slot, manifest, phase, phaseSince }: RolloutRow) {
  if (!isShadow(slot)) return null;
  if (phase === 'admitting') return [];
  return sumAgreements(store, { slot: slotBeside(slot), manifest, from: phaseSince });
}

/** What a rule that freezes rollouts says of one of its devices; alerts from before it was resumed were seen. */
async function readFreeze(store: Store, { id, state, startedAt, countedFrom }: RolloutRow): Promise<string | null> {
  if (state !== 'running') return null;
  const rules = (await listStoredRules(store))
    .filter((rule) => rule.freezes === true && rule.isEnabled)
    .map((rule) => rule.id);
  if (rules.length === 0) return null;
  const found = await findFiring(store, { rollout: id, rules, since: Math.max(startedAt ?? 0, countedFrom) });
  if (!found) return null;
  const { rule, device, incident } = found;
  return `The alert "${rule}" fires on ${device}${incident === null ? '' : ` (incident ${incident})`}.`;
}

/** `isBrief`: only what a decision needs of devices that are through. */
export async function readRolloutFacts(
  store: Store,
  rollout: RolloutRow,
  probationMs: number,
  isBrief = false,
): Promise<RolloutFacts> {
  const plan = JSON.parse(rollout.planJson) as Plan;
  const [rows, unavailable, answers, freeze, looks, beside] = await Promise.all([
    listMembers(store, rollout.id, isBrief),
    readUnavailable(store, rollout.id, plan),
    readAnswers(store, rollout, plan),
    readFreeze(store, rollout),
    plan.live ? listLooks(store, { rollout: rollout.id, stage: rollout.stage, since: rollout.phaseSince }) : [],
    readBeside(store, rollout),
  ]);
  const needsPlaces = plan.disruption.length > 0;
  const toMember = (row: MemberRow): Member => {
    const labels = needsPlaces ? readLabels(row.labelsJson) : {};
    return {
      device: row.device,
      deployment: row.id,
      stage: row.stage,
      attempt: row.attempt,
      purpose: row.purpose,
      state: row.state,
      ...(row.code !== null && { code: row.code }),
      createdAt: row.createdAt,
      admittedAt: row.admittedAt,
      progressAt: Math.max(row.updatedAt, row.progressAt ?? 0),
      claim: row.deviceState,
      isOnline: row.presence === 'online',
      running: row.running,
      before: row.beforeManifest,
      isCurrent: row.isReplaced === 0,
      isGoingBack: row.isGoingBack === 1,
      places: plan.disruption.map(({ by }) => labels[by] ?? null),
      predictions: answers.get(row.device)?.answers ?? 0,
      errors: answers.get(row.device)?.errors ?? 0,
    };
  };
  const { manifest, state, phase, phaseSince, startedAt, countedFrom, stage } = rollout;
  return {
    rollout,
    plan,
    snapshot: {
      plan,
      stage,
      members: rows.map(toMember),
      unavailable,
      manifest,
      state,
      phase,
      phaseSince,
      startedAt,
      countedFrom,
      freeze,
      looks,
      beside,
      probationMs,
    },
    rows: new Map(rows.map((row) => [row.id, row])),
  };
}
