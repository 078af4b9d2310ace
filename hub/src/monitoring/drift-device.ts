// Owns what is known of one device: its streams, their features, and how far its windows were folded; and its form on the disk.
// Never reads a database.
import { CHECKPOINT_FORMAT, readFeature, writeFeature } from '@drover/core/drift/checkpoint';
import { type Diagnosis, NO_DETAIL } from '@drover/core/drift/diagnose';
import type { FeatureState, FeatureVerdict } from '@drover/core/drift/verdict';
import { ByteReader, ByteWriter } from '@drover/sketch/codec';

export interface Followed {
  state: FeatureState;
  verdict: FeatureVerdict | undefined;
  /** What it looks like, while it is material. */
  diagnosis: Diagnosis | undefined;
}

export interface Stream {
  readonly slot: string;
  readonly manifest: string;
  readonly features: Map<string, Followed>;
  /** End of its last window, ms since epoch. */
  endAt: number;
}

export interface DriftDevice {
  /** Everything that came before this was folded, and of what came at it these. */
  cursor: number;
  atCursor: Set<string>;
  lastStart: number;
  readonly streams: Map<string, Stream>;
}

export const newDevice = (): DriftDevice => ({ cursor: 0, atCursor: new Set(), lastStart: 0, streams: new Map() });

export const streamKey = (slot: string, manifest: string): string => `${slot}\n${manifest}`;

interface Head {
  readonly cursor: number;
  readonly atCursor: readonly string[];
  readonly lastStart: number;
  readonly streams: readonly {
    readonly slot: string;
    readonly manifest: string;
    readonly endAt: number;
    readonly features: readonly {
      readonly name: string;
      readonly verdict: FeatureVerdict | null;
      readonly diagnosis: Diagnosis | null;
    }[];
  }[];
}

/** Format, length of the head, the head as JSON, then the features in its order. */
export function encodeDevice(device: DriftDevice): Uint8Array {
  const { cursor, atCursor, lastStart, streams } = device;
  const head: Head = {
    cursor,
    atCursor: [...atCursor],
    lastStart,
    streams: [...streams.values()].map(({ slot, manifest, endAt, features }) => ({
      slot,
      manifest,
      endAt,
      features: [...features].map(([name, { verdict, diagnosis }]) => ({
        name,
        verdict: verdict ?? null,
        diagnosis: diagnosis ?? null,
      })),
    })),
  };
  const text = Buffer.from(JSON.stringify(head));
  const writer = new ByteWriter();
  for (const { features } of streams.values()) for (const { state } of features.values()) writeFeature(writer, state);
  const start = Buffer.alloc(5);
  start[0] = CHECKPOINT_FORMAT;
  start.writeUInt32LE(text.length, 1);
  return Buffer.concat([start, text, writer.finish()]);
}

/** Undefined where it cannot be read, or was written by another detector: the device is folded anew from its windows. */
export function decodeDevice(bytes: Uint8Array): DriftDevice | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 5 || buffer[0] !== CHECKPOINT_FORMAT) return undefined;
  const end = 5 + buffer.readUInt32LE(1);
  let head: Head;
  try {
    head = JSON.parse(buffer.toString('utf8', 5, end)) as Head;
  } catch {
    return undefined;
  }
  const reader = new ByteReader(buffer.subarray(end));
  const { cursor, atCursor, lastStart } = head;
  const device: DriftDevice = { cursor, atCursor: new Set(atCursor), lastStart, streams: new Map() };
  for (const { slot, manifest, endAt, features } of head.streams) {
    const followed = new Map(
      features.map(({ name, verdict, diagnosis }) => [
        name,
        // JSON leaves out what is undefined.
        {
          state: readFeature(reader),
          verdict: verdict ? { ...verdict, aspect: verdict.aspect } : undefined,
          diagnosis: diagnosis ? { ...NO_DETAIL, ...diagnosis } : undefined,
        },
      ]),
    );
    device.streams.set(streamKey(slot, manifest), { slot, manifest, endAt, features: followed });
  }
  return reader.failed || !reader.atEnd ? undefined : device;
}
