// Owns how rollouts and deployments look over HTTP, from their rows. Reads the database, never writes it.
import { TERMINAL } from '@drover/core/deployment/table';
import type { DeviceAgreement } from '@drover/core/rollout/agreement';
import { judgeBeside, judgeStage, type RolloutSnapshot } from '@drover/core/rollout/decide';
import { isOwed, type Member } from '@drover/core/rollout/members';
import type { Plan } from '@drover/core/rollout/plan';
import { isRolloutEnded } from '@drover/core/rollout/states';
import { writePlan } from '@drover/wire/http/rollout-plan';
import type {
  AgreementView,
  Deployment,
  GateView,
  Rollout,
  RolloutDetail,
  StageView,
} from '@drover/wire/http/rollouts';
import type { Static } from 'typebox';
import { listRefusals } from '../db/devices.ts';
import { listApprovals, listRolloutEvents } from '../db/rollout-history.ts';
import { countHoldOuts } from '../db/rollout-members.ts';
import { countDeployments, type DeploymentRow, type RolloutRow } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { viewRefusal } from '../devices/device-views.ts';
import { readRolloutFacts } from './read-snapshot.ts';
import type { RolloutTarget } from './targets.ts';

const instant = (at: number): string => new Date(at).toISOString();

async function countApprovals(store: Store, { id, planHash }: RolloutRow, needed: number): Promise<number> {
  return needed === 0 ? 0 : (await listApprovals(store, id, planHash)).length;
}

export async function viewRollouts(store: Store, rows: readonly RolloutRow[]): Promise<Static<typeof Rollout>[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const [counted, held] = await Promise.all([countDeployments(store, ids), countHoldOuts(store, ids)]);
  const byRollout = Map.groupBy(counted, ({ rollout }) => rollout);
  const heldOut = new Map(held.map(({ rollout, count }) => [rollout, count]));
  return Promise.all(
    rows.map(async (row) => {
      const own = byRollout.get(row.id) ?? [];
      const plan = JSON.parse(row.planJson) as Plan;
      return {
        id: row.id,
        model: row.model,
        version: row.version,
        manifest: row.manifest,
        slot: row.slot,
        state: row.state,
        stage: row.stage,
        phase: row.phase,
        stages: plan.stages.length,
        stageName: plan.stages[row.stage]?.name ?? '',
        reason: row.reason,
        because: row.because,
        actor: row.actor,
        approvals: { given: await countApprovals(store, row, plan.approvals), needed: plan.approvals },
        heldOut: heldOut.get(row.id) ?? 0,
        createdAt: instant(row.createdAt),
        endedAt: row.endedAt === null ? null : instant(row.endedAt),
        counts: Object.fromEntries(own.map(({ state, count }) => [state, count])),
        devices: own.reduce((sum, { count }) => sum + count, 0),
      };
    }),
  );
}

function viewGate(snapshot: RolloutSnapshot, stage: number): Static<typeof GateView> | null {
  if (stage > snapshot.stage) return null;
  const { verdict, because, evidence, needed } = judgeStage({ ...snapshot, stage });
  const { attempted, failed, e } = evidence;
  return { verdict, because, attempted, failed, needed, evidence: e, stopsAt: 1 / snapshot.plan.gate.alpha };
}

const countStates = (members: readonly Member[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { state } of members) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};

function viewStages(snapshot: RolloutSnapshot): Static<typeof StageView>[] {
  const byStage = Map.groupBy(snapshot.members, ({ stage }) => stage);
  return snapshot.plan.stages.map(({ name }, stage) => {
    const own = byStage.get(stage) ?? [];
    const owed = isRolloutEnded(snapshot.state) ? 0 : own.filter(isOwed).length;
    return { name, devices: own.length, counts: countStates(own), owed, gate: viewGate(snapshot, stage) };
  });
}

/** Devices that are shown; the sums are of all. */
const DEVICES = 200;

function viewAgreement(snapshot: RolloutSnapshot): { agreement?: Static<typeof AgreementView> } {
  const { beside } = snapshot;
  if (!beside) return {};
  const share = ({ agreed, compared }: DeviceAgreement): number => (compared === 0 ? 1 : agreed / compared);
  const sum = (field: 'compared' | 'agreed' | 'skipped') => beside.reduce((total, one) => total + one[field], 0);
  const devices = beside
    .toSorted((a, b) => share(a) - share(b))
    .slice(0, DEVICES)
    .map(({ gap, ...counts }) => ({ ...counts, distance: counts.compared === 0 ? null : gap / counts.compared }));
  const judged = judgeBeside(snapshot) ?? null;
  return {
    agreement: { judged, compared: sum('compared'), agreed: sum('agreed'), skipped: sum('skipped'), devices },
  };
}

/** Events that are shown; older ones stay in the audit log. */
const EVENTS = 200;

export async function viewRolloutDetail(store: Store, row: RolloutRow): Promise<RolloutDetail> {
  const [[view], facts, approvals, events] = await Promise.all([
    viewRollouts(store, [row]),
    readRolloutFacts(store, row, 0),
    listApprovals(store, row.id, row.planHash),
    listRolloutEvents(store, row.id, EVENTS),
  ]);
  if (view === undefined) throw new Error('one row gives one view');
  const { devices, ...target } = JSON.parse(row.targetJson) as RolloutTarget;
  return {
    ...view,
    target: { ...target, ...(devices && { devices: [...devices] }) },
    plan: writePlan(facts.plan),
    planHash: row.planHash,
    approvedBy: approvals.map(({ actor, at, note }) => ({ actor, at: instant(at), note })),
    stageViews: viewStages(facts.snapshot),
    ...viewAgreement(facts.snapshot),
    events: events.map(({ at, actor, state, stage, phase, because }) => ({
      at: instant(at),
      actor,
      state,
      stage,
      phase,
      because,
    })),
  };
}

type Refusals = ReadonlyMap<string, ReturnType<typeof viewRefusal>>;

const viewDeployment = (row: DeploymentRow, refusals: Refusals): Static<typeof Deployment> => ({
  id: row.id,
  rollout: row.rollout,
  device: row.device,
  slot: row.slot,
  manifest: row.manifest,
  state: row.state,
  stage: row.stage,
  attempt: row.attempt,
  purpose: row.purpose,
  ...(row.code === null ? {} : { code: row.code }),
  ...(row.detail === null ? {} : { detail: row.detail }),
  ...describeRefusal(refusals.get(row.device)),
  updatedAt: instant(row.updatedAt),
});

const describeRefusal = (refusal: ReturnType<typeof viewRefusal> | undefined) =>
  refusal ? { desiredRefusal: refusal } : {};

/** In the order of `rows`. An open deployment says also why its device takes no document: no state would ever show it. */
export async function viewDeployments(
  store: Store,
  rows: readonly DeploymentRow[],
): Promise<Static<typeof Deployment>[]> {
  const open = rows.filter(({ state }) => !TERMINAL.has(state)).map(({ device }) => device);
  const refused = open.length === 0 ? [] : await listRefusals(store, open);
  const refusals = new Map(refused.map((row) => [row.id, viewRefusal(row)]));
  const none: Refusals = new Map();
  return rows.map((row) => viewDeployment(row, TERMINAL.has(row.state) ? none : refusals));
}
