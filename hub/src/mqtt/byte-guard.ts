// Decides from the fixed headers alone whether a connection may go on, before the broker sees or buffers a byte: the
// broker itself has no packet limit. Never looks into a packet's body.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Refusal, refuse } from '@drover/core/reasons';
import type { DeviceIdentity } from '@drover/trust/pki/peer';
import { CONNECT_BYTES, PUBLISH_BYTES } from '@drover/wire/limits';

/** MQTT 3.1.1 §2.2.1, the packets that a client sends to a server, and how long their body may be. */
const LIMITS: readonly (number | undefined)[] = [
  undefined, // 0 reserved
  CONNECT_BYTES, // 1 CONNECT
  undefined, // 2 CONNACK: server only
  PUBLISH_BYTES, // 3 PUBLISH
  2, // 4 PUBACK
  2, // 5 PUBREC
  2, // 6 PUBREL
  2, // 7 PUBCOMP
  4096, // 8 SUBSCRIBE
  undefined, // 9 SUBACK: server only
  4096, // 10 UNSUBSCRIBE
  undefined, // 11 UNSUBACK: server only
  0, // 12 PINGREQ
  undefined, // 13 PINGRESP: server only
  0, // 14 DISCONNECT
  undefined, // 15 reserved
];

const CONNECT = 1;
const PUBLISH = 3;
/** MQTT 3.1.1 §2.2.2: the low four bits that each packet type must have; PUBLISH uses them. */
const FLAGS: Readonly<Record<number, number>> = { 6: 2, 8: 2, 10: 2 };
/** Bytes of any kind before the hub knows who is there. */
export const UNAUTHENTICATED_BYTES = 2 * CONNECT_BYTES;

/** Reads the stream of packets of one connection, however it is cut into pieces. */
export class PacketGuard {
  #isAuthenticated = false;
  #hasConnect = false;
  #total = 0;
  /** Packet type of the header being read; -1 between packets. */
  #type = -1;
  #length = 0;
  #lengthBytes = 0;
  /** Body bytes of the current packet still to come. */
  #body = 0;
  #refusal: Refusal | undefined;

  /** From now on the limits of a known device hold. */
  authenticate(): void {
    this.#isAuthenticated = true;
  }

  /** Undefined while all is well; the first refusal stays. No byte of a refused piece may be passed on. */
  check(piece: Uint8Array): Refusal | undefined {
    if (this.#refusal) return this.#refusal;
    if (!this.#isAuthenticated) {
      this.#total += piece.length;
      if (this.#total > UNAUTHENTICATED_BYTES) {
        return this.#refuse(
          'mqtt_packet_too_large',
          `More than ${UNAUTHENTICATED_BYTES} bytes came before authentication.`,
        );
      }
    }
    let at = 0;
    while (at < piece.length) {
      if (this.#body > 0) {
        const taken = Math.min(this.#body, piece.length - at);
        this.#body -= taken;
        at += taken;
        continue;
      }
      const byte = piece[at] ?? 0;
      at++;
      if (this.#type < 0) this.#startPacket(byte);
      else this.#readLength(byte);
      if (this.#refusal) return this.#refusal;
    }
    return undefined;
  }

  #startPacket(byte: number): void {
    this.#type = byte >> 4;
    this.#length = 0;
    this.#lengthBytes = 0;
    if (LIMITS[this.#type] === undefined)
      this.#refuse('mqtt_packet_invalid', `A client never sends packet type ${this.#type}.`);
    else if (this.#type !== PUBLISH && (byte & 0x0f) !== (FLAGS[this.#type] ?? 0)) {
      this.#refuse('mqtt_packet_invalid', `Packet type ${this.#type} has flags ${byte & 0x0f}.`);
    } else if ((this.#type === CONNECT) === this.#hasConnect) {
      this.#refuse(
        'mqtt_packet_invalid',
        this.#hasConnect ? 'CONNECT came twice.' : `Packet type ${this.#type} came before CONNECT.`,
      );
    }
    this.#hasConnect = true;
  }

  /** MQTT 3.1.1 §2.2.3: seven bits a byte, least significant first, at most four bytes. */
  #readLength(byte: number): void {
    this.#length += (byte & 0x7f) * 2 ** (7 * this.#lengthBytes);
    this.#lengthBytes++;
    const most = LIMITS[this.#type] ?? 0;
    if (this.#length > most) {
      this.#refuse(
        'mqtt_packet_too_large',
        `Packet type ${this.#type} announces ${this.#length} bytes or more; at most ${most} are allowed.`,
      );
    } else if ((byte & 0x80) === 0) {
      this.#body = this.#length;
      this.#type = -1;
    } else if (this.#lengthBytes === 4) this.#refuse('mqtt_packet_invalid', 'A length has more than four bytes.');
  }

  #refuse(code: 'mqtt_packet_too_large' | 'mqtt_packet_invalid', detail: string): Refusal {
    this.#refusal = refuse(code, detail);
    return this.#refusal;
  }
}

/**
 * The socket as the broker sees it: bytes pass only after the guard looked at them. `onRefused` is told once; the socket
 * is destroyed then, without an answer.
 */
export class GuardedConnection extends Duplex {
  readonly remoteAddress: string;
  /** What the certificate of the other side says, where there is one. */
  readonly identity: DeviceIdentity | undefined;
  readonly #socket: Socket;
  readonly #guard = new PacketGuard();
  readonly #clock: () => number;
  /** When the last bytes came, ms since epoch. */
  lastByteAt: number;
  bytesIn = 0;

  constructor(
    socket: Socket,
    clock: () => number,
    onRefused: (refusal: Refusal, from: string) => void,
    identity?: DeviceIdentity,
  ) {
    super({ autoDestroy: true, emitClose: true, allowHalfOpen: false });
    this.identity = identity;
    this.#socket = socket;
    this.#clock = clock;
    this.lastByteAt = clock();
    this.remoteAddress = socket.remoteAddress ?? '';
    socket.on('data', (piece: Buffer) => {
      this.lastByteAt = this.#clock();
      this.bytesIn += piece.length;
      const refusal = this.#guard.check(piece);
      if (refusal) {
        onRefused(refusal, this.remoteAddress);
        this.destroy();
      } else if (!this.push(piece)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  authenticate(): void {
    this.#guard.authenticate();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(piece: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) done(new Error('the connection is closed'));
    else this.#socket.write(piece, done);
  }

  override _writev(
    pieces: { chunk: Uint8Array; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    if (this.#socket.destroyed) {
      done(new Error('the connection is closed'));
      return;
    }
    this.#socket.cork();
    const last = pieces.length - 1;
    pieces.forEach(({ chunk }, i) => {
      if (i === last) this.#socket.write(chunk, done);
      else this.#socket.write(chunk);
    });
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
