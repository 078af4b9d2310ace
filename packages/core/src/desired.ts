// Decides whether a device takes a desired document that arrived. Never verifies signatures (trust does) and never stores.
import { type Refusal, refuse } from './reasons.ts';

export interface HeldDesired {
  readonly generation: number;
  /** SHA-256 of the signed payload. */
  readonly digest: string;
}

export type DesiredVerdict = { readonly ok: true; readonly take: boolean } | Refusal;

/**
 * Generations only grow. The same generation with the same bytes is a repeat (`take: false`); with other bytes it is
 * refused, for two documents may not share a number (a hub restored from a backup must count past what devices hold).
 */
export function decideDesired(
  held: HeldDesired | undefined,
  arrived: HeldDesired & { device: string },
  self: string,
): DesiredVerdict {
  if (arrived.device !== self)
    return refuse('desired_other_device', `It names device "${arrived.device.slice(0, 63)}" and this is "${self}".`);
  if (!held || arrived.generation > held.generation) return { ok: true, take: true };
  if (arrived.generation < held.generation) {
    return refuse('desired_stale', `It has generation ${arrived.generation} and the device holds ${held.generation}.`);
  }
  if (arrived.digest === held.digest) return { ok: true, take: false };
  return refuse('desired_conflict', `Generation ${arrived.generation} is held with other content.`);
}

/** No hub counts so far; whoever held a stolen director key may have, to leave no room above. */
const COUNTABLE = 2 ** 48;

/**
 * The next generation a hub may use for a device that says it holds `reported` (DESIGN.md §7, after a restore). A number that
 * nobody can have counted to is passed over: such a document falls with the key that signed it.
 */
export const nextGeneration = (own: number, reported: number): number =>
  Math.max(own, reported < COUNTABLE ? reported : 0) + 1;
