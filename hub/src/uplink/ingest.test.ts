import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeEntry, encodeMessage } from '@drover/wire/encode';
import type { Ack } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertDevice } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import { type Statement, type Store, StoreUnavailable } from '../db/store.ts';
import { countUplink, listLogs, listQuarantine, readOutbox } from '../db/uplink.ts';
import { ARRIVAL_LIMITS, type ArrivalLimits, makeArrivals } from './arrivals.ts';
import { type Ingest, makeIngest } from './ingest.ts';
import { freshSession } from './uplink-session.ts';

let folder: string;
let real: Store;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drover-ingest-'));
  const opened = openStore(path.join(folder, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  real = opened.value;
  await real.commit(['d1', 'd2'].map((id) => insertDevice({ id, labels: {}, secretHash: 'x', joinedAt: 1 })));
});
afterEach(async () => {
  await real.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(store: Store, limits?: ArrivalLimits) {
  const acks: { device: string; ack: Ack }[] = [];
  const failures: unknown[] = [];
  const ingest: Ingest = makeIngest({
    store, now: () => 1000, ...(limits && { limits }),
    acknowledge: (session, ack) => acks.push({ device: session.device, ack }),
    helloStored: () => undefined, reported: () => undefined, refused: () => undefined,
    failed: (error) => failures.push(error),
    waitMs: () => new Promise((resolve) => setImmediate(resolve)),
  }); // biome-ignore format: one row
  const acked = (device: string, outboxId: string) =>
    Math.max(0, ...acks.filter((a) => a.device === device && a.ack.outboxId === outboxId).map((a) => a.ack.lastSeq));
  return { ingest, acks, failures, acked };
}

const outbox = (n: number) => `${n}`.repeat(32);
const stamp = { sentAt: 1, sentMono: 1 };
/** Each entry is a log line that says its outbox and number. */
const line = (outboxId: string, seq: number) =>
  encodeEntry({ subject: '', at: 1, body: { kind: 'log', level: 30, message: `${outboxId[0]}:${seq}` } });
const up = (outboxId: string, oldestSeq: number, seqs: readonly number[], body = line) =>
  encodeMessage(
    'up',
    { outboxId, bootId: outbox(9), oldestSeq, items: seqs.map((seq) => ({ seq, body: body(outboxId, seq) })) },
    stamp,
  );

const messages = async (device: string) =>
  (await listLogs(real, device, 10_000)).map((row) => row.message).toReversed();

describe('ingest', () => {
  it('loses nothing and doubles nothing, whatever is sent twice, late, out of order or with holes', async () => {
    const one = fc.record({
      device: fc.constantFrom('d1', 'd2'),
      outboxId: fc.constantFrom(outbox(1), outbox(2)),
      from: fc.nat(8),
      count: fc.nat(6),
      drop: fc.nat(3),
      flush: fc.boolean(),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 25 }), async (sends) => {
        const base = ++round;
        const ids = (device: string) => `${device}-r${base}`;
        await real.commit(
          ['d1', 'd2'].map((d) => insertDevice({ id: ids(d), labels: {}, secretHash: 'x', joinedAt: 1 })),
        );
        const { ingest, acked } = start(real);
        const sessions = new Map(['d1', 'd2'].map((d) => [d, freshSession(ids(d))]));
        const oldest = new Map<string, number>();
        for (const { device, outboxId, from, count, drop, flush } of sends) {
          const session = sessions.get(device);
          if (!session) throw new Error('no session');
          const key = `${device}${outboxId}`;
          // The device forgets what was acknowledged and now and then drops one that was not.
          const held = Math.max(oldest.get(key) ?? 1, acked(session.device, outboxId) + 1) + (drop === 3 ? 1 : 0);
          oldest.set(key, held);
          const seqs = Array.from({ length: count }, (_, i) => held + from - 3 + i).filter((seq) => seq >= 1);
          ingest.receive(session, 'up', up(outboxId, held, seqs), () => undefined);
          if (flush) await ingest.settle();
        }
        await ingest.close();
        for (const device of ['d1', 'd2'].map(ids)) {
          const lines = await messages(device);
          expect(lines.length).toBe(new Set(lines).size);
          for (const outboxId of [outbox(1), outbox(2)]) {
            const row = await readOutbox(real, device, outboxId);
            const stored = lines.filter((l) => l.startsWith(outboxId[0] ?? ''));
            expect(row?.lastSeq ?? 0).toBe(acked(device, outboxId));
            expect(row?.entries ?? 0).toBe(stored.length);
            expect((row?.entries ?? 0) + (row?.lost ?? 0)).toBe(row?.lastSeq ?? 0);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('acknowledges only what the database has taken, and goes on when its disk has room again', async () => {
    let isFull = true;
    const store: Store = {
      ...bind(real),
      commit: (statements) =>
        isFull ? Promise.reject(new StoreUnavailable('SQLITE_FULL: disk is full')) : real.commit(statements),
    };
    const { ingest, acks, failures, acked } = start(store);
    ingest.receive(freshSession('d1'), 'up', up(outbox(1), 1, [1, 2]), () => undefined);
    await untilTrue(() => failures.length > 3);
    expect(acks).toEqual([]);
    expect(ingest.isHealthy()).toBe(false);
    isFull = false;
    await ingest.settle();
    expect(acked('d1', outbox(1))).toBe(2);
    expect(ingest.isHealthy()).toBe(true);
    expect(await messages('d1')).toEqual(['1:1', '1:2']);
  });

  it('puts the one entry that cannot be stored aside, and stores its neighbours', async () => {
    // A defect: the database chokes on one value that passed every check.
    const chokes = (s: Statement) => s.query.parameters.includes('1:3');
    const store: Store = {
      ...bind(real),
      commit: (statements) =>
        statements.some(chokes) ? Promise.reject(new TypeError('cannot bind')) : real.commit(statements),
    };
    const { ingest, acked, failures } = start(store);
    ingest.receive(freshSession('d2'), 'up', up(outbox(2), 1, [1]), () => undefined);
    ingest.receive(freshSession('d1'), 'up', up(outbox(1), 1, [1, 2, 3, 4]), () => undefined);
    await ingest.settle();
    expect(failures.length).toBeGreaterThan(0);
    expect([acked('d1', outbox(1)), acked('d2', outbox(2))]).toEqual([4, 1]);
    expect(await messages('d1')).toEqual(['1:1', '1:2', '1:4']);
    expect(await listQuarantine(real, 'd1', 9)).toMatchObject([{ seq: 3, code: 'entry_unstorable' }]);
  });

  it('survives a device that is removed while it speaks, and one whose counters lie', async () => {
    const { ingest, acked } = start(real);
    ingest.receive(freshSession('ghost'), 'up', up(outbox(1), 1, [1]), () => undefined);
    ingest.receive(freshSession('d1'), 'up', up(outbox(1), Number.MAX_SAFE_INTEGER, []), () => undefined);
    ingest.receive(freshSession('d2'), 'up', up(outbox(2), 1, [1]), () => undefined);
    await ingest.settle();
    expect([acked('ghost', outbox(1)), acked('d2', outbox(2))]).toEqual([0, 1]);
    expect(await countUplink(real)).toMatchObject({ entries: 1, lost: 0 });
  });
});

const bind = (store: Store): Store => ({
  rows: (query) => store.rows(query),
  first: (query) => store.first(query),
  commit: (statements) => store.commit(statements),
  backup: (file) => store.backup(file),
  close: () => store.close(),
});

async function untilTrue(probe: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!probe()) {
    if (performance.now() > end) throw new Error('waited too long');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the queue in front of the database', () => {
  const limits: ArrivalLimits = { ...ARRIVAL_LIMITS, queueMessages: 10, batchMessages: 4, waitMs: 1 };
  const session = freshSession('d1');

  it('keeps the order, bounds a batch, holds who comes when it is full and lets all go on', async () => {
    const batches: number[][] = [];
    let release: (() => void) | undefined;
    const arrivals = makeArrivals(limits, async (batch) => {
      batches.push(batch.map((a) => a.receivedAt));
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    let gone = 0;
    for (let i = 0; i < 15; i++) {
      arrivals.add({ session, kind: 'up', payload: Buffer.alloc(10), receivedAt: i }, () => {
        gone++;
      });
    }
    await untilTrue(() => batches.length === 1);
    expect(gone).toBeLessThan(15);
    const settled = arrivals.settle().then(() => 'settled');
    for (let done = false; !done; ) {
      release?.();
      done = (await Promise.race([settled, new Promise((resolve) => setImmediate(resolve, ''))])) === 'settled';
    }
    expect(batches.flat()).toEqual([...Array(15).keys()]);
    expect(Math.max(...batches.map((b) => b.length))).toBeLessThanOrEqual(4);
    expect(gone).toBe(15);
    expect(arrivals.fill()).toBe(0);
  });
});
