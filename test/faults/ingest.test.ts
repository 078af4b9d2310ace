// What a device sends is stored exactly once, whatever happens to the hub meanwhile: it is killed with -9 at random moments
// while entries flow, and what it acknowledged is in its database each time. One bad entry never spoils its neighbours.

import { WindowSketch } from '@drover/sketch/window-sketch';
import { type HubProgram, remove, samePorts, scratch, startHub } from '@drover/testkit/fleet';
import { countHubRows, readHubRows } from '@drover/testkit/hub-tables';
import { killAll } from '@drover/testkit/program';
import { joinDevice, makeRawDevice, type RawDevice, settle } from '@drover/testkit/raw-device';
import { until } from '@drover/testkit/until';
import type { DeviceDetail } from '@drover/wire/http/devices';
import type { Entry } from '@drover/wire/messages';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MANIFEST = 'ab'.repeat(32);
const KILLS = 8;
const ENTRIES = 8_000;
const ROWS_PER_WINDOW = 3;

let dir: string;
let hub: HubProgram;

beforeEach(async () => {
  dir = scratch('ingest');
  hub = await startHub(dir);
});

afterEach(async () => {
  await killAll();
  remove(dir);
});

const logEntry = (seq: number): Entry => ({
  subject: '',
  at: Date.now(),
  body: { kind: 'log', level: 30, message: `entry ${seq}` },
});

function windowEntry(seq: number, bootId: string): Entry {
  const sketch = new WindowSketch();
  for (let row = 0; row < ROWS_PER_WINDOW; row++) sketch.addRow(new Float32Array(0), 0);
  const startAt = Date.now();
  return {
    subject: '',
    at: startAt,
    body: {
      kind: 'window', slot: 'default', role: 'active', manifest: MANIFEST, bootId, number: seq, revision: 1, startAt,
      endAt: startAt + 1000, firstMono: 1, lastMono: 2, rows: ROWS_PER_WINDOW, errors: 0, closedBy: 'boundary', stats: sketch.encode(),
    }, // biome-ignore format: numbers
  };
}

/** Every third entry is a window, the others are logs that name their number. */
const isWindow = (seq: number): boolean => seq % 3 === 0;
const appendNext = (device: RawDevice): number =>
  device.append(
    isWindow(device.lastSeq + 1) ? windowEntry(device.lastSeq + 1, device.bootId) : logEntry(device.lastSeq + 1),
  );

