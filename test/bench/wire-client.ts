// Speaks MQTT 3.1.1 over one socket, as little of it as a load generator needs: connect, subscribe, publish, receive. It
// knows no message of Drover.
import net from 'node:net';
import mqttPacket from 'mqtt-packet';

export interface WireClient {
  publish(topic: string, payload: Uint8Array, qos?: 0 | 1): void;
  /** More to listen to; a refusal is silence. */
  subscribe(topic: string): void;
  end(): void;
}

export interface WireOptions {
  readonly port: number;
  readonly device: string;
  readonly secret: string;
  /** Filters to subscribe to before `openClient` resolves. */
  readonly filters: readonly string[];
  /** Bytes are only valid during the call. */
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
}

/** Resolves when the broker admitted the client and granted its subscriptions. */
export function openClient({ port, device, secret, filters, onMessage }: WireOptions): Promise<WireClient> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    const send = (packet: mqttPacket.Packet): void => void socket.write(mqttPacket.generate(packet));
    let messageId = 1;
    const client: WireClient = {
      publish(topic, payload, qos = 0) {
        messageId = (messageId % 65_535) + 1;
        const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
        mqttPacket.writeToStream(
          { cmd: 'publish', topic, payload: bytes, qos, retain: false, dup: false, messageId },
          socket,
        );
      },
      subscribe(topic) {
        messageId = (messageId % 65_535) + 1;
        send({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos: 0 }] });
      },
      end: () => socket.destroy(),
    };
    parser.on('packet', (packet) => {
      if (packet.cmd === 'publish') {
        onMessage(packet.topic, packet.payload as Buffer);
        if (packet.qos === 1) send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
      } else if (packet.cmd === 'connack') {
        if (packet.returnCode !== 0) reject(new Error(`${device}: CONNACK ${packet.returnCode}`));
        else send({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 1 })) });
      } else if (packet.cmd === 'suback') {
        if (packet.granted.some((grant) => grant === 128)) reject(new Error(`${device}: a subscription was refused`));
        else resolve(client);
      }
    });
    parser.on('error', reject);
    socket.on('data', (data) => void parser.parse(data));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${device}: the broker closed the connection`)));
    socket.on('connect', () =>
      send({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId: device,
        username: device,
        password: Buffer.from(secret),
        clean: true,
        keepalive: 120,
      }),
    );
  });
}
