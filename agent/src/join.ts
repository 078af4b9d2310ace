// Makes this data directory a device of a hub: asks over HTTP, checks the roots it is handed, stores the identity.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type JoinRequest, JoinResponse } from '@drover/wire/http/devices';
import * as Value from 'typebox/value';
import { hasIdentity, writeIdentity } from './identity.ts';
import { readHandedRoots } from './release/handed-roots.ts';

export interface JoinOptions {
  readonly dataDir: string;
  readonly hubUrl: string;
  readonly token: string | undefined;
  readonly id?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Give an existing device a new secret. */
  readonly rejoin: boolean;
  /** `person`: this device takes only what a release key held off the hub signed. */
  readonly release?: 'any' | 'person';
}

const TIMEOUT_MS = 15_000;
const MOST_BYTES = 512 * 1024;

/** What a problem document (RFC 9457) says, bounded. */
function describeProblem(status: number, text: string): string {
  let detail = '';
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) {
      const code = 'code' in json ? String(json.code) : '';
      detail = `${code}: ${'detail' in json ? String(json.detail) : ''}`;
    }
  } catch {
    // A proxy that answers in HTML has no more to say than its status.
    detail = '';
  }
  // The sentences of the hub end in a full stop already.
  return `It answered ${status}${detail ? ` ${detail.slice(0, 400).replace(/[.\s]+$/, '')}` : ''}.`;
}

export async function joinHub(
  options: JoinOptions,
): Promise<Result<{ device: string; mqttUrl: string; hubId: string }>> {
  const { dataDir, hubUrl, token, id, labels, rejoin } = options;
  if (hasIdentity(dataDir) && !rejoin) {
    return refuse('join_refused', `"${dataDir}" already holds an identity; --rejoin asks the hub for a new secret.`);
  }
  const body: JoinRequest = { ...(id !== undefined && { id }), labels: { ...labels }, ...(rejoin && { rejoin }) };
  let status: number;
  let text: string;
  try {
    const response = await fetch(new URL('/api/v1/devices', hubUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    });
    status = response.status;
    text = (await response.text()).slice(0, MOST_BYTES);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return refuse('hub_unreachable', `${hubUrl}: ${cause.slice(0, 200)}.`);
  }
  if (status < 200 || status > 299) return refuse('join_refused', describeProblem(status, text));
  return storeAnswer(dataDir, text, options.release);
}

function storeAnswer(
  dataDir: string,
  text: string,
  release: 'any' | 'person' | undefined,
): Result<{ device: string; mqttUrl: string; hubId: string }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON: the check below refuses it with the rest.
    json = undefined;
  }
  if (!Value.Check(JoinResponse, json)) return refuse('join_refused', 'Its answer is not the one of a Drover hub.');
  const { device, secret, mqttUrl, devicesUrl, hubId } = json;
  const roots = readHandedRoots(json);
  if (!roots.ok) return roots;
  writeIdentity(
    dataDir,
    { device, secret, mqttUrl, ...(devicesUrl && { devicesUrl }), hubId, ...(release && { release }) },
    roots.value,
  );
  return accept({ device, mqttUrl, hubId });
}
