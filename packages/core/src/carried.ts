// Decides what a report that was carried by hand is worth beside what the hub holds: new, repeated or too old, and whether
// its state is the newest known. Pure: never reads a file or a row.
import { type Refusal, refuse } from './reasons.ts';

export interface CarriedReport {
  /** Grows with each report of an installation. */
  readonly number: number;
  /** SHA-256 of its signed index. */
  readonly digest: string;
}

export type ReportVerdict = { readonly ok: true; readonly isRepeat: boolean } | Refusal;

/**
 * Reports of one installation only grow, and each holds all that the one before held and the hub had not acknowledged: an
 * older one brings nothing. The same one again is welcome, because the hub may have been stopped in the middle of it.
 */
export function decideReport(held: CarriedReport | undefined, arrived: CarriedReport): ReportVerdict {
  if (!held || arrived.number > held.number) return { ok: true, isRepeat: false };
  if (arrived.number < held.number)
    return refuse('report_stale', `It is number ${arrived.number}; number ${held.number} was imported.`);
  if (arrived.digest === held.digest) return { ok: true, isRepeat: true };
  return refuse('report_conflict', `Number ${arrived.number} was imported with other content.`);
}

/** What the hub knows of the device, from whichever way it came last. */
export interface HeldState {
  readonly isOnline: boolean;
  readonly outboxId: string | undefined;
  readonly bootId: string | undefined;
  readonly stateRevision: number;
  /** How far the outbox of the report is stored, before the report was taken; undefined when the hub never heard of it. */
  readonly lastSeq: number | undefined;
}

export interface CarriedState {
  readonly outboxId: string;
  readonly bootId: string;
  /** Undefined when the report holds no state. */
  readonly stateRevision: number | undefined;
  readonly nextSeq: number;
}

/**
 * Whether the report says how the device stands now. A live session knows better. Of one outbox, whoever knows more entries
 * is later; of as many, a later boot (ids sort by age) or a later revision of the same one. An outbox that the hub knows and
 * the device does not use any more belongs to an earlier installation.
 */
export function isNewestState(held: HeldState, arrived: CarriedState): boolean {
  if (held.isOnline) return false;
  if (held.outboxId === undefined) return true;
  if (held.outboxId !== arrived.outboxId) return held.lastSeq === undefined;
  const heard = held.lastSeq ?? 0;
  const tells = arrived.nextSeq - 1;
  if (held.bootId === arrived.bootId) return (arrived.stateRevision ?? 0) > held.stateRevision;
  if (tells !== heard) return tells > heard;
  return held.bootId === undefined || arrived.bootId > held.bootId;
}
