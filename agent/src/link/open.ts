// Opens an MQTT connection with no more of mqtt.js than its URL needs: plain MQTT over TCP goes without its WebSocket, TLS
// and SOCKS code, which is most of it. Never decides when to connect.
import net from 'node:net';
import type { IClientOptions, MqttClient } from 'mqtt';
import type { HubTls } from '../enrol/door.ts';

type Client = typeof MqttClient;
export type OpenMqtt = (url: string, options: IClientOptions) => MqttClient;

const DEFAULT_PORT = 1883;
const DEFAULT_TLS_PORT = 8883;
/** mqtt.js goes through this proxy on its own when the variable is set. */
const PROXY_VARIABLE = 'MQTTJS_SOCKS_PROXY';

/** What opens URLs of this one's kind. `secured`: a hub that is known by its own CA, over TLS with this device's certificate. */
export async function loadOpener(url: string, secured?: () => HubTls): Promise<OpenMqtt> {
  const isPlain = url.startsWith('mqtt://');
  if ((!isPlain && secured === undefined) || process.env[PROXY_VARIABLE] !== undefined)
    return (await import('mqtt')).connect;
  // CommonJS with a default of its own: Node wraps it once more, other loaders do not.
  const { default: loaded }: { default: Client | { default: Client } } = await import('mqtt/lib/client');
  const Connection = 'default' in loaded ? loaded.default : loaded;
  const address = (target: string, fallback: number) => {
    const { hostname, port } = new URL(target);
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || fallback };
  };
  if (isPlain || secured === undefined) {
    return (target, options) => {
      const to = address(target, DEFAULT_PORT);
      return new Connection(() => net.createConnection(to), { ...options, ...to, protocol: 'mqtt' });
    };
  }
  const { connect } = await import('node:tls');
  const { hubTlsOptions } = await import('../enrol/door.ts');
  return (target, options) => {
    const to = address(target, DEFAULT_TLS_PORT);
    // A name is said in the handshake, an address must not be (RFC 6066 §3).
    const servername = net.isIP(to.host) === 0 ? { servername: to.host } : {};
    return new Connection(
      (client) => {
        const socket = connect({ ...to, ...servername, ...hubTlsOptions(secured()) });
        // mqtt.js passes on errors of the network only: a hub that is not the one joined would be silence.
        socket.on('error', (error: NodeJS.ErrnoException) => {
          if (error.code?.startsWith('ERR_') || !error.syscall) client.emit('error', error);
        });
        return socket;
      },
      { ...options, ...to, protocol: 'mqtts' },
    );
  };
}
