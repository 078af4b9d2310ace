// Brings files of the release metadata over the broker: asks by name, asks again when nothing comes, and gives up when nobody
// waits any more or the connection ends. Never believes what comes: the release client does.
import { accept, isReasonCode, type Result, refuse } from '@drover/core/reasons';
import type { MetadataSource } from '@drover/trust/tuf/metadata-source';
import { METADATA_BYTES } from '@drover/wire/limits';
import type { Metadata, MetadataReq } from '@drover/wire/messages';

export interface MetadataLink extends MetadataSource {
  /** What the link hands over. */
  onMetadata(answer: Metadata): void;
  onDisconnected(): void;
}

export interface MetadataLinkDeps {
  readonly isConnected: () => boolean;
  readonly ask: (req: MetadataReq) => void;
  /** Ms after which a request that nobody answered is sent again: QoS 0 loses what is on its way when a link ends. */
  readonly againMs?: number;
}

const AGAIN_MS = 5000;

const noLink = () => refuse('metadata_unreachable', 'There is no connection to the hub.');

function readAnswer({ name, content, refusal }: Metadata, mostBytes: number): Result<Uint8Array | undefined> {
  if (!refusal) {
    return content.length <= mostBytes
      ? accept(content)
      : refuse('metadata_too_large', `"${name}" has ${content.length} bytes.`);
  }
  const { code, detail } = refusal;
  if (code === 'metadata_not_found') return accept(undefined);
  // A hub may only say no: which codes it may say is not its choice.
  return isReasonCode(code) && code.startsWith('metadata_')
    ? refuse(code, `The hub: ${detail.slice(0, 300)}`)
    : refuse('metadata_unreachable', `The hub answered "${code.slice(0, 64)}" for "${name}".`);
}

export function makeMetadataLink({ isConnected, ask, againMs = AGAIN_MS }: MetadataLinkDeps): MetadataLink {
  const waiting = new Map<number, { readonly name: string; settle(answer: Metadata | undefined): void }>();
  let requests = 0;

  return {
    fetch(name, mostBytes, signal) {
      if (!isConnected()) return Promise.resolve(noLink());
      requests = (requests % (2 ** 31 - 1)) + 1;
      const req: MetadataReq = { name, request: requests, mostBytes: Math.min(mostBytes, METADATA_BYTES) };
      const { promise, resolve } = Promise.withResolvers<Result<Uint8Array | undefined>>();
      const again = setInterval(() => {
        if (isConnected()) ask(req);
      }, againMs);
      const end = (result: Result<Uint8Array | undefined>): void => {
        clearInterval(again);
        waiting.delete(req.request);
        resolve(result);
      };
      waiting.set(req.request, {
        name,
        settle: (answer) => end(answer ? readAnswer(answer, mostBytes) : noLink()),
      });
      signal.addEventListener('abort', () => end(refuse('metadata_timeout', `"${name}".`)), { once: true });
      ask(req);
      return promise;
    },
    onMetadata(answer) {
      const asked = waiting.get(answer.request);
      if (asked?.name === answer.name) asked.settle(answer);
    },
    onDisconnected() {
      for (const { settle } of waiting.values()) settle(undefined);
    },
  };
}
