// Measures the agent's own process and machine for the reports to the hub. Never decides anything from it.
import os from 'node:os';
import type { Capabilities, Health } from '@drover/wire/messages';
import { makeMachineReader } from './machine.ts';
import type { AnswerCounts } from './serve/answer-counts.ts';
import type { BlobStore } from './store/blobs.ts';
import type { Outbox } from './store/outbox.ts';

export function readCapabilities(runtime: 'native' | 'wasm' | '', runtimeVersion: string): Capabilities {
  return {
    runtime,
    runtimeVersion,
    arch: process.arch,
    platform: process.platform,
    // What ONNX Runtime 1.30 accepts, in both forms; onnx/check refuses more.
    maxOpset: 26,
    maxMlOpset: 5,
    maxIr: 13,
    memoryBytes: os.totalmem(),
  };
}

export function makeHealthReader(
  blobs: BlobStore,
  outbox: Outbox,
  answers: AnswerCounts,
  mono: () => number,
  connections: () => number,
): () => Health {
  const readMachine = makeMachineReader();
  const startedAt = mono();
  let last = { at: startedAt, cpu: process.cpuUsage() };
  return () => {
    const at = mono();
    const cpu = process.cpuUsage();
    const usedUs = cpu.user + cpu.system - last.cpu.user - last.cpu.system;
    const cpuRatio = at > last.at ? usedUs / 1000 / (at - last.at) : 0;
    last = { at, cpu };
    const { entries, bytes, dropped } = outbox.counts();
    const answerReasons = Object.entries(answers.reasons()).map(([code, count]) => ({ code, count }));
    return {
      rssBytes: process.memoryUsage.rss(),
      cpuRatio,
      diskFreeBytes: blobs.freeBytes(),
      uptimeMs: Math.floor(at - startedAt),
      outboxEntries: entries,
      outboxBytes: bytes,
      outboxDropped: dropped,
      ...(answerReasons.length > 0 && { answerReasons }),
      readings: [...readMachine(), { name: 'connections', value: connections() }],
    };
  };
}
