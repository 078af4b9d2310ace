// Owns what ingest remembers of whoever speaks for a device: a live connection, or a report that was carried here by hand.
// Never knows how an answer travels.
import type { Ack } from '@drover/wire/messages';

export interface UplinkSession {
  readonly device: string;
  /** From the hello; undefined until it came. */
  sessionId: string | undefined;
  bootId: string | undefined;
  outboxId: string | undefined;
  stateRevision: number;
  reportedGeneration: number;
  /** What the agent says it can do beside the contract of 0.1. */
  features: ReadonlySet<string>;
  /** Why the device refuses the desired document that it was sent last, as it said last. */
  desiredCode: string | undefined;
  /** Where the device serves artifacts to its neighbours, from the hello. */
  cacheUrl: string | undefined;
  /** Manifests whose artifacts it holds, as it said last. */
  manifests: ReadonlySet<string>;
  /** When `lastSeenAt` was written last. */
  touchedAt: number;
  /** Takes the acknowledgements of a session that has no connection. */
  readonly onAck?: (ack: Ack) => void;
}

/** A session in which nothing was said yet. */
export const freshSession = (device: string): UplinkSession => ({
  device,
  sessionId: undefined,
  bootId: undefined,
  outboxId: undefined,
  stateRevision: -1,
  reportedGeneration: 0,
  features: new Set(),
  desiredCode: undefined,
  cacheUrl: undefined,
  manifests: new Set(),
  touchedAt: 0,
});
