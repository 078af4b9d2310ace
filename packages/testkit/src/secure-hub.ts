// Runs a real hub outside development and speaks to it over TLS: as a person with the token, as a device with a certificate,
// as a stranger without. For tests of identity. Never imports a program.
import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { createKeyFile } from '@drover/trust/key-files';
import { formatClaim, parseClaim } from '@drover/trust/pki/claim-string';
import { makeCsr } from '@drover/trust/pki/csr';
import { makeP256 } from '@drover/trust/pki/p256';
import type { Enrolled } from '@drover/wire/http/enrolment';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Answer, HubProgram } from './fleet.ts';
import { PASSWORD } from './person.ts';
import { ENTRY, type Program, start, waitForReady } from './program.ts';
import { until } from './until.ts';

export interface SecureHub extends HubProgram {
  readonly devicesUrl: string;
  readonly ca: string;
}

export interface TlsSide {
  readonly ca?: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** A TLS session to resume. */
  readonly session?: Buffer;
}

/** One HTTPS request on a connection of its own. */
export function askTls<T>(
  base: string,
  tls: TlsSide,
  method: string,
  route: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<T> & { readonly cookie?: string }> {
  const isBytes = body instanceof Uint8Array;
  const bytes = body === undefined ? undefined : isBytes ? body : Buffer.from(JSON.stringify(body));
  const sent = {
    ...headers,
    ...(bytes && {
      'content-type': isBytes ? 'application/octet-stream' : 'application/json',
      'content-length': String(bytes.length),
    }),
  };
  return new Promise((resolve, reject) => {
    const request = https.request(new URL(route, base), { ...tls, method, headers: sent, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => {
        let json: unknown;
        try {
          json = text === '' ? undefined : JSON.parse(text);
        } catch {
          json = text;
        }
        const cookie = response.headers['set-cookie']?.[0]?.split(';')[0];
        resolve({ status: response.statusCode ?? 0, body: json as T, ...(cookie && { cookie }) });
      });
      response.once('error', reject);
    });
    request.once('error', reject);
    request.end(bytes);
  });
}

/** A machine that runs other suites beside this one takes its time. */
const START_MS = 90_000;

/** Lets a hub outside development make its own keys, as a data folder of 0.1 does: key ceremonies are another test's subject. */
export function keepOwnKeys(data: string): void {
  const file = path.join(data, 'keys', 'root.pem');
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  if (!existsSync(file)) createKeyFile(file);
}

