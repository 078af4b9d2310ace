// Owns what waits for the hub: a durable, bounded, strictly ordered queue. Never sends; never drops what fits, until the
// hub says that it is committed there.
import { isId } from '@drover/core/ids';
import { encodeEntry } from '@drover/wire/encode';
import { ENTRY_BYTES } from '@drover/wire/limits';
import type { Ack, Entry } from '@drover/wire/messages';
import { type Db, isDiskTrouble } from './database.ts';

export interface OutboxLimits {
  readonly entries: number;
  readonly bytes: number;
  /** Refused entries that are kept for a person to look at. */
  readonly quarantined: number;
}

export const OUTBOX_LIMITS: OutboxLimits = { entries: 100_000, bytes: 64 * 1024 * 1024, quarantined: 256 };

/** What SQLite and the row cost beside the body. */
const ROW_BYTES = 32;
/** Entries that wait in memory while the disk takes none. */
const WAITING = 256;

export interface OutboxCounts {
  readonly outboxId: string;
  readonly oldestSeq: number;
  readonly nextSeq: number;
  readonly entries: number;
  readonly bytes: number;
  /** Entries that were lost because the outbox was full or the disk was. */
  readonly dropped: number;
}

export interface OutboxItem {
  readonly seq: number;
  readonly body: Uint8Array;
}

export interface Outbox {
  /**
   * Adds one entry in one transaction. When it does not fit, the oldest go and one gap marker stands in the place of the
   * last of them, so that sequence numbers have no hole. A disk that is full keeps the entry waiting in memory.
   */
  append(entry: Entry): void;
  /** Writes what waits in memory, if the disk takes it by now: nothing else may come that would carry it along. */
  flush(): void;
  /** The next entries after `seq`, oldest first, at most `most` and `bytes` together (always at least one). */
  take(after: number, most: number, bytes: number): OutboxItem[];
  /**
   * Forgets what the hub committed; entries that it refused go to quarantine. `sentSeq` is the highest number that may
   * have been sent: an ack of another outbox or beyond it is not believed. Returns whether it was.
   */
  acknowledge(ack: Pick<Ack, 'outboxId' | 'lastSeq' | 'refused'>, sentSeq: number, now: number): boolean;
  counts(): OutboxCounts;
  quarantined(): { seq: number; at: number; code: string; detail: string; body: Uint8Array }[];
  /** Called after each append. */
  onAppend: () => void;
}

interface StateRow {
  outbox_id: string;
  next_seq: number;
  entries: number;
  bytes: number;
  dropped: number;
}
interface Row {
  seq: number;
  gap_from: number | null;
  gap_bytes: number | null;
  body: Buffer;
}

