// Measures what one window costs on the wire: bytes against the rows it stands for, and encoding and reading it. Never
// sends anything.
import { encodeEntry, encodeMessage } from '@drover/wire/encode';
import type { Up } from '@drover/wire/messages';
import { readEntry, readMessage } from '@drover/wire/read';
import { atLeast, atMost, type BenchReport } from './report.ts';
import { makeWindowBytes, makeWindowEntry, RAW_BYTES, SAMPLE_ID } from './sample-window.ts';

const CALLS = 400;
const ROUNDS = 21;

/** Median microseconds of one call, after two rounds to warm up. */
function measure(run: () => void): number {
  const times: number[] = [];
  for (let round = -2; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) run();
    if (round >= 0) times.push(((performance.now() - start) * 1000) / CALLS);
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}

export async function bench(): Promise<BenchReport> {
  const stats = makeWindowBytes();
  const entry = makeWindowEntry(stats, 41, 1_780_000_000_000);
  const stamp = { sentAt: entry.at, sentMono: 900_123 };
  const upOf = (count: number): Up => ({
    outboxId: SAMPLE_ID,
    bootId: SAMPLE_ID,
    oldestSeq: 17,
    items: Array.from({ length: count }, (_, i) => ({ seq: 17 + i, body: encodeEntry(entry) })),
  });
  const one = upOf(1);
  const message = encodeMessage('up', one, stamp);
  const arrived = readMessage('up', message);
  const again = arrived.ok ? readEntry(arrived.value.message.items[0]?.body ?? new Uint8Array(0)) : arrived;
  if (!again.ok) throw new Error(again.detail);

  const asJson = (): string => {
    const body = { ...entry.body, stats: Buffer.from(stats).toString('base64') };
    return JSON.stringify({ ...one, ...stamp, items: [{ seq: 17, body: { ...entry, body } }] });
  };
  const json = asJson();
  const encode = measure(() => {
    encodeMessage('up', { ...one, items: [{ seq: 17, body: encodeEntry(entry) }] }, stamp);
  });
  const read = measure(() => {
    const up = readMessage('up', message);
    if (up.ok) for (const { body } of up.value.message.items) readEntry(body);
  });
  const encodeJson = measure(() => void asJson());
  const readJson = measure(() => void JSON.parse(json));

  return {
    title: 'Wire: one `up` message with one window (20 features, 10,000 predictions, two classes)',
    rows: [
      { name: 'message', value: message.length, unit: 'B', budget: atMost(4096) },
      {
        name: 'around the statistics (envelope, ids, times)',
        value: message.length - stats.length,
        unit: 'B',
      },
      {
        name: 'saved against the rows as float32',
        value: 100 * (1 - message.length / RAW_BYTES),
        unit: '%',
        note: `${RAW_BYTES} B of rows`,
        budget: atLeast(99),
      },
      {
        name: 'encode entry and message',
        value: encode,
        unit: 'µs',
        reference: { name: 'JSON.stringify', value: encodeJson },
      },
      {
        name: 'read and check message and entry',
        value: read,
        unit: 'µs',
        reference: { name: 'JSON.parse, nothing checked', value: readJson },
      },
    ],
  };
}