/** A token of the first admin, who is made with the setup code of the first start; a later start finds it again. */
async function openAdminToken(program: Program, data: string, httpUrl: string, ca: string): Promise<string> {
  const file = `${data}.token`;
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const code = await until('the setup code', () => /setup {4}([0-9A-Z-]{19})/.exec(program.output())?.[1], START_MS);
  let cookie = '';
  const ask = async <T>(route: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<T> => {
    const answer = await askTls<T>(httpUrl, { ca }, 'POST', route, body, { origin: httpUrl, ...headers });
    if (answer.status !== 201) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    cookie ||= answer.cookie ?? '';
    return answer.body;
  };
  const { csrfToken } = await ask<{ csrfToken: string }>(
    '/api/v1/setup',
    { code, name: 'tester', password: PASSWORD },
    {},
  );
  const made = await ask<{ token: string }>(
    '/api/v1/tokens',
    { name: 'tests', roles: ['admin'] },
    { cookie, 'x-drover-csrf': csrfToken },
  );
  writeFileSync(file, made.token, { mode: 0o600 });
  return made.token;
}

/** Starts a hub with TLS on free ports; the same data directory continues where it was. */
export async function startSecureHub(
  data: string,
  extra: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  nodeArgs: readonly string[] = [],
): Promise<SecureHub> {
  const flags = ['--http', '--mqtt', '--devices'].flatMap((flag) =>
    extra.includes(flag) ? [] : [flag, '127.0.0.1:0'],
  );
  keepOwnKeys(data);
  const program: Program = start(ENTRY.hub, ['--data', data, ...flags, ...extra], env, nodeArgs);
  const ready = await waitForReady<{
    pid: number;
    httpUrl: string;
    mqttUrl: string;
    devicesUrl: string;
    caFile: string;
  }>(program, path.join(data, 'run/hub.json'), START_MS);
  const { httpUrl, mqttUrl, devicesUrl } = ready;
  const ca = readFileSync(ready.caFile, 'utf8');
  const token = await openAdminToken(program, data, httpUrl, ca);
  const call = <T>(method: string, route: string, body?: unknown): Promise<Answer<T>> =>
    askTls<T>(httpUrl, { ca }, method, route, body, { authorization: `Bearer ${token}` });
  async function must<T>(method: string, route: string, body?: unknown): Promise<T> {
    const answer = await call<T>(method, route, body);
    if (answer.status < 200 || answer.status > 299)
      throw new Error(`${method} ${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
  return Object.assign(program, {
    data,
    httpUrl,
    mqttUrl,
    mqttPort: Number(new URL(mqttUrl).port),
    devicesUrl,
    ca,
    token,
    call,
    get: <T>(route: string) => must<T>('GET', route),
    post: <T>(route: string, body: unknown) => must<T>('POST', route, body),
  });
}

/** A claim string, as `drover device claim` prints it. */
export async function claimOf(hub: SecureHub, wish: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { claim } = await hub.post<{ claim: string }>('/api/v1/claims', wish);
  return claim;
}

export function codeOf(claim: string): string {
  const parsed = parseClaim(claim);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value.code;
}

/** The same claim with another address, for a proxy or a forged hub. */
export function claimVia(claim: string, url: string): string {
  const parsed = parseClaim(claim);
  if (!parsed.ok) throw new Error(parsed.detail);
  return formatClaim({ ...parsed.value, url });
}

export interface TlsDevice {
  readonly device: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly certificate: string;
  readonly hubId: string;
}

export const keyPemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();

/** The enrolment of a key by a code, as it goes over the wire. */
export async function enrolBody(
  key: KeyObject,
  door: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  return { csr: Buffer.from(await makeCsr(key, 'x')).toString('base64'), door, ...more };
}

/** A device by claim, made by hand: nothing of the agent is in it. */
export async function enrolRaw(hub: SecureHub, id: string, key: KeyObject = makeP256()): Promise<TlsDevice> {
  const code = codeOf(await claimOf(hub, { id }));
  const body = await enrolBody(key, { kind: 'claim', code });
  const answer = await askTls<Enrolled>(hub.devicesUrl, { ca: hub.ca }, 'POST', '/d/v1/enrol', body);
  if (answer.status !== 200) throw new Error(`enrol: ${answer.status} ${JSON.stringify(answer.body)}`);
  const { device, certificate, hubId } = answer.body;
  return { device, key, keyPem: keyPemOf(key), certificate, hubId };
}

export const tlsOf = (hub: SecureHub, device: TlsDevice): Required<Omit<TlsSide, 'session'>> => ({
  ca: hub.ca,
  cert: device.certificate,
  key: device.keyPem,
});

/** Resolves with the client when the broker accepted, with the reason when it did not or closed the connection. */
export function connectTls(
  hub: SecureHub,
  tls: TlsSide,
  device: string,
  more: IClientOptions = {},
): Promise<MqttClient | Error> {
  const client = mqtt.connect(hub.mqttUrl, {
    protocolVersion: 4, clean: true, clientId: device, username: device, keepalive: 30, connectTimeout: 20_000,
    reconnectPeriod: 0, queueQoSZero: false, ...tls, ...more,
  } as IClientOptions); // biome-ignore format: one record
  return new Promise((resolve) => {
    client.once('connect', () => resolve(client));
    client.once('error', (error) => {
      client.end(true);
      resolve(error);
    });
    client.once('close', () => resolve(new Error('the connection was closed')));
    client.on('error', () => undefined);
  });
}
