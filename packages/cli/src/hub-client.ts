// Speaks HTTP to one hub: sends, checks the shape of what comes back, turns problems into failures. Knows no command.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readAs, type Static, type TSchema } from '@drover/wire/http/check';
import { Problem, page } from '@drover/wire/http/common';
import { CliFailure, EXIT, exitOfStatus } from './failure.ts';
import type { Target } from './target.ts';
import { isUnknownCa, TRUST_HINT } from './trust-ca.ts';

const BODY_LIMIT = 256 * 2 ** 20;
const REQUEST_MS = 30_000;
const PAGE_SIZE = 500;

export interface SendOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Sent as JSON; bytes as application/octet-stream. */
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly timeoutMs?: number;
  /** Asks for the rest from this byte on. */
  readonly from?: number;
  /** Sent as application/octet-stream, piece by piece. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

export interface HubClient {
  readonly hub: string;
  /** One request; the answer must match `schema`. */
  ask<T extends TSchema>(schema: T, path: string, options?: SendOptions): Promise<Static<T>>;
  /** One request whose answer is not JSON, or is none. */
  askBytes(path: string, options?: SendOptions): Promise<Uint8Array>;
  /** One request whose answer is not gathered: it may be larger than memory. It begins at byte `from`. */
  askStream(path: string, options?: SendOptions): AsyncIterable<Uint8Array>;
  /** All pages of a list, up to `limit` items. */
  askAll<T extends TSchema>(item: T, path: string, options?: SendOptions & { limit?: number }): Promise<Static<T>[]>;
}

/** A path from parts, each escaped. */
export const at = (...parts: readonly (string | number)[]): string =>
  `/api/v1/${parts.map((part) => encodeURIComponent(String(part))).join('/')}`;

function readToken(target: Target): string | undefined {
  if (!target.tokenFile) return undefined;
  const file = target.tokenFile.value;
  if (!existsSync(file)) {
    throw new CliFailure(EXIT.notAllowed, 'token_missing', `The token file "${file}" (from ${target.tokenFile.from}) does not exist.`,
      'Sign in with "drover login", or give the path of a token with --token-file.'); // biome-ignore format: one sentence
  }
  const { size } = statSync(file);
  const token = size > 4096 ? '' : readFileSync(file, 'utf8').trim();
  if (!/^[\x21-\x7e]{8,}$/.test(token)) {
    throw new CliFailure(
      EXIT.notAllowed,
      'token_invalid',
      `"${file}" does not hold a token.`,
      'Sign in with "drover login", or point --token-file to a token.',
    );
  }
  return token;
}

function explainUnreachable(target: Target, cause: unknown): CliFailure {
  const { hub } = target;
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError')) {
    return new CliFailure(
      EXIT.timedOut,
      'hub_timeout',
      `The hub at ${hub.value} did not answer in time.`,
      'Look at its log; "drover doctor" checks the way to it.',
    );
  }
  const why = inner instanceof Error ? ((inner as NodeJS.ErrnoException).code ?? inner.message) : String(inner);
  if (isUnknownCa(why))
    return new CliFailure(
      EXIT.unreachable,
      'hub_unreachable',
      `${hub.value} shows a certificate of a CA that this machine does not know (${why}).`,
      TRUST_HINT,
    );
  // Node says no more than this when plain HTTP meets TLS, and the other way round.
  const other = hub.value.startsWith('http:') ? 'UND_ERR_SOCKET' : 'ERR_SSL_WRONG_VERSION_NUMBER';
  if (why === other) {
    const [speaks, url] = hub.value.startsWith('http:')
      ? ['TLS', hub.value.replace('http:', 'https:')]
      : ['plain HTTP', hub.value.replace('https:', 'http:')];
    return new CliFailure(
      EXIT.unreachable,
      'hub_unreachable',
      `Something answers at ${hub.value}, but not in that language (${why}).`,
      `It may speak ${speaks}: try --hub ${url}.`,
    );
  }
  const next = ['default', '--hub', 'DROVER_HUB'].includes(hub.from) || hub.from.endsWith('.json')
    ? 'Start one with "npm start" (or "drover hub start --dev"), or name another with --hub URL.'
    : `The address comes from ${hub.from}; correct it there or give --hub URL.`; // biome-ignore format: two sentences
  return new CliFailure(EXIT.unreachable, 'hub_unreachable', `No hub answers at ${hub.value} (${why}).`, next);
}

