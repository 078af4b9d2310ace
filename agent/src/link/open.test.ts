import net from 'node:net';
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { loadOpener } from './open.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A port and the first bytes that somebody sends to it. */
async function listen(host: string): Promise<{ port: number; first: Promise<Buffer> }> {
  const server = net.createServer();
  ends.push(() => server.close());
  const first = new Promise<Buffer>((resolve) => {
    server.on('connection', (socket) => {
      ends.push(() => socket.destroy());
      socket.on('error', () => socket.destroy()).once('data', resolve);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { port: (server.address() as net.AddressInfo).port, first };
}

async function open(url: string): Promise<MqttClient> {
  const client = (await loadOpener(url))(url, { clientId: 'press-1', reconnectPeriod: 0 });
  client.on('error', () => undefined);
  ends.push(() => client.end(true));
  return client;
}

describe('loadOpener', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', 'localhost'],
    ['::1', '[::1]'],
  ])('speaks plain MQTT to %s', async (host, inUrl) => {
    const { port, first } = await listen(host);
    await open(`mqtt://${inUrl}:${port}`);
    const bytes = await first;
    // CONNECT (type 1), and the client id that the options named.
    expect([(bytes[0] ?? 0) >> 4, bytes.includes('press-1')]).toEqual([1, true]);
  });

  it('speaks TLS where the URL says so', async () => {
    const { port, first } = await listen('127.0.0.1');
    await open(`mqtts://127.0.0.1:${port}`);
    // A handshake record (22), not an MQTT packet.
    expect((await first)[0]).toBe(22);
  });
});
