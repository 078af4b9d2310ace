// Decides what one uplink message means for an outbox: taken, refused, lost, repeated. Pure; never stores.
import type { Result } from '@drover/core/reasons';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Ack, Entry, Up } from '@drover/wire/messages';

export interface RefusedItem {
  readonly seq: number;
  readonly code: string;
  readonly detail: string;
  readonly body: Uint8Array;
}

export interface UpPlan {
  readonly fromSeq: number;
  /** Everything up to here is dealt with when this plan is committed. */
  readonly toSeq: number;
  readonly taken: readonly { readonly seq: number; readonly entry: Entry }[];
  readonly refused: readonly RefusedItem[];
  /** Entries that will never come. */
  readonly lost: number;
  /** Items that had been dealt with before. */
  readonly repeated: number;
  /** Something in between is still to come: the rest of the message was left alone. */
  readonly hasHole: boolean;
}

/** A message may not claim to have lost more than this: a counter that jumps further is a defect, not a full disk. */
const MAX_LOST = 2 ** 32;

/**
 * `lastSeq`: what is dealt with so far. Numbers are taken without a hole: one below `oldestSeq` is gone for good and counted
 * as lost; one that is only missing here comes again, because the device keeps what is not acknowledged.
 */
export function planUp(lastSeq: number, up: Up, read: (body: Uint8Array) => Result<Entry>): UpPlan | undefined {
  let at = lastSeq;
  let lost = 0;
  if (up.oldestSeq > at + 1) {
    lost = up.oldestSeq - 1 - at;
    at = up.oldestSeq - 1;
  }
  const taken: { seq: number; entry: Entry }[] = [];
  const refused: RefusedItem[] = [];
  let repeated = 0;
  let hasHole = false;
  const items = isAscending(up.items) ? up.items : up.items.toSorted((a, b) => a.seq - b.seq);
  for (const { seq, body } of items) {
    if (seq <= at) {
      repeated++;
      continue;
    }
    const entry = read(body);
    const gap = entry.ok && entry.value.body.kind === 'gap' ? entry.value.body : undefined;
    if (gap && gap.fromSeq <= at + 1 && gap.toSeq === seq) lost += seq - at;
    else if (seq !== at + 1) {
      hasHole = true;
      break;
    }
    at = seq;
    if (entry.ok) taken.push({ seq, entry: entry.value });
    else refused.push({ seq, code: entry.code, detail: entry.detail, body });
  }
  return lost > MAX_LOST ? undefined : { fromSeq: lastSeq, toSeq: at, taken, refused, lost, repeated, hasHole };
}

function isAscending(items: Up['items']): boolean {
  for (let i = 1; i < items.length; i++) if ((items[i - 1]?.seq ?? 0) >= (items[i]?.seq ?? 0)) return false;
  return true;
}

const DETAIL_CHARS = 160;
/** Bytes of one refusal beside its texts. */
const REFUSED_BYTES = 24;

/**
 * The acks that tell a device about `lastSeq` and what was refused, each within its size limit. An earlier one never
 * acknowledges past the refusals that it carries, so that each entry is put aside before it is forgotten.
 */
export function splitAck(outboxId: string, lastSeq: number, refused: readonly RefusedItem[], paceMs: number): Ack[] {
  const acks: Ack[] = [];
  let part: { seq: number; code: string; detail: string }[] = [];
  let bytes = 0;
  for (const { seq, code, detail } of refused) {
    const short = { seq, code, detail: detail.slice(0, DETAIL_CHARS) };
    const size = REFUSED_BYTES + code.length + Buffer.byteLength(short.detail);
    if (bytes + size > PAYLOAD_BYTES.ack - 1024) {
      acks.push({ outboxId, lastSeq: part.at(-1)?.seq ?? 0, refused: part, paceMs });
      part = [];
      bytes = 0;
    }
    part.push(short);
    bytes += size;
  }
  acks.push({ outboxId, lastSeq, refused: part, paceMs });
  return acks;
}
