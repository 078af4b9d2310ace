// Decides which roles are to be signed again by the clock, and which that only people can sign are running out. Pure: the
// state, the time and what keys are there come in.
import { type KeySet, keySetOf, rootParts, VALID_MS } from '@drover/trust/tuf/build';
import { parseRole } from '@drover/trust/tuf/names';
import { listLive, type ReleaseState } from './state.ts';

const DAY = 86_400_000;
/** People need time to fetch a key from a safe. */
export const WARN_MS = { root: 60 * DAY, targets: 60 * DAY, team: 21 * DAY } as const;

/** A clock that is set back by less is not worth a signature. */
const CLOCK_SLACK_MS = 3_600_000;

export interface RoleDue {
  readonly role: string;
  /** ms since epoch. */
  readonly expiresAt: number;
}

export interface RenewalPlan {
  /** Roles whose keys are on this hub and that are past half of their life, in an order in which they can be signed. */
  readonly renew: readonly string[];
  readonly isSnapshotDue: boolean;
  readonly isTimestampDue: boolean;
  /** Roles whose keys are elsewhere and that expire soon or have expired. */
  readonly runningOut: readonly RoleDue[];
}

interface Seen extends RoleDue {
  readonly keys: KeySet;
  readonly validMs: number;
  readonly warnMs: number;
}

function listRoles(state: ReleaseState): Seen[] {
  const { root, targets } = state;
  const parts = rootParts(root.signed);
  const at = (expires: string): number => Date.parse(expires);
  return [
    {
      role: 'root',
      expiresAt: at(root.signed.expires),
      keys: parts.root,
      validMs: VALID_MS.root,
      warnMs: WARN_MS.root,
    },
    {
      role: 'targets',
      expiresAt: at(targets.signed.expires),
      keys: parts.targets,
      validMs: VALID_MS.targets,
      warnMs: WARN_MS.targets,
    },
    ...listLive(state).map(({ role, keys, metadata }) => ({
      role,
      keys,
      expiresAt: at(metadata.signed.expires),
      validMs: VALID_MS.team,
      warnMs: WARN_MS.team,
    })),
  ];
}

/** Also when it ends later than anything signed now would: the clock was ahead when it was, and devices must not believe it so long. */
function isPastHalf(expires: string | undefined, validMs: number, now: number): boolean {
  const leftMs = expires === undefined ? 0 : Date.parse(expires) - now;
  return leftMs < validMs / 2 || leftMs > validMs + CLOCK_SLACK_MS;
}

/** `isHeld`: whether enough keys of a role are on this hub. */
export function planRenewal(state: ReleaseState, isHeld: (keys: KeySet) => boolean, now: number): RenewalPlan {
  const roles = listRoles(state);
  const online = keySetOf(state.root.signed.roles.timestamp, state.root.signed.keys);
  const isOnlineHeld = isHeld(online);
  return {
    renew: roles.filter((r) => r.expiresAt - now < r.validMs / 2 && isHeld(r.keys)).map(({ role }) => role),
    isSnapshotDue: isOnlineHeld && isPastHalf(state.snapshot?.signed.expires, VALID_MS.snapshot, now),
    isTimestampDue: isOnlineHeld && isPastHalf(state.timestamp?.signed.expires, VALID_MS.timestamp, now),
    runningOut: roles
      .filter((r) => r.expiresAt - now < r.warnMs && !isHeld(r.keys))
      .map(({ role, expiresAt }) => ({ role, expiresAt })),
  };
}

/** One sentence about a role that people must sign again. */
export function describeDue({ role, expiresAt }: RoleDue, now: number): string {
  const name = parseRole(role);
  const isTop = name.ok && name.value.kind === 'top';
  const next = `drover keys renew ${role.split('~')[0] ?? role}${isTop ? ' --dir DIR' : ''} --key KEY`;
  const days = Math.ceil(Math.abs(expiresAt - now) / DAY);
  const when =
    expiresAt <= now ? `expired ${days} day(s) ago: devices install nothing by it` : `expires in ${days} day(s)`;
  return `release metadata "${role}" ${when}; ${next}`;
}