/** @param newId makes the id of a new outbox: 32 lower-case hex characters. */
export function openOutbox(db: Db, newId: () => string, limits: OutboxLimits = OUTBOX_LIMITS): Outbox {
  const readState = db.prepare<[], StateRow>('SELECT outbox_id, next_seq, entries, bytes, dropped FROM outbox_state');
  const writeState = db.prepare('UPDATE outbox_state SET next_seq = ?, entries = ?, bytes = ?, dropped = ?');
  const insert = db.prepare('INSERT INTO outbox VALUES (?, ?, ?, ?)');
  const oldest = db.prepare<[], Row>('SELECT seq, gap_from, gap_bytes, body FROM outbox ORDER BY seq LIMIT 1');
  const remove = db.prepare('DELETE FROM outbox WHERE seq = ?');
  const after = db.prepare<[number, number], Row>(
    'SELECT seq, gap_from, gap_bytes, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?',
  );
  const upTo = db.prepare<[number], { n: number; size: number | null }>(
    `SELECT count(*) AS n, sum(length(body) + ${ROW_BYTES}) AS size FROM outbox WHERE seq <= ?`,
  );
  const removeUpTo = db.prepare('DELETE FROM outbox WHERE seq <= ?');
  const bodyOf = db.prepare<[number], { body: Buffer }>('SELECT body FROM outbox WHERE seq = ?');
  const putAside = db.prepare('INSERT INTO outbox_quarantine (seq, at, code, detail, body) VALUES (?, ?, ?, ?, ?)');
  const trimAside = db.prepare('DELETE FROM outbox_quarantine WHERE id <= (SELECT max(id) FROM outbox_quarantine) - ?');
  const listAside = db.prepare<[], { seq: number; at: number; code: string; detail: string; body: Buffer }>(
    'SELECT seq, at, code, detail, body FROM outbox_quarantine ORDER BY id',
  );

  if (!readState.get()) {
    const id = newId();
    if (!isId(id)) throw new Error('the outbox id is not an id');
    db.prepare('INSERT INTO outbox_state VALUES (1, ?, 1, 0, 0, 0)').run(id);
  }
  const state = (): StateRow => {
    const row = readState.get();
    if (!row) throw new Error('the outbox has lost its state');
    return row;
  };
  const save = (s: StateRow): void => void writeState.run(s.next_seq, s.entries, s.bytes, s.dropped);
  const sizeOf = (body: Uint8Array): number => body.length + ROW_BYTES;

  /** Makes room by putting one gap marker in the place of the oldest entries. An older marker is taken into the new one. */
  function makeRoom(s: StateRow, needed: number, at: number): void {
    let gap: { from: number; to: number; bytes: number } | undefined;
    const markerBytes = ROW_BYTES + 48;
    const isFull = (): boolean =>
      s.entries + 1 + (gap ? 1 : 0) > limits.entries || s.bytes + needed + (gap ? markerBytes : 0) > limits.bytes;
    while (isFull()) {
      const row = oldest.get();
      if (!row) break;
      remove.run(row.seq);
      s.entries -= 1;
      s.bytes -= sizeOf(row.body);
      const isMarker = row.gap_from !== null;
      if (!isMarker) s.dropped += 1;
      gap = {
        from: gap?.from ?? row.gap_from ?? row.seq,
        to: row.seq,
        bytes: (gap?.bytes ?? 0) + (isMarker ? (row.gap_bytes ?? 0) : row.body.length),
      };
    }
    if (!gap) return;
    const entries = gap.to - gap.from + 1;
    const body = encodeEntry({
      subject: '',
      at,
      body: { kind: 'gap', fromSeq: gap.from, toSeq: gap.to, entries, bytes: gap.bytes },
    });
    insert.run(gap.to, gap.from, gap.bytes, body);
    s.entries += 1;
    s.bytes += sizeOf(body);
  }

  const setAside = (seq: number, at: number, code: string, detail: string, body: Uint8Array): void => {
    putAside.run(seq, at, code.slice(0, 64), detail.slice(0, 1024), body);
    trimAside.run(limits.quarantined);
  };

  const add = db.transaction((body: Uint8Array, at: number) => {
    if (body.length > ENTRY_BYTES) {
      setAside(
        0,
        at,
        'wire_too_large',
        `The entry has ${body.length} bytes; at most ${ENTRY_BYTES} travel.`,
        body.subarray(0, ENTRY_BYTES),
      );
      return;
    }
    const s = state();
    makeRoom(s, sizeOf(body), at);
    insert.run(s.next_seq, null, null, body);
    s.next_seq += 1;
    s.entries += 1;
    s.bytes += sizeOf(body);
    save(s);
  });

  const settle = db.transaction((ack: Pick<Ack, 'lastSeq' | 'refused'>, now: number) => {
    for (const { seq, code, detail } of ack.refused) {
      const row = bodyOf.get(seq);
      if (row && seq <= ack.lastSeq) setAside(seq, now, code, detail, row.body);
    }
    const gone = upTo.get(ack.lastSeq);
    if (!gone?.n) return;
    removeUpTo.run(ack.lastSeq);
    const s = state();
    save({ ...s, entries: s.entries - gone.n, bytes: s.bytes - (gone.size ?? 0) });
  });

  const waiting: { body: Uint8Array; at: number }[] = [];
  let lost = 0;

  function write(): void {
    try {
      for (let first = waiting[0]; first; first = waiting[0]) {
        add(first.body, first.at);
        waiting.shift();
      }
    } catch (error) {
      if (!isDiskTrouble(error)) throw error;
      while (waiting.length > WAITING) {
        waiting.shift();
        lost += 1;
      }
    }
  }

  const outbox: Outbox = {
    onAppend: () => undefined,
    append(entry) {
      waiting.push({ body: encodeEntry(entry), at: entry.at });
      // Inside a transaction of the caller an error must reach the caller: what it decided is rolled back with it.
      if (db.inTransaction) {
        const own = waiting.pop();
        if (own) add(own.body, own.at);
        outbox.onAppend();
        return;
      }
      write();
      outbox.onAppend();
    },
    flush() {
      if (waiting.length === 0) return;
      write();
      outbox.onAppend();
    },
    take(seq, most, bytes) {
      const items: OutboxItem[] = [];
      let total = 0;
      for (const { seq: at, body } of after.iterate(seq, most)) {
        total += body.length + 16;
        if (items.length > 0 && total > bytes) break;
        items.push({ seq: at, body });
      }
      return items;
    },
    acknowledge(ack, sentSeq, now) {
      if (ack.outboxId !== state().outbox_id || ack.lastSeq > sentSeq) return false;
      settle(ack, now);
      return true;
    },
    counts() {
      const s = state();
      const first = oldest.get();
      return {
        outboxId: s.outbox_id,
        oldestSeq: first?.seq ?? s.next_seq,
        nextSeq: s.next_seq,
        entries: s.entries,
        bytes: s.bytes,
        dropped: s.dropped + lost,
      };
    },
    quarantined: () => listAside.all(),
  };
  return outbox;
}
