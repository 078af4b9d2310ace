// A real MQTT 3.1.1 broker on loopback for tests. Never the product's: the hub has its own, with a byte guard.
import net from 'node:net';
import { Aedes, type Client } from 'aedes';

export interface TestBroker {
  readonly url: string;
  readonly port: number;
  /** Every publish of a client, in order. */
  onPublish: (topic: string, payload: Buffer, client: string) => void;
  onClient: (id: string, isConnected: boolean) => void;
  /** Decides whether a client may connect; all may unless told. */
  authenticate: (id: string, username: string, password: string) => boolean;
  publish(topic: string, payload: Uint8Array, qos?: 0 | 1): Promise<void>;
  /** Cuts the connection of a client without a goodbye. */
  kick(id: string): void;
  close(): Promise<void>;
}

/** @param port 0 for any free one. */
export async function startBroker(port = 0): Promise<TestBroker> {
  const aedes = await Aedes.createBroker({ concurrency: 0 });
  const clients = new Map<string, Client>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const taken = (server.address() as net.AddressInfo).port;
  const broker: TestBroker = {
    url: `mqtt://127.0.0.1:${taken}`,
    port: taken,
    onPublish: () => undefined,
    onClient: () => undefined,
    authenticate: () => true,
    publish: (topic, payload, qos = 0) =>
      new Promise((resolve, reject) => {
        const packet = {
          cmd: 'publish' as const,
          topic,
          payload: Buffer.from(payload),
          qos,
          retain: false,
          dup: false,
        };
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
    kick: (id) => clients.get(id)?.conn.destroy(),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => aedes.close(() => resolve()));
      }),
  };
  aedes.authenticate = (client, username, password, done) =>
    done(null, broker.authenticate(client.id, username ?? '', Buffer.from(password ?? '').toString('utf8')));
  aedes.on('client', (client) => {
    clients.set(client.id, client);
    broker.onClient(client.id, true);
  });
  aedes.on('clientDisconnect', (client) => {
    if (clients.get(client.id) === client) clients.delete(client.id);
    broker.onClient(client.id, false);
  });
  aedes.on('publish', (packet, client) => {
    if (client) broker.onPublish(packet.topic, Buffer.from(packet.payload), client.id);
  });
  return broker;
}
