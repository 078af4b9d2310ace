// Runs a real hub and real agents on loopback for tests and speaks the public HTTP API to them. Never imports a program.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PAYLOAD_TYPES, parseManifest } from '@drover/trust/documents';
import { digestOf, type Signer, signPayload } from '@drover/trust/dsse';
import { openKeyFile } from '@drover/trust/key-files';
import { signRelease } from '@drover/trust/tuf/publisher';
import type { DeviceDetail } from '@drover/wire/http/devices';
import type { Blob, PrepareResponse, Version } from '@drover/wire/http/models';
import type { PublicationRequest, RoleView } from '@drover/wire/http/release';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import type { Rules } from '@drover/wire/http/rules';
import { ENTRY, type Program, start, waitForReady } from './program.ts';
import { until } from './until.ts';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export interface HubProgram extends Program {
  readonly data: string;
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly mqttPort: number;
  /** The listener for devices. */
  readonly devicesUrl: string;
  /** What HTTP asks for. */
  readonly token: string;
  /** One call of the HTTP API, with the token of the data directory. */
  call<T>(method: string, route: string, body?: unknown): Promise<Answer<T>>;
  /** The same, for answers that must be 2xx. */
  get<T>(route: string): Promise<T>;
  post<T>(route: string, body: unknown): Promise<T>;
}

/** A scratch directory that its owner removes. */
export const scratch = (name: string): string => mkdtempSync(path.join(tmpdir(), `drover-${name}-`));
export const remove = (dir: string): void => rmSync(dir, { recursive: true, force: true });

/** A machine that runs much else beside the test starts a hub slowly. */
const READY_MS = 90_000;

