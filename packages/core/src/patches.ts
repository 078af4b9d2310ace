// Decides which recipes (packages/delta) a hub makes and keeps, and how long a device is let wait for one. Never makes one.

/** The base of a recipe that packs the target on its own. */
export const NO_BASE = '';

/** Below this an artifact is sent as it is: a recipe costs a request and a process. */
export const LEAST_BYTES = 64 * 1024;
/** A recipe from a base must save a fifth of what is sent without it; one that only packs, a tenth. */
const WORTH_DELTA = 0.8;
const WORTH_PACK = 0.9;
/** Makings of one recipe that are begun: what ends the hub or the child three times is given up. */
export const MAX_TRIES = 3;
/** Kept this long after the last device needed it. */
export const KEPT_MS = 24 * 3_600_000;
/** How stale `neededAt` may be: the rows are not written more often. */
const RENEW_MS = 3_600_000;

export type PatchState = 'wanted' | 'made' | 'useless' | 'failed';

export interface PatchPair {
  /** SHA-256 of the artifact that the device runs, or NO_BASE. */
  readonly base: string;
  readonly target: string;
}

/** A device that runs `base` is wished `target`, or one that runs nothing. */
export interface PatchNeed extends PatchPair {
  readonly targetSize: number;
}

export interface PatchRecord extends PatchPair {
  readonly state: PatchState;
  readonly tries: number;
  readonly createdAt: number;
  readonly neededAt: number;
}

export type PatchStep =
  | ({ readonly kind: 'want' } & PatchPair)
  | ({ readonly kind: 'renew' } & PatchPair)
  | ({ readonly kind: 'make' } & PatchPair)
  | ({ readonly kind: 'giveUp' } & PatchPair)
  | ({ readonly kind: 'sweep' } & PatchPair);

const keyOf = ({ base, target }: PatchPair): string => `${base}>${target}`;

/** Recipes from a base first: whoever makes one packs the target on its own beside it, to know whether it is worth it. */
const inTurn = (one: PatchRecord, other: PatchRecord): number =>
  Number(one.base === NO_BASE) - Number(other.base === NO_BASE) ||
  one.createdAt - other.createdAt ||
  (keyOf(one) < keyOf(other) ? -1 : 1);

/** What to do now; at most one `make`, and none while one is being made. Times in ms since epoch. */
export function decidePatches(
  {
    needs,
    records,
    isMaking,
  }: {
    readonly needs: readonly PatchNeed[];
    readonly records: readonly PatchRecord[];
    readonly isMaking: boolean;
  },
  now: number,
): PatchStep[] {
  const steps: PatchStep[] = [];
  const held = new Set(records.map(keyOf));
  const needed = new Map<string, PatchPair>();
  for (const { base, target, targetSize } of needs) {
    if (targetSize < LEAST_BYTES || base === target) continue;
    for (const pair of [
      { base: NO_BASE, target },
      { base, target },
    ])
      needed.set(keyOf(pair), pair);
  }
  for (const [key, pair] of needed) if (!held.has(key)) steps.push({ kind: 'want', ...pair });
  const waiting: PatchRecord[] = [];
  for (const record of records) {
    const { base, target, state, tries, neededAt } = record;
    const pair = { base, target };
    if (needed.has(keyOf(record))) {
      if (now - neededAt > RENEW_MS) steps.push({ kind: 'renew', ...pair });
      if (state !== 'wanted') continue;
      if (tries >= MAX_TRIES) steps.push({ kind: 'giveUp', ...pair });
      else waiting.push(record);
    } else if (state === 'wanted' || now - neededAt > KEPT_MS) {
      // What is being made is swept when it is done.
      if (!isMaking || state !== 'wanted') steps.push({ kind: 'sweep', ...pair });
    }
  }
  const [first] = waiting.toSorted(inTurn);
  if (first && !isMaking) steps.push({ kind: 'make', base: first.base, target: first.target });
  return steps;
}

/**
 * Whether a recipe of `size` bytes is offered. `packed`: what the target takes packed on its own, where that is worth it:
 * without a base the device would fetch that and not the file.
 */
export function isWorth(
  size: number,
  { base, target, packed }: { base: string; target: number; packed?: number },
): boolean {
  if (base === NO_BASE) return size <= WORTH_PACK * target;
  return size <= WORTH_DELTA * Math.min(target, packed ?? target);
}

/** A slow link, in bytes per ms: what is saved on it is what waiting may cost. */
const SLOW_LINK = 1000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Until when a device that would be told of `target` waits for a recipe that is being made: as long as the least saving
 * that is offered takes on a link of 1 MB/s, at most a minute, and `graceMs` for the start of the process. Afterwards it
 * starts with what is there.
 */
export function waitUntil({ createdAt }: Pick<PatchRecord, 'createdAt'>, targetSize: number, graceMs: number): number {
  return createdAt + graceMs + Math.min(LONGEST_WAIT_MS, ((1 - WORTH_DELTA) * targetSize) / SLOW_LINK);
}