/** Numbers whose entries are in the database, ascending, a repeated one as often as it is stored. */
function storedSeqs({ credentials: { device } }: RawDevice): number[] {
  const logs = readHubRows<{ message: string }>(dir, 'SELECT message FROM logs WHERE device = ?', device);
  const windows = readHubRows<{ number: number }>(dir, 'SELECT number FROM windows WHERE device = ?', device);
  const seqs = [...logs.map(({ message }) => Number(message.replace('entry ', ''))), ...windows.map((w) => w.number)];
  return seqs.toSorted((a, b) => a - b);
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

/** Numbers in [0, 1) from a seed, so that a run can be repeated as far as processes can. (Marsaglia, xorshift32.) */
function makeRandom(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

describe('a hub that is killed with -9 while entries flow', () => {
  it(`${KILLS} times has stored what it acknowledged, and each entry once in the end`, async () => {
    const random = makeRandom(20_260_101);
    const device = makeRawDevice(await joinDevice(hub, 'press-1'), (self) => {
      // Keeps a backlog, so that every kill meets entries on their way.
      for (let i = 0; i < 128 && self.lastSeq < ENTRIES; i++) appendNext(self);
    });
    for (let i = 0; i < 512; i++) appendNext(device);

    let unacked = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      await device.connect(hub);
      const target = Math.min(ENTRIES - 1, device.ackedSeq + 1 + Math.floor(random() * (ENTRIES / KILLS)));
      await until(`${target} acknowledged entries`, () => device.ackedSeq >= target);
      await hub.kill();
      await until('the device to notice', () => !device.isConnected);
      device.disconnect();
      const acked = device.ackedSeq;
      unacked += device.lastSeq - acked;
      // More may be stored than was acknowledged (the ack died on its way), never less, and nothing twice or with a hole.
      const stored = storedSeqs(device);
      expect(stored.length, `stored after kill ${kill}`).toBeGreaterThanOrEqual(acked);
      expect(stored).toEqual(upTo(stored.length));
      hub = await startHub(dir, samePorts(hub));
    }
    expect(unacked, 'entries that were on their way when the hub died').toBeGreaterThan(0);

    await device.connect(hub);
    await until('everything to be appended', () => {
      if (device.lastSeq < ENTRIES && device.ackedSeq === device.lastSeq) appendNext(device);
      return device.lastSeq === ENTRIES;
    });
    await settle(device);
    const { uplink } = await hub.get<DeviceDetail>('/api/v1/devices/press-1');
    expect(uplink).toEqual({ outboxId: device.outboxId, lastSeq: ENTRIES, lostEntries: 0, quarantined: 0 });
    device.disconnect();
    expect(await hub.stop()).toBe(0);
    expect(storedSeqs(device)).toEqual(upTo(ENTRIES));
    expect(readHubRows(dir, 'SELECT lastSeq, entries, lost, refused FROM outboxes')).toEqual([
      { lastSeq: ENTRIES, entries: ENTRIES, lost: 0, refused: 0 },
    ]);
    expect(readHubRows(dir, 'SELECT sum(rows) AS rows FROM windows')).toEqual([
      { rows: upTo(ENTRIES).filter(isWindow).length * ROWS_PER_WINDOW },
    ]);
  });
});

describe('one bad entry among a thousand good ones', () => {
  it.each([
    ['bytes that are no entry', () => Buffer.from('ffffffffff', 'hex'), 'wire_malformed'],
    ['an entry of a kind that this hub does not know', () => Buffer.from('18019a0600', 'hex'), 'wire_unknown_kind'],
  ])('(%s) is refused by code and put aside; the others are stored', async (_, bad, code) => {
    const device = makeRawDevice(await joinDevice(hub, 'press-1'));
    for (let seq = 1; seq <= 1000; seq++) device.append(seq === 500 ? bad() : logEntry(seq));
    await device.connect(hub);
    await settle(device);
    expect([...device.refused]).toEqual([[500, code]]);
    expect(storedSeqs(device)).toEqual(upTo(1000).filter((seq) => seq !== 500));
    expect(readHubRows(dir, 'SELECT device, outboxId, seq, code, body FROM quarantine')).toEqual([
      { device: 'press-1', outboxId: device.outboxId, seq: 500, code, body: bad() },
    ]);
    expect(readHubRows(dir, 'SELECT lastSeq, entries, lost, refused FROM outboxes')).toEqual([
      { lastSeq: 1000, entries: 999, lost: 0, refused: 1 },
    ]);
    // The same again, as after a lost ack: nothing is stored or put aside twice.
    device.send('up', {
      outboxId: device.outboxId,
      bootId: device.bootId,
      oldestSeq: 499,
      items: [{ seq: 500, body: bad() }],
    });
    device.append(logEntry(1001));
    await settle(device);
    expect(countHubRows(dir, 'quarantine')).toBe(1);
    expect(countHubRows(dir, 'logs')).toBe(1000);
  });

  it('a device that dropped entries says so: they are counted as lost and passed over', async () => {
    const device = makeRawDevice(await joinDevice(hub, 'press-1'));
    await device.connect(hub);
    for (let seq = 1; seq <= 10; seq++) device.append(logEntry(seq));
    await settle(device);
    device.append({
      subject: '',
      at: Date.now(),
      body: { kind: 'gap', fromSeq: 11, toSeq: 11, entries: 1, bytes: 40 },
    });
    device.append(logEntry(12));
    await settle(device);
    const { uplink } = await hub.get<DeviceDetail>('/api/v1/devices/press-1');
    expect(uplink).toMatchObject({ lastSeq: 12, lostEntries: 1, quarantined: 0 });
  });
});
