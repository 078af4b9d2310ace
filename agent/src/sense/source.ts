// Starts the configured source of readings. Never parses and never predicts.

import { refuse } from '@drover/core/reasons';
import type { SourceConfig } from '../config.ts';
import { listenToTopic } from '../link/sensor-topic.ts';
import type { ServedSlots } from '../serve/slots.ts';
import { replayCsv } from './csv.ts';
import { LINE_CHARS, parseJsonReading, readLines } from './lines.ts';
import type { Readings } from './readings.ts';

export interface SourceDeps {
  readonly slot: string;
  readonly rate: number;
  readonly served: ServedSlots;
  readonly readings: Readings;
  readonly mono: () => number;
  readonly signal: AbortSignal;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, detail: Record<string, unknown>) => void;
}

/** A file and standard input wait until the slot has a model, so that no row is lost; a broker cannot wait. */
export function startSource(source: SourceConfig, deps: SourceDeps): void {
  const { slot, rate, served, readings, mono, signal, log } = deps;
  const take = (reading: Record<string, unknown>) => readings.take(slot, reading);
  const onBad = readings.refuse;

  /** Each message is one JSON object. */
  function takeMessage(payload: Buffer): void {
    const reading =
      payload.length > LINE_CHARS
        ? refuse('reading_unreadable', `A message has ${payload.length} bytes.`)
        : parseJsonReading(payload.toString('utf8'));
    if (reading.ok) void take(reading.value);
    else onBad(reading);
  }

  async function run(): Promise<void> {
    switch (source.kind) {
      case 'csv': {
        await served.waitFor(slot, signal);
        const rows = await replayCsv({ file: source.file, rate, take, onBad, mono, signal });
        log('info', 'the replay has ended; the agent keeps serving', { file: source.file, rows });
        return;
      }
      case 'stdin':
        await served.waitFor(slot, signal);
        await readLines({ input: process.stdin, take, onBad, signal });
        log('info', 'standard input has ended; the agent keeps serving', {});
        return;
      case 'mqtt':
        listenToTopic({
          url: source.url,
          topic: source.topic,
          signal,
          onPayload: takeMessage,
          onTrouble: (message) => log('warn', `sensor broker: ${message}`, {}),
        });
        return;
      default:
        source satisfies never;
    }
  }

  run().catch((error: unknown) => {
    if (!signal.aborted) log('error', 'the source failed; the agent keeps serving', { error: String(error) });
  });
}
