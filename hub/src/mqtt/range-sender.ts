// Sends the ranges that agents of 0.1 ask for: a few chunks at a time, each when the one before left. Never speaks to an agent
// that says what is missing.
import type { Digest } from '@drover/core/ids';
import { type Refusal, refuse } from '@drover/core/reasons';
import { chunkTopic } from '@drover/wire/topics';
import type { ReadChunk } from './chunk-cache.ts';
import type { Session } from './sessions.ts';

export interface RangeSenderDeps {
  readonly readChunk: ReadChunk;
  readonly sent: (bytes: number) => void;
  refuse(session: Session, digest: Digest, refusal: Refusal): void;
  failed(error: unknown): void;
}

/** Chunks that one device may wait for; what it asks beyond is dropped, and it asks again. */
const QUEUED = 64;
const FLYING = 4;

interface Sending {
  /** `digest/index`, in the order asked. */
  readonly queue: Map<string, { readonly digest: Digest; readonly index: number }>;
  flying: number;
}

export type SendRange = (session: Session, digest: Digest, first: number, end: number) => void;

export function makeRangeSender({ readChunk, sent, refuse: tell, failed }: RangeSenderDeps): SendRange {
  const sendings = new WeakMap<Session, Sending>();

  async function sendOne(session: Session, digest: Digest, index: number): Promise<void> {
    const chunk = await readChunk(digest, index);
    if (!chunk) return tell(session, digest, refuse('artifact_unknown', `Blob ${digest} is not in the store.`));
    if (await session.connection.publish(chunkTopic(session.device, digest, index), chunk, 0)) sent(chunk.length);
    return undefined;
  }

  function pump(session: Session, sending: Sending): void {
    if (!session.connection.isOpen()) return sending.queue.clear();
    for (const [key, { digest, index }] of sending.queue) {
      if (sending.flying >= FLYING) return undefined;
      sending.queue.delete(key);
      sending.flying += 1;
      void sendOne(session, digest, index)
        .catch(failed)
        .finally(() => {
          sending.flying -= 1;
          pump(session, sending);
        });
    }
    return undefined;
  }

  return (session, digest, first, end) => {
    let sending = sendings.get(session);
    if (!sending) {
      sending = { queue: new Map(), flying: 0 };
      sendings.set(session, sending);
    }
    for (let index = first; index < end && sending.queue.size < QUEUED; index++)
      sending.queue.set(`${digest}/${index}`, { digest, index });
    pump(session, sending);
  };
}