/** Starts a hub on free ports; `extra` are more flags. The same data directory continues where it was. */
export async function startHub(
  data: string,
  extra: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  nodeArgs: readonly string[] = [],
): Promise<HubProgram> {
  const ports = extra.includes('--http') ? [] : ['--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0'];
  if (!extra.includes('--devices')) ports.push('--devices', '127.0.0.1:0');
  const program = start(ENTRY.hub, ['--data', data, '--dev', ...ports, ...extra], env, nodeArgs);
  const ready = await waitForReady<{ pid: number; httpUrl: string; mqttUrl: string; devicesUrl: string }>(
    program,
    path.join(data, 'run/hub.json'),
    READY_MS,
  );
  const token = readFileSync(path.join(data, 'run/token'), 'utf8').trim();

  async function call<T>(method: string, route: string, body?: unknown): Promise<Answer<T>> {
    const isBytes = body instanceof Uint8Array;
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': isBytes ? 'application/octet-stream' : 'application/json',
    };
    const init =
      body === undefined
        ? { headers: { authorization: headers.authorization } }
        : { headers, body: isBytes ? body : JSON.stringify(body) };
    const response = await fetch(`${ready.httpUrl}${route}`, {
      method,
      ...init,
      signal: AbortSignal.timeout(30_000),
    } as RequestInit);
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }
  async function must<T>(method: string, route: string, body?: unknown): Promise<T> {
    const answer = await call<T>(method, route, body);
    if (answer.status < 200 || answer.status > 299)
      throw new Error(`${method} ${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
  return Object.assign(program, {
    data,
    httpUrl: ready.httpUrl,
    mqttUrl: ready.mqttUrl,
    devicesUrl: ready.devicesUrl,
    mqttPort: Number(new URL(ready.mqttUrl).port),
    token,
    call,
    get: <T>(route: string) => must<T>('GET', route),
    post: <T>(route: string, body: unknown) => must<T>('POST', route, body),
  });
}

export const blobRoute = '/api/v1/blobs';

/** Uploads a model, lets the hub prepare its manifest, signs it with the hub's dev release key and publishes it. */
export async function registerModel(
  hub: HubProgram,
  name: string,
  parts: {
    model: Uint8Array;
    baseline?: Uint8Array;
    vectors?: Uint8Array;
    featureNames?: readonly string[];
    classes?: readonly string[];
    rules?: Rules;
  },
): Promise<Version> {
  const put = async (bytes: Uint8Array): Promise<string> => (await hub.post<Blob>(blobRoute, bytes)).sha256;
  const prepared = await hub.post<PrepareResponse>(`/api/v1/models/${name}/prepare`, {
    model: await put(parts.model),
    ...(parts.baseline && { baseline: await put(parts.baseline) }),
    ...(parts.vectors && { vectors: await put(parts.vectors) }),
    ...(parts.featureNames && { featureNames: parts.featureNames }),
    ...(parts.classes && { classes: parts.classes }),
    ...(parts.rules && { rules: parts.rules }),
  });
  const key = openKeyFile(path.join(hub.data, 'keys/release.pem'));
  if (!key.ok) throw new Error(key.detail);
  const payload = Buffer.from(prepared.payload, 'base64');
  const envelope = await signPayload(PAYLOAD_TYPES.manifest, payload, [key.value]);
  const release = await listManifest(hub, payload, key.value);
  return hub.post<Version>(`/api/v1/models/${name}/versions`, {
    envelope: {
      payloadType: envelope.payloadType,
      payload: prepared.payload,
      signatures: envelope.signatures.map((s) => ({ keyid: s.keyid, sig: Buffer.from(s.sig).toString('base64') })),
    },
    ...(release !== undefined && { release }),
  });
}

/** The signed roles that list a manifest in the team of the key; undefined when it is listed. */
export async function listManifest(
  hub: { readonly httpUrl: string; readonly token: string },
  payload: Uint8Array,
  key: Signer,
): Promise<PublicationRequest | undefined> {
  const manifest = parseManifest(payload);
  if (!manifest.ok) throw new Error(manifest.detail);
  const read = async (route: string): Promise<Uint8Array | undefined> => {
    const headers = { authorization: `Bearer ${hub.token}` };
    const response = await fetch(`${hub.httpUrl}/api/v1/tuf/${route}`, { headers });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  };
  const roles = await read('roles');
  const { items } = JSON.parse(Buffer.from(roles ?? []).toString('utf8')) as { items: RoleView[] };
  const { model, version, release } = manifest.value;
  const entry = { version, sha256: digestOf(payload), length: payload.length, release };
  const view = { roles: items, read: (file: string) => read(`metadata/${file}`) };
  const signed = await signRelease(view, { signers: [key], now: Date.now() }, model, { add: [entry] });
  if (!signed.ok) throw new Error(`${signed.code}: ${signed.detail}`);
  return signed.value;
}

export interface AgentProgram extends Program {
  readonly data: string;
  readonly httpUrl: string;
}

/** Flags that give the next start of this hub its ports again, so that agents find it. */
export const samePorts = (hub: HubProgram): string[] => [
  '--http',
  new URL(hub.httpUrl).host,
  '--mqtt',
  `127.0.0.1:${hub.mqttPort}`,
];

/** Joins a device through the agent's own command; the hub's token is read from its file. */
export async function joinAgent(
  hub: HubProgram,
  data: string,
  id: string,
  more: readonly string[] = [],
  entry: string = ENTRY.agent,
): Promise<void> {
  const flags = ['--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token'), '--id', id, '--data', data];
  const program = start(entry, ['join', ...flags, ...more]);
  const exit = await program.waitForExit();
  if (exit !== 0) throw new Error(`join ended with ${exit}:\n${program.output()}`);
}

export async function runAgent(
  data: string,
  more: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  nodeArgs: readonly string[] = [],
  entry: string = ENTRY.agent,
): Promise<AgentProgram> {
  // Hubs are killed under agents all the time here: nobody waits minutes for the next try.
  const own = { DROVER_AGENT_RECONNECT_MAX: '2', ...env };
  const program = start(entry, ['run', '--data', data, '--http', '127.0.0.1:0', ...more], own, nodeArgs);
  const ready = await waitForReady<{ pid: number; httpUrl: string }>(program, path.join(data, 'run/agent.json'));
  return Object.assign(program, { data, httpUrl: ready.httpUrl });
}

/** Deploys and waits until every deployment of the rollout ended; the caller looks at how. */
export async function deploy(
  hub: HubProgram,
  model: string,
  version: number,
  devices: readonly string[],
  deadlineMs = 60_000,
): Promise<Deployment[]> {
  const rollout = await hub.post<Rollout>('/api/v1/rollouts', { model, version, devices });
  await until(
    `rollout of ${model} v${version}`,
    async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state !== 'running',
    deadlineMs,
  );
  return (await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout.id}/deployments`)).items;
}

export const device = (hub: HubProgram, id: string): Promise<DeviceDetail> =>
  hub.get<DeviceDetail>(`/api/v1/devices/${id}`);

export interface Prediction {
  readonly predictionId?: string;
  readonly code?: string;
  readonly error?: string;
}

/** One prediction from an agent, by named fields. */
export async function predict(
  agent: AgentProgram,
  fields: Readonly<Record<string, unknown>>,
  slot = 'default',
): Promise<Answer<Prediction>> {
  const response = await fetch(`${agent.httpUrl}/v1/predict/${slot}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ fields }),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, body: (await response.json()) as Prediction };
}
