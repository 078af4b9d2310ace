import { accept, refuse } from '@drover/core/reasons';
import { encodeMessage } from '@drover/wire/encode';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Entry, Up } from '@drover/wire/messages';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planUp, splitAck } from './plan-up.ts';

const up = (oldestSeq: number, ...seqs: number[]): Up => ({
  outboxId: 'o',
  bootId: 'b',
  oldestSeq,
  items: seqs.map((seq) => ({ seq, body: Uint8Array.of(seq) })),
});
/** Entries are logs that say their own number; a body of 0 is no entry, one of [from, to] a gap marker. */
const read = (body: Uint8Array) => {
  const [a = 0, b] = body;
  const entry = (value: Entry['body']) => accept<Entry>({ subject: '', at: 1, body: value });
  if (b !== undefined) return entry({ kind: 'gap', fromSeq: a, toSeq: b, entries: 1, bytes: 1 });
  return a === 0 ? refuse('wire_malformed', 'bad') : entry({ kind: 'log', level: 30, message: `${a}` });
};

describe('an uplink message', () => {
  it.each([
    ['goes on where the last one ended', 3, up(1, 4, 5), { toSeq: 5, n: 2, lost: 0, repeated: 0, hasHole: false }],
    ['may repeat', 3, up(1, 2, 3, 4), { toSeq: 4, n: 1, lost: 0, repeated: 2, hasHole: false }],
    ['may be out of order', 3, up(1, 6, 4, 5), { toSeq: 6, n: 3, lost: 0, repeated: 0, hasHole: false }],
    ['waits for what is only missing', 3, up(4, 5, 6), { toSeq: 3, n: 0, lost: 0, repeated: 0, hasHole: true }],
    ['takes what comes before a hole', 3, up(4, 4, 6), { toSeq: 4, n: 1, lost: 0, repeated: 0, hasHole: true }],
    ['passes what is gone for good', 3, up(7, 7, 8), { toSeq: 8, n: 2, lost: 3, repeated: 0, hasHole: false }],
    ['without items passes what is gone, too', 3, up(7), { toSeq: 6, n: 0, lost: 3, repeated: 0, hasHole: false }],
  ])('%s', (_, lastSeq, message, { n, ...expected }) => {
    const plan = planUp(lastSeq, message, read);
    expect(plan).toMatchObject({ fromSeq: lastSeq, ...expected });
    expect(plan?.taken).toHaveLength(n);
  });

  it('passes a hole that a gap marker covers, and counts it', () => {
    const message = {
      ...up(1),
      items: [
        { seq: 9, body: Uint8Array.of(2, 9) },
        { seq: 10, body: Uint8Array.of(10) },
      ],
    };
    expect(planUp(3, message, read)).toMatchObject({ toSeq: 10, lost: 6, hasHole: false });
    const short = { ...up(1), items: [{ seq: 9, body: Uint8Array.of(6, 9) }] };
    expect(planUp(3, short, read)).toMatchObject({ toSeq: 3, lost: 0, hasHole: true });
  });

  it('may not claim that more was lost than a device can count', () => {
    expect(planUp(0, up(Number.MAX_SAFE_INTEGER), read)).toBeUndefined();
  });

  it('taken from a device that drops, repeats, reorders and cuts gives each entry once, in order, and counts the rest', () => {
    const step = fc.record({ from: fc.nat(40), count: fc.nat(12), shuffle: fc.nat(), drop: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), (steps, total) => {
        let lastSeq = 0;
        let oldest = 1;
        let lost = 0;
        const stored: number[] = [];
        for (const { from, count, shuffle, drop } of steps) {
          // The outbox was full: the oldest go, whether the hub has them or not.
          oldest = Math.min(total + 1, Math.max(oldest, lastSeq - 3) + (drop > 4 ? drop - 4 : 0));
          const seqs = Array.from({ length: count }, (_, i) => oldest + from + i).filter((seq) => seq <= total);
          const order = seqs.toSorted((a, b) => ((a * 7 + shuffle) % 5) - ((b * 7 + shuffle) % 5));
          const plan = planUp(lastSeq, up(oldest, ...order), read);
          if (!plan) throw new Error('refused');
          expect(plan.toSeq).toBeGreaterThanOrEqual(lastSeq);
          lastSeq = plan.toSeq;
          lost += plan.lost;
          stored.push(...plan.taken.map(({ seq }) => seq));
        }
        expect(stored).toEqual([...new Set(stored)].toSorted((a, b) => a - b));
        expect(stored.length + lost).toBe(lastSeq);
      }),
    );
  });
});

describe('the acks for it', () => {
  it('fit their limit, tell every refusal once and never acknowledge past those still to be told', () => {
    const refusals = fc.array(fc.record({ detail: fc.string({ maxLength: 1024, unit: 'binary' }) }), {
      maxLength: 1024,
    });
    fc.assert(
      fc.property(refusals, (list) => {
        const refused = list.map(({ detail }, i) => ({
          seq: i + 1,
          code: 'wire_field_invalid',
          detail,
          body: new Uint8Array(0),
        }));
        const acks = splitAck('0'.repeat(32), 5000, refused, 0);
        const told = acks.flatMap((ack) => ack.refused.map((r) => r.seq));
        expect(told).toEqual(refused.map((r) => r.seq));
        for (const [i, ack] of acks.entries()) {
          expect(encodeMessage('ack', ack, { sentAt: Date.now(), sentMono: 1e9 }).length).toBeLessThanOrEqual(
            PAYLOAD_BYTES.ack,
          );
          expect(ack.lastSeq).toBe(i === acks.length - 1 ? 5000 : ack.refused.at(-1)?.seq);
        }
      }),
      { numRuns: 30 },
    );
  });
});
