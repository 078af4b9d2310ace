import { createConnection } from 'node:net';
import { chunkTopic, downTopic, HUB_TOPIC, sharedChunkFilter, upTopic } from '@drover/wire/topics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listAudit } from '../../hub/src/db/audit.ts';
import { readDevice } from '../../hub/src/db/devices.ts';
import { countWindows, listLogs, listQuarantine, readOutbox } from '../../hub/src/db/uplink.ts';
import { until } from '../../packages/testkit/src/until.ts';
import { connectDevice, connectRaw, makeWindow, newId, type Side, startSide } from './mqtt-bench.ts';

let side: Side;

beforeEach(async () => {
  side = await startSide();
  await side.join('d1');
  await side.join('d2');
});
afterEach(() => side.close());

const refusals = (code: string) => side.mqtt.counts().refusals.get(code) ?? 0;

describe('who may come in', () => {
  it('cuts a CONNECT of 150 MB before it is buffered', async () => {
    const before = process.memoryUsage.rss();
    const socket = createConnection({ host: '127.0.0.1', port: side.mqtt.port });
    let sent = 0;
    let isCut = false;
    socket.on('close', () => {
      isCut = true;
    });
    socket.on('error', () => undefined);
    const piece = Buffer.alloc(1 << 20);
    const push = (): void => {
      while (sent < 150e6 && !socket.destroyed) {
        sent += piece.length;
        if (!socket.write(piece)) break;
      }
    };
    socket.on('drain', push);
    // Fixed header of a CONNECT whose remaining length is 150,000,000.
    socket.write(Buffer.from([0x10, 0x80, 0xa3, 0xc3, 0x47]));
    push();
    await until('the connection is cut', () => isCut);
    expect(refusals('mqtt_packet_too_large')).toBe(1);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64e6);
  });

  it.each([
    ['a wrong secret', { password: 'guess' }, 'device_secret_wrong'],
    ['an unknown device', { clientId: 'ghost', username: 'ghost' }, 'device_unknown'],
    ["another device's name", { username: 'd2' }, 'device_unknown'],
    ['a persistent session', { clean: false }, 'session_unsupported'],
    ['no keep-alive', { keepalive: 0 }, 'session_unsupported'],
    [
      "another device's will",
      { will: { topic: upTopic('d2', 'gone'), payload: Buffer.from('x') } },
      'device_not_allowed',
    ],
    [
      'a retained will',
      { will: { topic: upTopic('d1', 'gone'), payload: Buffer.from('x'), retain: true } },
      'device_not_allowed',
    ],
  ])('refuses %s', async (_, options, code) => {
    const client = connectRaw(side.mqtt.port, 'd1', options as object);
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    await until('the connection is refused', () => errors.length > 0 || client.disconnected);
    if (code !== 'session_unsupported' || refusals(code) > 0)
      await until('the refusal is counted', () => refusals(code) === 1);
    expect(client.connected).toBe(false);
    await client.endAsync(true);
  });

  it('speaks MQTT 3.1.1 only', async () => {
    const client = connectRaw(side.mqtt.port, 'd1', { protocolVersion: 5 });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    await until('the connection is refused', () => errors.length > 0);
    await client.endAsync(true);
  });

  it.each([
    ["another device's topic", upTopic('d2', 'hello'), 0, false],
    ['what only the hub says', downTopic('d1', 'desired'), 0, false],
    ['a topic of its own making', 'weather/berlin', 1, false],
    ['anything retained', upTopic('d1', 'state'), 0, true],
    ['anything with QoS 2', upTopic('d1', 'state'), 2, false],
  ] as const)('ends the connection of a device that publishes %s', async (_, topic, qos, retain) => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    d1.client.publish(topic, 'x', { qos, retain });
    await until('the connection ends', () => !d1.client.connected);
    expect(refusals('device_not_allowed')).toBe(1);
    await d1.end();
  });

  it('grants a device its own topics and the heartbeat, and nothing else', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const [own] = await d1.client.subscribeAsync(HUB_TOPIC);
    expect(own?.qos).toBe(0);
    for (const filter of [
      '#',
      'drover/1/d/d2/#',
      'drover/1/d/+/ack',
      '$share/hub/drover/1/d/d1/#',
      '$SYS/#',
      sharedChunkFilter('a'.repeat(64)),
    ]) {
      await expect(d1.client.subscribeAsync(filter), filter).rejects.toThrow(/subscribe|failure|code/i);
    }
    expect(d1.client.connected).toBe(true);
    await d1.end();
  });

  it('keeps the live one of two connections with one id, and says so in the audit log', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const second = connectRaw(side.mqtt.port, 'd1');
    const errors: Error[] = [];
    second.on('error', (error) => errors.push(error));
    await until('the second is refused', () => errors.length > 0);
    expect(d1.client.connected).toBe(true);
    expect(refusals('device_already_connected')).toBe(1);
    await until('it is in the audit log', async () =>
      (await listAudit(side.store, { limit: 10 })).some((row) => row.action === 'device.duplicate'),
    );
    d1.up(1, [makeWindow(1)]);
    await until('the first is still heard', () => d1.acked() === 1);
    await second.endAsync(true);
    await d1.end();
  });

  it('lets a device back in whose old connection is half dead', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    // The old socket stays open and never says anything again.
    d1.client.stream.pause();
    d1.client.removeAllListeners('message');
    const again = await connectDevice(side.mqtt.port, 'd1');
    expect(again.client.connected).toBe(true);
    expect((await readDevice(side.store, 'd1'))?.sessionId).toBe(again.hello.sessionId);
    await d1.end();
    await again.end();
  });
});

