// Listens to a topic of a broker nearby (the sensors' own, not the hub's). Never publishes and never reads a payload.
import mqtt from 'mqtt';

export interface SensorTopicDeps {
  readonly url: string;
  readonly topic: string;
  readonly onPayload: (payload: Buffer) => void;
  readonly onTrouble: (message: string) => void;
  readonly signal: AbortSignal;
}

const RECONNECT_MS = 2000;

/** Connects again by itself for as long as the signal is not aborted. */
export function listenToTopic({ url, topic, onPayload, onTrouble, signal }: SensorTopicDeps): void {
  const client = mqtt.connect(url, {
    protocolVersion: 4,
    // See mqtt.ts: 16 MB.
    writeCache: false,
    clean: true,
    reconnectPeriod: RECONNECT_MS,
    queueQoSZero: false,
  });
  client.on('connect', () => {
    client.subscribe(topic, { qos: 0 }, (error) => {
      if (error) onTrouble(`it refused "${topic}": ${error.message}`);
    });
  });
  client.on('error', (error) => onTrouble(error.message.slice(0, 200)));
  client.on('message', (_, payload) => onPayload(payload));
  signal.addEventListener('abort', () => void client.end(true), { once: true });
}
