import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Entry, EntryBody } from '@drover/wire/messages';
import { readEntry } from '@drover/wire/read';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Db, openDatabase } from './database.ts';
import { type Outbox, openOutbox } from './outbox.ts';

const ID = '0'.repeat(31) + '1';
let dir: string;
const databases: Db[] = [];

function open(folder: string): Db {
  const db = openDatabase(folder);
  if (!db.ok) throw new Error(db.detail);
  databases.push(db.value);
  return db.value;
}

const entryOf = (message: string): Entry => ({ subject: '', at: 5, body: { kind: 'log', level: 30, message } });
const bodies = (outbox: Outbox): { seq: number; body: EntryBody }[] =>
  outbox.take(0, 1e6, 1e9).map(({ seq, body }) => {
    const entry = readEntry(body);
    if (!entry.ok) throw new Error(entry.detail);
    return { seq, body: entry.value.body };
  });

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-outbox-'));
});
afterEach(() => {
  for (const db of databases.splice(0)) db.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('outbox', () => {
  it('keeps entries, numbers and its id over a restart', () => {
    const first = open(dir);
    const outbox = openOutbox(first, () => ID);
    for (const text of ['a', 'b', 'c']) outbox.append(entryOf(text));
    expect(outbox.acknowledge({ outboxId: ID, lastSeq: 1, refused: [] }, 3, 9)).toBe(true);
    first.close();
    databases.length = 0;
    const again = openOutbox(open(dir), () => 'f'.repeat(32));
    expect(again.counts()).toMatchObject({ outboxId: ID, oldestSeq: 2, nextSeq: 4, entries: 2, dropped: 0 });
    again.append(entryOf('d'));
    expect(bodies(again).map(({ seq }) => seq)).toEqual([2, 3, 4]);
  });

  it('keeps in memory what a full disk does not take, and writes it when it is asked again', () => {
    const db = open(dir);
    const outbox = openOutbox(db, () => ID);
    outbox.append(entryOf('a'));
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`);
    for (let i = 0; i < 40; i++) outbox.append(entryOf(`${i} ${'x'.repeat(900)}`));
    outbox.flush();
    expect(outbox.counts().entries).toBeLessThan(41);
    expect(outbox.counts().dropped).toBe(0);
    let told = 0;
    outbox.onAppend = () => {
      told += 1;
    };
    db.pragma('max_page_count = 100000');
    outbox.flush();
    outbox.flush();
    expect(told).toBe(1);
    expect(bodies(outbox).map(({ body }) => (body.kind === 'log' ? body.message.split(' ')[0] : ''))).toEqual([
      'a',
      ...Array.from({ length: 40 }, (_, i) => String(i)),
    ]);
  });

  it('does not believe an ack of another outbox or beyond what was sent', () => {
    const outbox = openOutbox(open(dir), () => ID);
    outbox.append(entryOf('a'));
    expect(outbox.acknowledge({ outboxId: 'e'.repeat(32), lastSeq: 1, refused: [] }, 1, 0)).toBe(false);
    expect(outbox.acknowledge({ outboxId: ID, lastSeq: 2, refused: [] }, 1, 0)).toBe(false);
    expect(outbox.counts().entries).toBe(1);
  });

  it('puts refused entries into a bounded quarantine, so that none wedges the rest', () => {
    const outbox = openOutbox(open(dir), () => ID, { entries: 100, bytes: 1e6, quarantined: 3 });
    for (let n = 0; n < 6; n++) outbox.append(entryOf(`e${n}`));
    const refused = [1, 2, 3, 4, 6].map((seq) => ({ seq, code: 'wire_unknown_kind', detail: 'new' }));
    expect(outbox.acknowledge({ outboxId: ID, lastSeq: 5, refused }, 6, 7)).toBe(true);
    // 6 was not acknowledged: what the hub says of it does not count yet.
    expect(outbox.quarantined().map(({ seq, at }) => [seq, at])).toEqual([[2, 7], [3, 7], [4, 7]]); // biome-ignore format: pairs
    expect(bodies(outbox).map(({ seq }) => seq)).toEqual([6]);
  });

  it('keeps an entry that is too large to travel aside instead of letting it wedge the queue', () => {
    const outbox = openOutbox(open(dir), () => ID);
    const stats = new Uint8Array(70_000);
    const window = {
      kind: 'window' as const,
      slot: 's',
      role: 'active' as const,
      manifest: 'a'.repeat(64),
      bootId: ID,
      number: 0,
      startAt: 0,
    };
    outbox.append({
      subject: '',
      at: 1,
      body: {
        ...window,
        revision: 0,
        endAt: 1,
        firstMono: 0,
        lastMono: 1,
        rows: 1,
        errors: 0,
        closedBy: 'count',
        stats,
      },
    });
    outbox.append(entryOf('after'));
    expect(bodies(outbox)).toMatchObject([{ seq: 1, body: { message: 'after' } }]);
    expect(outbox.quarantined()).toMatchObject([{ code: 'wire_too_large' }]);
  });

  it('takes batches by count and by bytes, but at least one entry', () => {
    const outbox = openOutbox(open(dir), () => ID);
    for (let n = 0; n < 10; n++) outbox.append(entryOf('x'.repeat(100)));
    expect(outbox.take(0, 3, 1e9).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(outbox.take(4, 100, 300).map(({ seq }) => seq)).toEqual([5, 6]);
    expect(outbox.take(0, 100, 1)).toHaveLength(1);
  });

  it('rolls an append back with the transaction it stands in', () => {
    const db = open(dir);
    const outbox = openOutbox(db, () => ID);
    const failing = db.transaction(() => {
      outbox.append(entryOf('never'));
      throw new Error('the decision was not journaled');
    });
    expect(failing).toThrow('not journaled');
    expect(outbox.counts()).toMatchObject({ entries: 0, bytes: 0, nextSeq: 1 });
  });

  it('loses only what the bounds demand, oldest first, each counted once', () => {
    const operation = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('append' as const), size: fc.integer({ min: 0, max: 400 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('ack' as const), size: fc.integer({ min: 0, max: 12 }) }) },
    );
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 80 }),
        fc.integer({ min: 3, max: 20 }),
        fc.integer({ min: 1000, max: 4000 }),
        (operations, entries, bytes) => {
          const folder = mkdtempSync(path.join(dir, 'p'));
          const outbox = openOutbox(open(folder), () => ID, { entries, bytes, quarantined: 4 });
          let appended = 0;
          let acked = 0;
          for (const { kind, size } of operations) {
            const before = outbox.counts();
            if (kind === 'append') outbox.append(entryOf(`${appended++}:${'x'.repeat(size)}`));
            else {
              const lastSeq = Math.min(before.nextSeq - 1, before.oldestSeq + size - 1);
              outbox.acknowledge({ outboxId: ID, lastSeq, refused: [] }, before.nextSeq - 1, 0);
              // A late word for what was dropped meanwhile changes nothing: the hub counts as lost only what it does not have.
              if (lastSeq >= before.oldestSeq) acked = Math.max(acked, lastSeq);
            }
            const counts = outbox.counts();
            const held = bodies(outbox);
            expect(counts.entries).toBe(held.length);
            expect(counts.entries).toBeLessThanOrEqual(entries);
            expect(counts.bytes).toBeLessThanOrEqual(bytes);
            expect(counts.nextSeq).toBe(appended + 1);
            // No hole between the oldest that is held and the newest.
            expect(held.map(({ seq }) => seq)).toEqual(held.map((_, i) => counts.nextSeq - held.length + i));
            const [first, ...rest] = held;
            expect(rest.every(({ body }) => body.kind === 'log')).toBe(true);
            for (const { seq, body } of held)
              if (body.kind === 'log') expect(body.message.startsWith(`${seq - 1}:`)).toBe(true);
            if (first?.body.kind === 'gap') {
              expect(first.body).toMatchObject({ toSeq: first.seq, entries: first.seq - first.body.fromSeq + 1 });
              expect(first.body.fromSeq).toBeGreaterThan(acked);
            }
            // Everything that was added is held, acknowledged or counted as dropped; an acknowledged marker was counted before.
            const logs = held.filter(({ body }) => body.kind === 'log').length;
            expect(counts.dropped + logs).toBeLessThanOrEqual(appended);
            expect(counts.dropped + logs + acked).toBeGreaterThanOrEqual(appended);
          }
          databases.pop()?.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});
