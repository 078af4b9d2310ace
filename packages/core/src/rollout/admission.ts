// Decides which waiting devices of a rollout may begin now, and says of each other one what it waits for. Never lets one in.
import { isBusy, isThrough, isWaiting, type Member } from './members.ts';
import { isPaced, type Plan } from './plan.ts';

/** What a waiting device waits for. */
export const WAITS = ['stage', 'retry', 'going_back', 'offline', 'in_flight', 'ramp', 'disruption'] as const;
export type Wait = (typeof WAITS)[number];

export interface Blocked {
  readonly wait: Wait;
  /** Which one, in words; empty where the kind says all. */
  readonly detail: string;
}

export interface AdmissionInput {
  readonly plan: Plan;
  readonly stage: number;
  readonly members: readonly Member[];
  /** For each disruption budget, in its order: place → devices there that are away or busy for another rollout. */
  readonly unavailable: readonly ReadonlyMap<string, number>[];
}

export interface Admission {
  readonly admit: readonly Member[];
  readonly blocked: ReadonlyMap<Member, Blocked>;
}

const MINUTE = 60_000;

/** The k-th further try begins so long after the one before ended: 1, 2, 4, … minutes, an hour at most. */
export const retryDelayMs = (attempt: number): number =>
  attempt <= 1 ? 0 : Math.min(60 * MINUTE, MINUTE * 2 ** (attempt - 2));

/** How many may begin at `now` by the ramp alone. */
function countRamp({ plan, members }: AdmissionInput, now: number): number {
  if (!plan.ramp) return Number.POSITIVE_INFINITY;
  const { perMinute, factor, every } = plan.ramp;
  const done = members.filter((m) => m.purpose === 'install' && isThrough(m)).length;
  const rate = Math.min(1e6, perMinute * factor ** Math.floor(done / every));
  const recent = members.filter((m) => m.admittedAt !== null && m.admittedAt > now - MINUTE).length;
  return Math.max(0, Math.floor(rate) - recent);
}

/** Devices of the rollout that are under way take from the budgets of their places; so do those that are let in here. */
class Budgets {
  readonly #plan: Plan;
  readonly #used: Map<string, number>[];

  constructor({ plan, members, unavailable }: AdmissionInput) {
    this.#plan = plan;
    this.#used = plan.disruption.map((_, i) => new Map(unavailable[i] ?? []));
    for (const member of members) if (isBusy(member) && member.isOnline) this.take(member);
  }

  take({ places }: Member): void {
    for (const [i, place] of places.entries()) {
      const used = this.#used[i];
      if (place !== null && used) used.set(place, (used.get(place) ?? 0) + 1);
    }
  }

  findFull({ places }: Member): string | undefined {
    for (const [i, { by, maxUnavailable }] of this.#plan.disruption.entries()) {
      const place = places[i] ?? null;
      if (place === null) continue;
      const used = this.#used[i]?.get(place) ?? 0;
      if (used >= maxUnavailable) return `${by}=${place} has ${used} of ${maxUnavailable} busy or away`;
    }
    return undefined;
  }
}

/** Those that are let in together still keep every limit. Members in the order of their ids. */
export function planAdmission(input: AdmissionInput, now: number): Admission {
  const { plan, stage, members } = input;
  const budgets = new Budgets(input);
  let inFlight = members.filter(isBusy).length;
  let ramp = countRamp(input, now);
  const admit: Member[] = [];
  const blocked = new Map<Member, Blocked>();
  const findBlock = (member: Member): Blocked | undefined => {
    if (member.stage > stage) return { wait: 'stage', detail: plan.stages[member.stage]?.name ?? '' };
    if (now < member.createdAt + retryDelayMs(member.attempt))
      return { wait: 'retry', detail: new Date(member.createdAt + retryDelayMs(member.attempt)).toISOString() };
    if (member.isGoingBack) return { wait: 'going_back', detail: '' };
    if (!isPaced(plan)) return undefined;
    // One that is away would hold a place for as long as it is away.
    if (!member.isOnline) return { wait: 'offline', detail: '' };
    if (plan.maxInFlight !== null && inFlight >= plan.maxInFlight)
      return { wait: 'in_flight', detail: `${inFlight} of ${plan.maxInFlight}` };
    if (ramp < 1) return { wait: 'ramp', detail: '' };
    const full = budgets.findFull(member);
    return full === undefined ? undefined : { wait: 'disruption', detail: full };
  };
  for (const member of members) {
    if (!isWaiting(member)) continue;
    const block = findBlock(member);
    if (block) {
      blocked.set(member, block);
      continue;
    }
    admit.push(member);
    budgets.take(member);
    inFlight++;
    ramp--;
  }
  return { admit, blocked };
}
