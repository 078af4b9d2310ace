// Writes the devices of a rollout down when it starts, and those that come later. Never lets one in.
import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { matchesQuery, parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Plan } from '@drover/core/rollout/plan';
import { type Assignment, assignStages, type Target } from '@drover/core/rollout/stages';
import { insertHoldOut, listOpenIn } from '../db/rollout-members.ts';
import { insertDeployment, insertDeploymentEvent, listLiveRollouts, type RolloutRow } from '../db/rollouts.ts';
import type { Statement, Store } from '../db/store.ts';

export interface NewAttempt {
  readonly rollout: string;
  readonly device: string;
  readonly slot: string;
  readonly manifest: string;
  readonly stage: number;
  readonly attempt: number;
  readonly purpose: 'install' | 'revert';
  readonly admittedAt: number | null;
  readonly beforeManifest: string | null;
}

/** One attempt of a device, queued. */
export function writeAttempt(attempt: NewAttempt, now: number): Statement[] {
  const id = makeId(now, randomBytes(10));
  const silent = { code: null, detail: null };
  return [
    insertDeployment({
      id,
      ...attempt,
      ...silent,
      state: 'queued',
      revision: 0,
      createdAt: now,
      updatedAt: now,
      deviceState: null,
      deviceRevision: 0,
      deviceCode: null,
      deviceDetail: null,
    }),
    insertDeploymentEvent({
      deployment: id,
      at: now,
      source: 'hub',
      fromState: null,
      toState: 'queued',
      revision: 0,
      ...silent,
    }),
  ];
}

type Head = Pick<RolloutRow, 'id' | 'slot' | 'manifest'>;

const firstAttempt = ({ id, slot, manifest }: Head, device: string, stage: number): NewAttempt => ({
  rollout: id, device, slot, manifest, stage, attempt: 1, purpose: 'install', admittedAt: null, beforeManifest: null,
}); // biome-ignore format: one row

/** Rollouts of a higher priority that hold some of the devices; the sentence names one. */
async function findConflict(
  store: Store,
  head: Head,
  plan: Plan,
  devices: ReadonlySet<string>,
): Promise<string | undefined> {
  const higher = (await listLiveRollouts(store)).filter(
    (other) =>
      other.id !== head.id && other.slot === head.slot && (JSON.parse(other.planJson) as Plan).priority > plan.priority,
  );
  const held = (
    await listOpenIn(
      store,
      higher.map(({ id }) => id),
    )
  ).filter(({ device }) => devices.has(device));
  const [first] = held;
  if (!first) return undefined;
  const priority = higher
    .filter(({ id }) => id === first.rollout)
    .map((other) => (JSON.parse(other.planJson) as Plan).priority);
  return `Rollout ${first.rollout} of priority ${priority[0] ?? 0} holds ${held.length} of its devices; this one has ${plan.priority}.`;
}

export interface Members {
  /** In write transactions that keep nobody waiting for long. */
  readonly chunks: readonly (readonly Statement[])[];
  readonly devices: readonly string[];
}

/** Attempts in one write transaction. */
const CHUNK = 2000;

const cut = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / CHUNK) }, (_, i) => all.slice(i * CHUNK, (i + 1) * CHUNK));

/** The targets in their stages. A stage that was meant for certain devices and finds none is a mistake. */
export async function chooseMembers(
  store: Store,
  head: Head,
  plan: Plan,
  targets: readonly Target[],
): Promise<Result<Assignment>> {
  const assigned = assignStages(head.id, plan, targets);
  if (assigned.members.length === 0) return refuse('target_empty', 'All of its targets are held out.');
  const isFilled = new Set(assigned.members.map(({ stage }) => stage));
  const empty = plan.stages.find(({ select }, i) => select.kind === 'query' && !isFilled.has(i));
  if (empty)
    return refuse(
      'plan_invalid',
      `stages: "${empty.name}" finds none of the ${targets.length} targets that is in no stage before it.`,
    );
  const conflict = await findConflict(store, head, plan, new Set(targets.map(({ device }) => device)));
  return conflict === undefined ? accept(assigned) : refuse('rollout_conflict', conflict);
}

/** Them as attempts, without those in `written`. */
export function writeMembers(
  head: Head,
  { members, heldOut }: Assignment,
  now: number,
  written: ReadonlySet<string> = new Set(),
): Members {
  const rows = [
    ...members
      .filter(({ device }) => !written.has(device))
      .map(({ device, stage }) => writeAttempt(firstAttempt(head, device, stage), now)),
    ...heldOut.filter((device) => !written.has(device)).map((device) => [insertHoldOut(head.id, device)]),
  ];
  return { chunks: cut(rows).map((chunk) => chunk.flat()), devices: members.map(({ device }) => device) };
}

/** Of these devices, those that are there and match no more. One of which nothing is known has not left. */
export function findLeavers<T extends { readonly device: string }>(
  { targetJson }: Pick<RolloutRow, 'targetJson'>,
  unbegun: readonly T[],
  fleet: readonly Target[],
): T[] {
  const { query } = JSON.parse(targetJson) as { query?: string };
  const parsed = query === undefined ? undefined : parseQuery(query);
  if (!parsed?.ok || unbegun.length === 0) return [];
  const labels = new Map(fleet.map((one) => [one.device, one.labels]));
  return unbegun.filter(({ device }) => {
    const own = labels.get(device);
    return own !== undefined && !matchesQuery(parsed.value, own);
  });
}

/** Devices that match now and are in no stage: they come into the last one, under the guards that hold there. */
export function writeLateJoiners(
  rollout: RolloutRow,
  plan: Plan,
  fleet: readonly Target[],
  known: ReadonlySet<string>,
  now: number,
): Members {
  const none: Members = { chunks: [], devices: [] };
  const { query } = JSON.parse(rollout.targetJson) as { query?: string };
  const parsed = query === undefined ? undefined : parseQuery(query);
  if (!parsed?.ok) return none;
  const late = fleet.filter(({ device, labels }) => !known.has(device) && matchesQuery(parsed.value, labels));
  const rows = late.map(({ device }) => writeAttempt(firstAttempt(rollout, device, plan.stages.length - 1), now));
  return { chunks: cut(rows).map((chunk) => chunk.flat()), devices: late.map(({ device }) => device) };
}