describe('presence', () => {
  it('follows hello, will and disconnect', async () => {
    expect((await readDevice(side.store, 'd1'))?.presence).toBe('never');
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    expect(await readDevice(side.store, 'd1')).toMatchObject({
      presence: 'online',
      sessionId: d1.hello.sessionId,
      agentVersion: '0.1.0',
    });
    d1.client.stream.destroy();
    await until('it is offline', async () => (await readDevice(side.store, 'd1'))?.presence === 'offline');
    await d1.end();
  });

  it('is not ended by the will of an older session', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    d1.send('gone', { sessionId: newId(), bootId: d1.hello.bootId });
    d1.up(1, [makeWindow(1)]);
    await until('what came after is stored', () => d1.acked() === 1);
    expect((await readDevice(side.store, 'd1'))?.presence).toBe('online');
    await d1.end();
  });
});

describe('ingest', () => {
  it('stores a thousand entries and refuses the bad one among them, with its number', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const bodies = Array.from({ length: 1000 }, (_, i) => (i === 500 ? Buffer.from('not an entry') : makeWindow(i)));
    d1.up(1, bodies);
    await until('all are acknowledged', () => d1.acked() === 1000);
    expect(d1.all('ack').flatMap((a) => a.refused)).toMatchObject([{ seq: 501, code: 'wire_malformed' }]);
    expect(await countWindows(side.store)).toEqual({ windows: 999, rows: 9990 });
    expect(await listQuarantine(side.store, 'd1', 10)).toMatchObject([{ seq: 501, body: Buffer.from('not an entry') }]);
    expect(await readOutbox(side.store, 'd1', d1.hello.outboxId)).toMatchObject({
      lastSeq: 1000,
      entries: 999,
      refused: 1,
      lost: 0,
    });
    await d1.end();
  });

  it('stores nothing twice, passes what is gone for good and waits for what is only missing', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    d1.up(1, [makeWindow(1), makeWindow(2)]);
    d1.up(1, [makeWindow(1), makeWindow(2), makeWindow(3)]);
    await until('three are acknowledged', () => d1.acked() === 3);
    // 4 is missing here and still held: 5 must wait.
    d1.up(5, [makeWindow(5)], 4);
    // 4 to 9 are gone for good.
    d1.up(10, [makeWindow(10)], 10);
    await until('the gap is passed', () => d1.acked() === 10);
    expect(await readOutbox(side.store, 'd1', d1.hello.outboxId)).toMatchObject({ lastSeq: 10, entries: 4, lost: 6 });
    expect((await countWindows(side.store)).windows).toBe(4);
    await d1.end();
  });

  it('keeps the first of two windows that claim the same revision, and says so', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    d1.up(1, [makeWindow(1), makeWindow(1), makeWindow(1, { rows: 99 })]);
    await until('it is logged', async () => (await listLogs(side.store, 'd1', 10)).length > 0);
    expect(await listLogs(side.store, 'd1', 10)).toMatchObject([{ code: 'window_conflict', level: 50 }]);
    expect(await countWindows(side.store)).toEqual({ windows: 1, rows: 10 });
    d1.up(4, [makeWindow(1, { revision: 2, rows: 11 })]);
    await until('all are acknowledged', () => d1.acked() === 4);
    expect(await countWindows(side.store)).toEqual({ windows: 1, rows: 11 });
    await d1.end();
  });

  it('goes on after messages that are not messages', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    for (const kind of ['hello', 'state', 'up', 'gone', 'req', 'meta'] as const)
      d1.client.publish(upTopic('d1', kind), Buffer.from([1, 2, 3, 255]));
    d1.up(1, [makeWindow(1)]);
    await until('what came after is stored', () => d1.acked() === 1);
    expect(refusals('wire_malformed')).toBe(6);
    await d1.end();
  });

  it('tells a device that comes back what it need not send again', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    d1.up(1, [makeWindow(1), makeWindow(2)]);
    await until('both are acknowledged', () => d1.acked() === 2);
    await d1.end();
    const again = await connectDevice(side.mqtt.port, 'd1', { outboxId: d1.hello.outboxId });
    expect(again.acked()).toBe(2);
    await again.end();
  });

  it('does not let a device speak for another', async () => {
    const { encodeEntry } = await import('@drover/wire/encode');
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    d1.up(1, [encodeEntry({ subject: 'd2', at: 1, body: makeWindow(1) })]);
    await until('it is acknowledged', () => d1.acked() === 1);
    expect(d1.all('ack').flatMap((a) => a.refused)).toMatchObject([{ seq: 1, code: 'subject_not_allowed' }]);
    await d1.end();
  });
});

