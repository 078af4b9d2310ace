// Starts a hub inside the test process on its own data folder: the same composition as the program, without its edges.

import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { resolveConfig } from '@drover/hub/config';
import { type RunningHub, startHub } from '@drover/hub/hub';
import { type Logger, pino } from 'pino';
import { remove, scratch } from './fleet.ts';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface InsideHub extends RunningHub {
  /** The token of development mode; empty without it. */
  readonly token: string;
  /** One request with the token; `headers` win over what is sent by itself, and undefined takes one away. */
  ask(
    method: string,
    route: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<Reply>;
  /** Stops it and removes its folder, unless the folder was given. */
  end(): Promise<void>;
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Metrics and logs are text.
    return undefined;
  }
}

function send(
  url: string,
  method: string,
  headers: http.OutgoingHttpHeaders,
  body: Uint8Array | undefined,
  ca: Buffer | undefined,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    // Not fetch: it does not let a test choose the Host header.
    const how = { method, headers, agent: false } as const;
    const open = (take: (response: http.IncomingMessage) => void): http.ClientRequest =>
      ca === undefined ? http.request(url, how, take) : https.request(url, { ...how, ca }, take);
    const request = open((response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parseBody(text) }),
      );
      response.once('error', reject);
    });
    request.once('error', reject);
    request.end(body);
  });
}

export async function openInsideHub(
  settings: Readonly<Record<string, unknown>> = {},
  folder?: string,
  log: Logger = pino({ level: 'silent' }),
): Promise<InsideHub> {
  const dir = folder ?? scratch('inside-hub');
  const given = { dev: true, data: dir, http: '127.0.0.1:0', mqtt: '127.0.0.1:0', devices: '127.0.0.1:0', ...settings };
  const resolved = resolveConfig({ given: {}, env: {}, file: given });
  if (!resolved.ok) throw new Error(resolved.detail);
  const started = await startHub(resolved.value.config, log);
  if (!started.ok) throw new Error(`${started.code}: ${started.detail}`);
  const hub = started.value;
  const { tlsCertFile } = resolved.value.config;
  const ca = tlsCertFile === undefined ? undefined : readFileSync(tlsCertFile);
  const tokenFile = path.join(dir, 'run/token');
  const token = existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() : '';
  return {
    ...hub,
    token,
    ask(method, route, body, headers = {}) {
      const isBytes = body instanceof Uint8Array;
      const bytes = body === undefined ? undefined : isBytes ? body : Buffer.from(JSON.stringify(body));
      const all: Record<string, string | undefined> = {
        authorization: `Bearer ${token}`,
        ...(bytes === undefined
          ? {}
          : {
              'content-type': isBytes ? 'application/octet-stream' : 'application/json',
              'content-length': String(bytes.length),
            }),
        ...headers,
      };
      const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
      return send(`${hub.httpUrl}${route}`, method, sent as http.OutgoingHttpHeaders, bytes, ca);
    },
    async end() {
      await hub.stop();
      if (folder === undefined) remove(dir);
    },
  };
}
