import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BROADCAST_LIMITS, type Listener, paceBroadcast } from './broadcast.ts';

const CHUNK = 256 * 1024;
const WINDOW = 8 * CHUNK;

/** Devices that take so many bytes a ms each, all that is sent going to all; stops when the fast ones have it all. */
function drive(rates: readonly number[], bytes: number) {
  const flying = rates.map(() => 0);
  const behind = new Map<string, number>();
  const gone = new Set<number>();
  let worst = 0;
  let sent = 0;
  let now = 0;
  for (; now < 600_000; now += 10) {
    for (const [i, rate] of rates.entries()) flying[i] = Math.max(0, (flying[i] ?? 0) - rate * 10);
    const listeners: Listener[] = rates.flatMap((_, i) =>
      gone.has(i)
        ? []
        : [{ id: `${i}`, flyingBytes: flying[i] ?? 0, windowBytes: WINDOW, behindSince: behind.get(`${i}`) }],
    );
    const pace = paceBroadcast(listeners, now);
    behind.clear();
    for (const [id, since] of pace.behind) behind.set(id, since);
    for (const id of pace.evict) gone.add(Number(id));
    for (let room = pace.room; room >= CHUNK && sent < bytes; room -= CHUNK) {
      sent += CHUNK;
      for (const i of rates.keys()) if (!gone.has(i)) flying[i] = (flying[i] ?? 0) + CHUNK;
    }
    worst = Math.max(worst, ...flying.filter((_, i) => !gone.has(i)));
    if (sent >= bytes && rates.every((_, i) => gone.has(i) || flying[i] === 0)) break;
  }
  return { ms: now, gone: [...gone], worst };
}

describe('a broadcast', () => {
  it('goes at the pace of the many, and the slow and the frozen go on alone', () => {
    const fast = Array.from({ length: 9 }, () => 20_000);
    for (const slow of [0, 20, 650]) {
      const { ms, gone, worst } = drive([...fast, slow], 400 * CHUNK);
      expect(gone).toEqual([9]);
      // Its own 5.2 s, and what one look every 10 ms costs.
      expect(ms).toBeLessThan(8000);
      expect(worst).toBeLessThanOrEqual(3 * WINDOW);
    }
    expect(drive(fast, 400 * CHUNK).gone).toEqual([]);
  });

  it('never gives room beyond the window of the median, evicts nobody at the pace of the median or before its time', () => {
    const listener = fc.record({
      flyingBytes: fc.nat(64 * CHUNK),
      windowBytes: fc.integer({ min: 64 * 1024, max: 16 * CHUNK }),
      behindSince: fc.option(fc.nat(10_000), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(listener, { maxLength: 20 }), fc.integer({ min: 10_000, max: 20_000 }), (list, now) => {
        const listeners = list.map((one, i) => ({ ...one, id: `${i}` }));
        const { room, evict, behind } = paceBroadcast(listeners, now);
        const flying = listeners.map(({ flyingBytes }) => flyingBytes).toSorted((a, b) => a - b);
        const windows = listeners.map(({ windowBytes }) => windowBytes).toSorted((a, b) => a - b);
        const middle = (listeners.length - 1) >> 1;
        expect(room).toBeLessThanOrEqual(Math.max(0, (windows[middle] ?? 0) - (flying[middle] ?? 0)));
        for (const { id, flyingBytes, behindSince } of listeners) {
          const isBehind = flyingBytes - (flying[middle] ?? 0) > (windows[middle] ?? 0) / 2;
          expect(behind.has(id) || evict.includes(id)).toBe(isBehind);
          expect(evict.includes(id)).toBe(
            isBehind && behindSince !== undefined && now - behindSince >= BROADCAST_LIMITS.patienceMs,
          );
        }
      }),
    );
  });
});
