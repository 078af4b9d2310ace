// Opens an MQTT connection with no more of mqtt.js than its URL needs: plain MQTT over TCP goes without its WebSocket, TLS
// and SOCKS code, which is most of it. Never decides when to connect.
import net from 'node:net';
import type { IClientOptions, MqttClient } from 'mqtt';

type Client = typeof MqttClient;
export type OpenMqtt = (url: string, options: IClientOptions) => MqttClient;

const DEFAULT_PORT = 1883;
/** mqtt.js goes through this proxy on its own when the variable is set. */
const PROXY_VARIABLE = 'MQTTJS_SOCKS_PROXY';

/** What opens URLs of this one's kind. */
export async function loadOpener(url: string): Promise<OpenMqtt> {
  if (!url.startsWith('mqtt://') || process.env[PROXY_VARIABLE] !== undefined) return (await import('mqtt')).connect;
  // CommonJS with a default of its own: Node wraps it once more, other loaders do not.
  const { default: loaded }: { default: Client | { default: Client } } = await import('mqtt/lib/client');
  const Connection = 'default' in loaded ? loaded.default : loaded;
  return (target, options) => {
    const { hostname, port } = new URL(target);
    const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || DEFAULT_PORT };
    return new Connection(() => net.createConnection(to), { ...options, ...to, protocol: 'mqtt' });
  };
}
