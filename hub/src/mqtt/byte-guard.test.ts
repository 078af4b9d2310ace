import fc from 'fast-check';
import mqtt, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PacketGuard, UNAUTHENTICATED_BYTES } from './byte-guard.ts';

const connect = mqtt.generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId: 'd1',
  keepalive: 60,
});

const packet = fc.oneof<fc.Arbitrary<Packet>[]>(
  fc.constant<Packet>({ cmd: 'pingreq' }),
  fc.constant<Packet>({ cmd: 'disconnect' }),
  fc.record({ cmd: fc.constant('puback' as const), messageId: fc.integer({ min: 1, max: 65535 }) }),
  fc.record({
    cmd: fc.constant('publish' as const),
    topic: fc.constant('drover/1/u/p00/d/up'),
    payload: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
    qos: fc.constant(0 as const),
    dup: fc.constant(false),
    retain: fc.constant(false),
  }),
  fc.constant<Packet>({ cmd: 'subscribe', messageId: 7, subscriptions: [{ topic: 'a/#', qos: 1 }] }),
);

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((p) => p % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : sorted[i - 1], end));
}

function checkAll(guard: PacketGuard, pieces: readonly Uint8Array[]) {
  for (const piece of pieces) {
    const refusal = guard.check(piece);
    if (refusal) return refusal;
  }
  return undefined;
}

describe('the byte guard', () => {
  it('passes real packets however they are cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (packets, places) => {
        const guard = new PacketGuard();
        expect(guard.check(connect)).toBeUndefined();
        guard.authenticate();
        const bytes = Buffer.concat(packets.map((p) => mqtt.generate(p)));
        expect(checkAll(guard, cut(bytes, places))).toBeUndefined();
      }),
    );
  });

  it('finds a packet that is too large wherever it stands and however it is cut, before its body came', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 4 }),
        fc.integer({ min: 512 * 1024 + 1, max: 268_435_455 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (packets, size, places) => {
          const guard = new PacketGuard();
          guard.check(connect);
          guard.authenticate();
          const length: number[] = [];
          for (let rest = size; rest > 0; rest >>>= 7) length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
          const bytes = Buffer.concat([...packets.map((p) => mqtt.generate(p)), Buffer.from([0x30, ...length])]);
          expect(checkAll(guard, cut(bytes, places))).toMatchObject({ code: 'mqtt_packet_too_large' });
        },
      ),
    );
  });

  it('answers the same for the same bytes however they are cut, and never throws', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.boolean(),
        (bytes, places, isKnown) => {
          const [whole, parts] = [new PacketGuard(), new PacketGuard()];
          for (const guard of [whole, parts]) {
            if (!isKnown) continue;
            guard.check(connect);
            guard.authenticate();
          }
          expect(checkAll(parts, cut(bytes, places))?.code).toBe(whole.check(bytes)?.code);
        },
      ),
    );
  });

  it('bounds all bytes before authentication', () => {
    const guard = new PacketGuard();
    guard.check(connect);
    const ping = mqtt.generate({ cmd: 'pingreq' });
    const flood = Buffer.concat(Array.from({ length: UNAUTHENTICATED_BYTES }, () => ping));
    expect(checkAll(guard, cut(flood, [10, 1000, 5000]))).toMatchObject({ code: 'mqtt_packet_too_large' });
  });

  it.each([
    ['a CONNECT of 150 MB', [0x10, 0x80, 0xb4, 0xc4, 0x47], 'mqtt_packet_too_large'],
    ['anything before CONNECT', [0x30, 0x02], 'mqtt_packet_invalid'],
    ['a packet of a server', [0x20, 0x02, 0, 0], 'mqtt_packet_invalid'],
    ['HTTP', [...Buffer.from('GET / HTTP/1.1\r\n')], 'mqtt_packet_invalid'],
    ['TLS on the plain port', [0x16, 0x03, 0x01], 'mqtt_packet_invalid'],
    ['CONNECT twice', [...connect, ...connect], 'mqtt_packet_invalid'],
    ['a length without end', [0x10, 0x80, 0x80, 0x80, 0x80, 0x01], 'mqtt_packet_invalid'],
  ])('refuses %s', (_, bytes, code) => {
    const guard = new PacketGuard();
    const refusal = guard.check(Uint8Array.from(bytes));
    expect(refusal).toMatchObject({ code });
    expect(guard.check(connect)).toBe(refusal);
  });
});
