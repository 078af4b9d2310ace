// Answers requests for files of the release metadata, one at a time and at a bounded rate for each device. Never knows what
// is in a file: devices verify it.
import { type Refusal, refuse } from '@drover/core/reasons';
import { encodeMessage } from '@drover/wire/encode';
import { METADATA_BYTES } from '@drover/wire/limits';
import type { MetadataReq, Stamp } from '@drover/wire/messages';
import { downTopic } from '@drover/wire/topics';
import type { Session } from './sessions.ts';

/** The bytes of one file by its name, such as `timestamp.json`; undefined when there is none. */
export type ReadMetadata = (name: string) => Promise<Uint8Array | undefined>;

export interface MetadataServerDeps {
  readonly read: ReadMetadata;
  readonly stamp: () => Stamp;
  /** Monotonic milliseconds. */
  readonly mono: () => number;
  readonly limits?: MetadataLimits;
  refused(session: Session, refusal: Refusal): void;
  failed(error: unknown): void;
}

export interface MetadataLimits {
  /** Requests that one device may make at once, and how many more each second. */
  readonly burst: number;
  readonly perSecond: number;
  /** Requests of one device that may wait for the one before them. */
  readonly waiting: number;
}

/** A first refresh is a root or two and six files; each new root is one more. */
export const METADATA_LIMITS: MetadataLimits = { burst: 64, perSecond: 2, waiting: 16 };

export interface MetadataServer {
  request(session: Session, req: MetadataReq): void;
}

interface Asker {
  tokens: number;
  at: number;
  waiting: number;
  last: Promise<void>;
}

export function makeMetadataServer(deps: MetadataServerDeps): MetadataServer {
  const { read, stamp, mono, limits = METADATA_LIMITS } = deps;
  const askers = new WeakMap<Session, Asker>();

  function take(session: Session): Asker | undefined {
    const now = mono();
    const asker = askers.get(session) ?? { tokens: limits.burst, at: now, waiting: 0, last: Promise.resolve() };
    askers.set(session, asker);
    asker.tokens = Math.min(limits.burst, asker.tokens + ((now - asker.at) / 1000) * limits.perSecond);
    asker.at = now;
    if (asker.tokens < 1 || asker.waiting >= limits.waiting) return undefined;
    asker.tokens -= 1;
    return asker;
  }

  async function find({ name, mostBytes }: MetadataReq): Promise<Uint8Array | Refusal> {
    const content = await read(name);
    if (!content) return refuse('metadata_not_found', `"${name}".`);
    if (content.length > Math.min(mostBytes, METADATA_BYTES))
      return refuse('metadata_too_large', `"${name}" has ${content.length} bytes.`);
    return content;
  }

  async function answer(session: Session, req: MetadataReq): Promise<void> {
    if (!session.connection.isOpen()) return;
    const found = await find(req);
    const { name, request } = req;
    const message =
      found instanceof Uint8Array
        ? { name, request, content: found }
        : { name, request, content: new Uint8Array(0), refusal: { code: found.code, detail: found.detail } };
    await session.connection.publish(downTopic(session.device, 'meta'), encodeMessage('metadata', message, stamp()), 0);
  }

  return {
    request(session, req) {
      const asker = take(session);
      // No answer: the device asks again later by itself, and an answer to each would be what the limit is against.
      if (!asker) return deps.refused(session, refuse('metadata_rate', `Device "${session.device}", "${req.name}".`));
      asker.waiting += 1;
      asker.last = asker.last
        .then(() => answer(session, req))
        .catch(deps.failed)
        .finally(() => {
          asker.waiting -= 1;
        });
    },
  };
}
