// Speaks HTTP to one agent over TCP or a Unix socket: predictions of named fields. Knows no command.
import { request } from 'node:http';
import { CliFailure, EXIT, exitOfStatus } from './failure.ts';

export type AgentAddress = { readonly url: string } | { readonly socket: string };

const ANSWER_LIMIT = 64 * 2 ** 20;
const TIMEOUT_MS = 30_000;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const nameOf = (address: AgentAddress): string => ('url' in address ? address.url : `unix:${address.socket}`);

function unreachable(address: AgentAddress, why: string): CliFailure {
  return new CliFailure(
    EXIT.unreachable,
    'agent_unreachable',
    `No agent answers at ${nameOf(address)} (${why}).`,
    'Start one: drover agent run --http 127.0.0.1:8090',
  );
}

/** One request to an agent; the body is parsed JSON, or text that is not JSON. */
export function askAgent(address: AgentAddress, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const options = { method, headers, timeout: TIMEOUT_MS };
    const onResponse = (response: import('node:http').IncomingMessage): void => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > ANSWER_LIMIT) response.destroy(new Error('the answer is too large'));
        else parts.push(part);
      });
      response.on('error', (error) => reject(unreachable(address, error.message)));
      response.on('end', () => {
        const answer = Buffer.concat(parts).toString('utf8');
        let json: unknown = answer;
        try {
          json = JSON.parse(answer);
        } catch {
          // Text is kept as it is: the caller quotes it.
        }
        resolve({ status: response.statusCode ?? 0, body: json });
      });
    };
    const sent =
      'url' in address
        ? request(new URL(path, address.url), options, onResponse)
        : request({ ...options, socketPath: address.socket, path, host: 'localhost' }, onResponse);
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', (error) => reject(unreachable(address, (error as NodeJS.ErrnoException).code ?? error.message)));
    sent.end(text);
  });
}

function describe(body: unknown): { code: string; message: string; next: string } {
  if (typeof body !== 'object' || body === null)
    return { code: 'agent_refused', message: String(body).slice(0, 200), next: '' };
  const { code, title, detail, error, next } = body as Record<string, unknown>;
  const message = [title, detail, error].filter((part) => typeof part === 'string').join(' ');
  return {
    code: typeof code === 'string' ? code : 'agent_refused',
    message,
    next: typeof next === 'string' ? next : '',
  };
}

/** Predictions of rows of named fields in one slot, in order. */
export async function predictRows(
  address: AgentAddress,
  slot: string,
  rows: readonly Readonly<Record<string, number | string | null>>[],
): Promise<Record<string, unknown>[]> {
  const answers: Record<string, unknown>[] = [];
  for (const fields of rows) {
    const { status, body } = await askAgent(address, 'POST', `/v1/predict/${encodeURIComponent(slot)}`, { fields });
    if (status !== 200) {
      const { code, message, next } = describe(body);
      throw new CliFailure(
        exitOfStatus(status),
        code,
        `The agent did not predict (HTTP ${status}). ${message}`.trim(),
        next,
      );
    }
    answers.push(body as Record<string, unknown>);
  }
  return answers;
}
