// Brings missing chunks by HTTP range requests, a few at a time, from one address. Every byte goes through the transfer, which
// checks it. Never decides which address, nor what it is trusted with.
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { SourceName, Transfer } from './transfer.ts';

export interface RangeTarget {
  readonly url: URL;
  /** TLS and what else the connection needs; headers are added. */
  readonly options: RequestOptions;
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests at the same time. */
  readonly parallel: number;
  /** "Not yet" is taken for an answer for so long without a new chunk, ms. */
  readonly patienceMs: number;
  /** Without a byte for so long a request failed, also while it connects, ms. */
  readonly idleMs: number;
  /** Requests that fail one after another without a new chunk, after which the address is left. */
  readonly failures: number;
  /** It answered anything at all. */
  readonly onAnswer?: () => void;
}

/** One request asks for at most so many chunks, so that a connection that breaks costs little and others can help. */
const RUN_CHUNKS = 8;
const LONGEST_WAIT_S = 30;
const SILENT = 'nothing came in time';

/** `gone`: asking again would not help. */
type Outcome = Refusal | 'done' | { readonly waitMs: number } | { readonly gone: Refusal };

/** The first byte of `content-range: bytes a-b/size`, or undefined. */
const startOf = (header: string | undefined): number | undefined => {
  const start = /^bytes (\d{1,15})-\d{1,15}\/(\*|\d{1,15})$/.exec(header ?? '')?.[1];
  return start === undefined ? undefined : Number(start);
};

/** Cuts what comes into chunks from `first` on; a refusal ends it. */
async function takeBody(
  response: IncomingMessage,
  first: number,
  end: number,
  transfer: Transfer,
  from: SourceName,
): Promise<Outcome> {
  let index = first;
  let chunk = Buffer.allocUnsafe(transfer.sizeOf(index));
  let filled = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    for (let at = 0; at < part.length; ) {
      if (index >= end) return refuse('source_unavailable', 'It sent more than was asked for.');
      const n = part.copy(chunk, filled, at);
      at += n;
      filled += n;
      if (filled < chunk.length) continue;
      const taken = transfer.take(index, chunk, from);
      if (taken === 'full') return transfer.trouble ?? refuse('disk_full', '');
      if (taken === 'bad') return refuse('artifact_digest_mismatch', `Chunk ${index} is damaged.`);
      index += 1;
      filled = 0;
      if (index < end) chunk = Buffer.allocUnsafe(transfer.sizeOf(index));
    }
  }
  return 'done';
}

export async function fetchByRanges(
  target: RangeTarget,
  transfer: Transfer,
  from: SourceName,
  signal: AbortSignal,
): Promise<Result<undefined>> {
  const { url, options, parallel, patienceMs, idleMs } = target;
  // Loaded when it is needed: an agent that only listens stays small.
  const { Agent, request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const pool = new Agent({ keepAlive: true, maxSockets: parallel });
  const claimed = new Set<number>();
  let failures = 0;
  let isAnswering = false;
  let waitedSince: number | undefined;
  let end: Refusal | undefined;
  const stop = new AbortController();
  const over = AbortSignal.any([signal, stop.signal]);

  function claim(): { first: number; end: number } | undefined {
    let first = transfer.held.nextMissing(0);
    while (first < transfer.chunks && claimed.has(first)) first = transfer.held.nextMissing(first + 1);
    if (first >= transfer.chunks) return undefined;
    let last = first;
    while (last < transfer.chunks && last - first < RUN_CHUNKS && !transfer.held.has(last) && !claimed.has(last))
      last += 1;
    for (let index = first; index < last; index++) claimed.add(index);
    return { first, end: last };
  }

  function open(first: number, last: number): Promise<IncomingMessage> {
    const range = `bytes=${first * CHUNK_BYTES}-${Math.min(transfer.ref.size, last * CHUNK_BYTES) - 1}`;
    return new Promise((resolve, reject) => {
      const asked: ClientRequest = request(
        url,
        {
          ...options,
          agent: pool,
          method: 'GET',
          headers: { ...target.headers, range },
          signal: over,
          timeout: idleMs,
        },
        resolve,
      );
      asked.once('error', reject);
      asked.once('timeout', () => asked.destroy(new Error(SILENT)));
      asked.end();
    });
  }

  async function getRun(first: number, last: number): Promise<Outcome> {
    let response: IncomingMessage | undefined;
    try {
      response = await open(first, last);
      isAnswering = true;
      target.onAnswer?.();
      const { statusCode: status = 0, headers } = response;
      const isWhole = status === 200 && first === 0;
      if (isWhole || (status === 206 && startOf(headers['content-range']) === first * CHUNK_BYTES))
        return await takeBody(response, first, isWhole ? transfer.chunks : last, transfer, from);
      const after = Number(headers['retry-after']);
      if ((status === 503 || status === 404 || status === 429) && Number.isFinite(after))
        return { waitMs: Math.min(LONGEST_WAIT_S, Math.max(0.2, after)) * 1000 };
      const refusal = refuse('source_unavailable', `It answered ${status}.`);
      return status === 404 || status === 410 ? { gone: refusal } : refusal;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const refusal = refuse('source_unavailable', (code ?? message).slice(0, 120));
      // An address that swallows what is sent there costs its time once.
      return message === SILENT && !isAnswering ? { gone: refusal } : refusal;
    } finally {
      // Read to its end it is gone already; otherwise nobody wants the rest.
      response?.destroy();
    }
  }

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        over.removeEventListener('abort', go);
        resolve();
      };
      const timer = setTimeout(go, ms);
      over.addEventListener('abort', go, { once: true });
    });

  /** Undefined to go on. */
  function judge(outcome: Outcome, hasNew: boolean): Refusal | undefined {
    if (hasNew) {
      failures = 0;
      waitedSince = undefined;
    }
    if (outcome === 'done') return hasNew ? undefined : refuse('source_unavailable', 'It sent nothing.');
    if ('waitMs' in outcome) {
      waitedSince ??= performance.now();
      const waitedMs = Math.round(performance.now() - waitedSince);
      return waitedMs > patienceMs ? refuse('source_unavailable', `It said "not yet" for ${waitedMs} ms.`) : undefined;
    }
    if ('gone' in outcome) return outcome.gone;
    failures += 1;
    const isFinal = outcome.code !== 'source_unavailable' || failures >= target.failures;
    return isFinal ? outcome : undefined;
  }

  async function work(): Promise<void> {
    while (end === undefined && !over.aborted) {
      const run = claim();
      if (!run) return;
      const before = transfer.held.count;
      const outcome = await getRun(run.first, run.end);
      for (let index = run.first; index < run.end; index++) claimed.delete(index);
      if (over.aborted) return;
      end ??= judge(outcome, transfer.held.count > before);
      if (end) stop.abort();
      else if (outcome !== 'done') await pause('waitMs' in outcome ? outcome.waitMs : 200 * failures);
    }
  }

  try {
    await Promise.all(Array.from({ length: parallel }, work));
  } finally {
    stop.abort();
    pool.destroy();
  }
  if (transfer.held.isFull) return accept(undefined);
  return end ?? refuse('artifact_timeout', 'It was interrupted.');
}