describe('release metadata', () => {
  it('comes by name, whole or with the reason why not', async () => {
    side.metadata.set('timestamp.json', Buffer.from('{"signed":1}'));
    side.metadata.set('1.snapshot.json', Buffer.alloc(300 * 1024, 7));
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const ask = async (name: string, mostBytes: number) => {
      const request = d1.metadata().length + 1;
      d1.askMetadata({ name, request, mostBytes });
      return until(`${name} came`, () => d1.metadata().find((m) => m.request === request));
    };
    const whole = await ask('timestamp.json', 16_384);
    expect(Buffer.from(whole.content).toString()).toBe('{"signed":1}');
    expect((await ask('1.snapshot.json', 512 * 1024)).content.length).toBe(300 * 1024);
    expect(await ask('1.snapshot.json', 1000)).toMatchObject({ refusal: { code: 'metadata_too_large' } });
    expect(await ask('2.root.json', 1000)).toMatchObject({ refusal: { code: 'metadata_not_found' } });
    await d1.end();
  });

  it('is not given faster than a device can need it, and the others notice nothing', async () => {
    side.metadata.set('timestamp.json', Buffer.from('{}'));
    const [d1, d2] = [await connectDevice(side.mqtt.port, 'd1'), await connectDevice(side.mqtt.port, 'd2')];
    for (let request = 1; request <= 500; request++)
      d1.askMetadata({ name: 'timestamp.json', request, mostBytes: 100 });
    d1.up(1, [makeWindow(1)]);
    await until('what came after is stored', () => d1.acked() === 1);
    expect(refusals('metadata_rate')).toBeGreaterThan(300);
    expect(d1.metadata().length).toBeLessThan(100);
    d2.askMetadata({ name: 'timestamp.json', request: 1, mostBytes: 100 });
    await until('the answer for the other', () => d2.metadata().length === 1);
    await Promise.all([d1.end(), d2.end()]);
  });
});

describe('commands', () => {
  it('are kept until they are answered, and sent again on hello', async () => {
    const sent = await side.mqtt.sendCmd('d1', { kind: 'requestState' }, 60_000);
    if (!sent.ok) throw new Error(sent.detail);
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    await until('the command came', () => d1.all('cmd').some((c) => c.id === sent.value));
    await d1.end();
    const again = await connectDevice(side.mqtt.port, 'd1', { outboxId: d1.hello.outboxId });
    await until('it came again', () => again.all('cmd').some((c) => c.id === sent.value));
    again.up(1, [{ kind: 'cmdResult', cmdId: sent.value, ok: true }]);
    await until('the answer is stored', () => again.acked() === 1);
    await again.end();
    const third = await connectDevice(side.mqtt.port, 'd1', { outboxId: d1.hello.outboxId });
    third.up(2, [makeWindow(1)]);
    await until('all that was sent came', () => third.acked() === 2);
    expect(third.all('cmd')).toEqual([]);
    await third.end();
    expect(await side.mqtt.sendCmd('nobody', { kind: 'requestState' }, 1000)).toMatchObject({ code: 'device_unknown' });
  });

  it('say no to a device that asks for bytes that are not meant for it', async () => {
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const digest = 'e'.repeat(64);
    d1.send('req', { digest, first: 0, count: 4, request: 1 });
    await until('the refusal came', () =>
      d1.all('cmd').some((c) => c.body.kind === 'chunkRefused' && c.body.code === 'artifact_not_entitled'),
    );
    expect(d1.received.some(({ topic }) => topic === chunkTopic('d1', digest, 0))).toBe(false);
    await d1.end();
  });
});
