// Reads readings from a topic of a broker nearby (the sensors' own, not the hub's). Never publishes.
import { type Refusal, refuse } from '@drover/core/reasons';
import mqtt from 'mqtt';
import { LINE_CHARS, parseJsonReading } from './lines.ts';

export interface TopicDeps {
  readonly url: string;
  readonly topic: string;
  readonly take: (reading: Record<string, unknown>) => Promise<unknown>;
  readonly onBad: (refusal: Refusal) => void;
  readonly onTrouble: (message: string) => void;
  readonly signal: AbortSignal;
}

/** Each message is one JSON object. Connects again by itself for as long as the signal is not aborted. */
export function readTopic({ url, topic, take, onBad, onTrouble, signal }: TopicDeps): void {
  const client = mqtt.connect(url, { protocolVersion: 4, clean: true, reconnectPeriod: 2000, queueQoSZero: false });
  client.on('connect', () => {
    client.subscribe(topic, { qos: 0 }, (error) => {
      if (error) onTrouble(`the sensor broker refused "${topic}": ${error.message}`);
    });
  });
  client.on('error', (error) => onTrouble(error.message.slice(0, 200)));
  client.on('message', (_, payload) => {
    if (payload.length > LINE_CHARS) {
      onBad(refuse('reading_unreadable', `A message has ${payload.length} bytes.`));
      return;
    }
    const reading = parseJsonReading(payload.toString('utf8'));
    if (reading.ok) void take(reading.value);
    else onBad(reading);
  });
  signal.addEventListener('abort', () => void client.end(true), { once: true });
}