async function readBody(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > BODY_LIMIT)
      throw new CliFailure(EXIT.failed, 'hub_answer_invalid', `The hub's answer is larger than ${BODY_LIMIT} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The caller says what was expected instead.
    return undefined;
  }
}

function explainProblem(target: Target, status: number, body: unknown): CliFailure {
  const problem = readAs(Problem, body);
  if (!problem.ok) {
    const next = `Is ${target.hub.value} a Drover hub? "drover doctor" looks closer.`;
    return new CliFailure(
      exitOfStatus(status),
      'hub_answer_invalid',
      `${target.hub.value} answered with HTTP ${status} and no explanation.`,
      next,
    );
  }
  const { code, title, detail, next, requestId } = problem.value;
  const sentence = `${/[.!?]$/.test(title) ? title : `${title}.`} ${detail}`.trim();
  const hint =
    code === 'token_refused' && !target.tokenFile ? 'Sign in with "drover login --name NAME", or give a token with --token-file FILE.' : next; // biome-ignore format: one sentence
  return new CliFailure(exitOfStatus(status), code, sentence, requestId ? `${hint} (request ${requestId})` : hint);
}

export function openHubClient(target: Target, fetcher: typeof fetch = fetch): HubClient {
  let token: string | undefined;
  let tokenRead = false;

  async function request(path: string, options: SendOptions): Promise<Response> {
    if (!tokenRead) {
      token = readToken(target);
      tokenRead = true;
    }
    const url = new URL(`${target.hub.value}${path}`);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { body, stream: pieces } = options;
    const bytes = body instanceof Uint8Array || pieces !== undefined;
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (options.from) headers['range'] = `bytes=${options.from}-`;
    if (body !== undefined || pieces !== undefined)
      headers['content-type'] = bytes ? 'application/octet-stream' : 'application/json';
    const init: RequestInit = {
      method: options.method ?? 'GET',
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(options.timeoutMs ?? REQUEST_MS),
    };
    if (body !== undefined) init.body = bytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body);
    // Both halves at once is what fetch calls "half": it waits for no answer before the last piece.
    if (pieces !== undefined) Object.assign(init, { body: pieces, duplex: 'half' });
    return fetcher(url, init);
  }

  async function send(path: string, options: SendOptions): Promise<Buffer> {
    let response: Response;
    let answer: Buffer;
    try {
      response = await request(path, options);
      answer = await readBody(response);
    } catch (error) {
      if (error instanceof CliFailure) throw error;
      throw explainUnreachable(target, error);
    }
    if (response.ok) return answer;
    throw explainProblem(target, response.status, parseJson(answer));
  }

  async function* stream(path: string, options: SendOptions): AsyncGenerator<Uint8Array> {
    try {
      const response = await request(path, options);
      if (!response.ok) throw explainProblem(target, response.status, parseJson(await readBody(response)));
      // Whoever does not serve ranges gives all of it.
      let skip = response.status === 206 ? 0 : (options.from ?? 0);
      for await (const part of response.body ?? []) {
        if (skip < part.length) yield part.subarray(skip);
        skip = Math.max(0, skip - part.length);
      }
    } catch (error) {
      if (error instanceof CliFailure) throw error;
      throw explainUnreachable(target, error);
    }
  }

  async function ask<T extends TSchema>(schema: T, path: string, options: SendOptions = {}): Promise<Static<T>> {
    const answer = readAs(schema, parseJson(await send(path, options)));
    if (answer.ok) return answer.value;
    throw new CliFailure(EXIT.failed, 'hub_answer_invalid', `The hub's answer to ${options.method ?? 'GET'} ${path} was not understood. ${answer.detail}`,
      'The hub may be of another version: compare "drover version" with "drover status".'); // biome-ignore format: two sentences
  }

  return {
    hub: target.hub.value,
    ask,
    askBytes: async (path, options = {}) => send(path, options),
    askStream: (path, options = {}) => stream(path, options),
    async askAll(item, path, options = {}) {
      const limit = options.limit ?? Number.POSITIVE_INFINITY;
      const items: Static<typeof item>[] = [];
      let cursor: string | undefined;
      do {
        const query = { limit: Math.min(PAGE_SIZE, limit - items.length), ...options.query, cursor };
        const next = await ask(page(item), path, { ...options, query });
        items.push(...next.items);
        if (next.nextCursor !== null && next.nextCursor === cursor) break;
        cursor = next.nextCursor ?? undefined;
      } while (cursor !== undefined && items.length < limit);
      return items;
    },
  };
}
