// Owns what the hub knows of one artifact on its way to one device. Never decides what is sent.
import type { Credit } from '@drover/core/delivery/credit';
import type { PieceQueue } from '@drover/core/delivery/piece-queue';
import type { Digest } from '@drover/core/ids';
import type { Session } from './sessions.ts';

/** One artifact on its way to one device. */
export interface Outgoing {
  readonly session: Session;
  readonly digest: Digest;
  readonly queue: PieceQueue;
  credit: Credit;
  heardAt: number;
  /** Resolves when everything that was to be sent to it alone before was handed to its connection. */
  handed: Promise<void>;
  /** Nothing more is sent to it alone before this time, monotonic ms: it is about to listen. */
  waitsUntil: number;
  /** It listens to what is sent to all, and is sent nothing alone. */
  isListening: boolean;
  /** Chunks that it gets of what is sent to all: the others it has, or they are on the way to it alone. */
  readonly expected: Set<number>;
}
