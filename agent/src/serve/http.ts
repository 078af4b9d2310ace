// Listens for local clients over TCP or a Unix socket and routes their requests. Never predicts by itself; bounded bodies
// and times. No token: it binds to loopback unless told otherwise, and pages of other origins are refused.
import { chmodSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { accept, explain, type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { isShadow } from '@drover/core/shadow';
import type { Replay } from '../decisions/replay.ts';
import type { LabelBook } from '../observe/labels.ts';
import type { Readings } from '../sense/readings.ts';
import { describeModel, describeServer, HEADER_LENGTH, readInferRequest, writeInferAnswer } from './oip.ts';
import type { ServedModel } from './served-model.ts';
import type { ServedSlots } from './slots.ts';

export interface HttpDeps {
  readonly served: ServedSlots;
  readonly labels: LabelBook;
  readonly readings: Readings;
  /** Runs a logged prediction once more. */
  readonly replay: (predictionId: string) => Promise<Result<Replay>>;
  readonly status: () => Readonly<Record<string, unknown>>;
}

export const BODY_BYTES = 32 * 1024 * 1024;
const LABELS_PER_REQUEST = 4096;
const READINGS_PER_REQUEST = 4096;
const REQUEST_MS = 30_000;

interface Reply {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const json = (status: number, value: unknown): Reply => ({
  status,
  body: Buffer.from(JSON.stringify(value)),
  headers: JSON_TYPE,
});

const STATUS: Partial<Record<ReasonCode, number>> = {
  agent_not_found: 404,
  decision_unknown: 404,
  slot_empty: 404,
  agent_request_too_large: 413,
  run_failed: 500,
};
const answerRefusal = (refusal: Refusal): Reply =>
  json(STATUS[refusal.code] ?? 400, { error: explain(refusal), code: refusal.code });

const NOTHING = refuse('agent_not_found', 'No such path or method.');

function readBody(request: http.IncomingMessage): Promise<Result<Buffer>> {
  const tooLarge = refuse('agent_request_too_large', `At most ${BODY_BYTES} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) return Promise.resolve(tooLarge);
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= BODY_BYTES) parts.push(part);
      else resolve(tooLarge);
    });
    request.on('end', () => resolve(accept(Buffer.concat(parts))));
    request.on('error', () => resolve(refuse('agent_request_invalid', 'The request was cut off.')));
  });
}

function parseBody(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    // Not JSON is an expected outcome; every caller refuses undefined.
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A page of another origin, or a name that only DNS rebinding gives to this address, is not a local client. */
function findIntruder(request: http.IncomingMessage, ownHost: string | undefined): Refusal | undefined {
  if (ownHost === undefined) return undefined;
  const host = request.headers.host ?? '';
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const { origin } = request.headers;
  const isLocalName = name === 'localhost' || name === ownHost || net.isIP(name) !== 0;
  if (isLocalName && (origin === undefined || origin === `http://${host}`)) return undefined;
  return refuse('agent_request_invalid', 'It comes from a page of another origin, or for another host.');
}

function makeRoutes({ served, labels, readings, replay, status }: HttpDeps) {
  function findVersion(slot: string, version: string | undefined): Result<ServedModel> {
    const model = served.find(slot);
    if (!model.ok || version === undefined || version === 'active') return model;
    if (version === String(model.value.manifest.version)) return model;
    return refuse('agent_not_found', `Slot "${slot.slice(0, 64)}" serves version ${model.value.manifest.version}.`);
  }

  async function infer(
    slot: string,
    model: ServedModel,
    body: Buffer,
    headers: http.IncomingHttpHeaders,
  ): Promise<Reply> {
    const given = headers[HEADER_LENGTH];
    const request = readInferRequest(model, body, given === undefined ? undefined : Number(given));
    if (!request.ok) {
      model.stream.errors += 1;
      return answerRefusal(request);
    }
    const ran = await model.infer(request.value.feeds);
    if (!ran.ok) return answerRefusal(ran);
    const answer = writeInferAnswer(slot, model, request.value, ran.outputs, ran.firstId);
    if (answer.headerLength === undefined) return { status: 200, body: answer.body, headers: JSON_TYPE };
    const typed = { 'content-type': 'application/octet-stream', [HEADER_LENGTH]: String(answer.headerLength) };
    return { status: 200, body: answer.body, headers: typed };
  }

  async function routeModels(
    method: string,
    parts: readonly string[],
    read: () => Promise<Result<Buffer>>,
    headers: http.IncomingHttpHeaders,
  ): Promise<Reply> {
    const [slot = '', ...rest] = parts;
    const version = rest[0] === 'versions' ? (rest[1] ?? '') : undefined;
    const [action = '', extra] = version === undefined ? rest : rest.slice(2);
    if (extra !== undefined) return answerRefusal(NOTHING);
    const model = findVersion(slot, version);
    if (method === 'GET' && action === 'ready') return json(model.ok ? 200 : 404, { name: slot, ready: model.ok });
    if (!model.ok) return answerRefusal(model);
    if (method === 'GET' && action === '') return json(200, describeModel(slot, model.value));
    if (method !== 'POST' || action !== 'infer') return answerRefusal(NOTHING);
    const body = await read();
    return body.ok ? infer(slot, model.value, body.value, headers) : answerRefusal(body);
  }

  async function predict(slot: string, body: unknown): Promise<Reply> {
    const model = served.find(slot);
    if (!model.ok) return answerRefusal(model);
    if (!isObject(body) || !isObject(body['fields']))
      return answerRefusal(refuse('agent_request_invalid', 'Send {"fields": {name: value}}.'));
    const extra = Object.keys(body).find((key) => key !== 'fields');
    if (extra !== undefined)
      return answerRefusal(refuse('agent_request_invalid', `"${extra.slice(0, 80)}" is not known here.`));
    const answer = await model.value.predict(body['fields']);
    if (!answer.ok) return answerRefusal(answer);
    const { ok: _, ...named } = answer;
    return json(200, { slot, ...named });
  }

  function join(body: unknown): Reply {
    if (!Array.isArray(body) || body.length > LABELS_PER_REQUEST) {
      return answerRefusal(refuse('agent_request_invalid', `Send a list of up to ${LABELS_PER_REQUEST} labels.`));
    }
    const items = (body as unknown[]).map((item, index) => {
      const predictionId = isObject(item) ? item['predictionId'] : undefined;
      const truth = isObject(item) ? item['truth'] : undefined;
      if (typeof predictionId !== 'string' || (typeof truth !== 'string' && typeof truth !== 'number')) {
        return {
          index,
          refusal: refuse('agent_request_invalid', 'A label is {"predictionId": text, "truth": text or number}.'),
        };
      }
      return { index, refusal: labels.join(predictionId, truth) };
    });
    const refused = items.flatMap(({ index, refusal }) =>
      refusal ? [{ index, code: refusal.code, error: explain(refusal) }] : [],
    );
    return json(200, { joined: items.length - refused.length, refused });
  }

  async function push(slot: string, body: unknown): Promise<Reply> {
    const list: unknown[] = Array.isArray(body) ? (body as unknown[]) : [body];
    if (list.length > READINGS_PER_REQUEST)
      return answerRefusal(refuse('agent_request_too_large', `At most ${READINGS_PER_REQUEST} readings.`));
    const predictionIds: (string | null)[] = [];
    const refused: { index: number; code: ReasonCode; error: string }[] = [];
    for (const [index, reading] of list.entries()) {
      const given = await readings.take(slot, reading);
      predictionIds.push(given.ok ? given.predictionId : null);
      if (!given.ok) refused.push({ index, code: given.code, error: explain(given) });
    }
    const [first] = refused;
    if (!first || refused.length < list.length) return json(200, { predictionIds, refused });
    return json(STATUS[first.code] ?? 400, { error: first.error, code: first.code, predictionIds, refused });
  }

  return async function route(request: http.IncomingMessage): Promise<Reply> {
    const method = request.method ?? 'GET';
    const [path = ''] = (request.url ?? '/').split('?', 1);
    const parts = path
      .split('/')
      .filter((part) => part !== '')
      .map(decodePart);
    const [api, noun, ...rest] = parts;
    if (api === 'v2') {
      if (noun === undefined && method === 'GET') return json(200, describeServer());
      if (noun === 'health' && method === 'GET' && rest.length === 1) {
        if (rest[0] === 'live') return json(200, { live: true });
        const isReady = served.list().some(([slot]) => !isShadow(slot));
        if (rest[0] === 'ready') return json(isReady ? 200 : 503, { ready: isReady });
      }
      if (noun === 'models' && rest.length > 0)
        return routeModels(method, rest, () => readBody(request), request.headers);
      return answerRefusal(NOTHING);
    }
    if (api !== 'v1') return answerRefusal(NOTHING);
    if (method === 'GET' && noun === 'status' && rest.length === 0) return json(200, status());
    if (method !== 'POST') return answerRefusal(NOTHING);
    const read = await readBody(request);
    if (!read.ok) return answerRefusal(read);
    if (noun === 'replay' && rest.length === 1) {
      const replayed = await replay(rest[0] ?? '');
      return replayed.ok ? json(200, replayed.value) : answerRefusal(replayed);
    }
    const body = parseBody(read.value);
    if (noun === 'predict' && rest.length === 1) return predict(rest[0] ?? '', body);
    if (noun === 'readings' && rest.length === 1) return push(rest[0] ?? '', body);
    if (noun === 'labels' && rest.length === 0) return join(body);
    return answerRefusal(NOTHING);
  };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not a valid escape: no slot has such a name either.
    return part;
  }
}

export interface LocalServer {
  /** The port that was taken, for TCP. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

export type ListenAt = { readonly host: string; readonly port: number } | { readonly socket: string };

/** A socket that nobody listens on any more is removed; one that answers is not. */
function clearStaleSocket(file: string): Promise<void> {
  if (!statSync(file, { throwIfNoEntry: false })?.isSocket()) return Promise.resolve();
  return new Promise((resolve) => {
    const probe = net.connect(file);
    probe.once('connect', () => {
      probe.destroy();
      resolve();
    });
    probe.once('error', () => {
      rmSync(file, { force: true });
      resolve();
    });
  });
}

export async function startServer(at: ListenAt, deps: HttpDeps): Promise<Result<LocalServer>> {
  const route = makeRoutes(deps);
  const ownHost = 'socket' in at ? undefined : at.host;
  const server = http.createServer({
    requestTimeout: REQUEST_MS,
    headersTimeout: 10_000,
    keepAliveTimeout: 30_000,
    maxHeaderSize: 16_384,
  });
  server.on('request', (request, response) => {
    const intruder = findIntruder(request, ownHost);
    const replied = intruder ? Promise.resolve(answerRefusal(intruder)) : route(request);
    void replied
      .catch(() => json(500, { error: 'The agent failed on its side.', code: 'run_failed' }))
      .then(({ status, body, headers }) => {
        // A body that was not read to its end would be taken for the next request.
        const isCut = !request.complete && request.method === 'POST';
        response.writeHead(status, {
          ...headers,
          'content-length': body.length,
          ...(isCut && { connection: 'close' }),
        });
        response.end(body);
      });
  });
  if ('socket' in at) await clearStaleSocket(at.socket);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if ('socket' in at) server.listen(at.socket, resolve);
      else server.listen(at.port, at.host, resolve);
    });
  } catch (error) {
    const where = 'socket' in at ? at.socket : `${at.host}:${at.port}`;
    if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) {
      return refuse('agent_port_taken', `${where}.`);
    }
    return refuse('agent_config_invalid', `Cannot listen on ${where}: ${String(error).slice(0, 120)}.`);
  }
  if ('socket' in at) chmodSync(at.socket, 0o660);
  const address = server.address();
  return accept({
    port: typeof address === 'object' && address !== null ? address.port : undefined,
    close() {
      server.closeIdleConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
        setTimeout(() => server.closeAllConnections(), 1000).unref();
      });
    },
  });
}
