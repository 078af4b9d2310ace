// Makes this data directory a device of a hub: asks over HTTP, checks the root it is handed, stores the identity.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { openTrustedSet } from '@drover/trust/trusted-set';
import { type JoinRequest, JoinResponse } from '@drover/wire/http/devices';
import type { SignedEnvelope } from '@drover/wire/messages';
import * as Value from 'typebox/value';
import { hasIdentity, writeIdentity } from './identity.ts';

export interface JoinOptions {
  readonly dataDir: string;
  readonly hubUrl: string;
  readonly token: string | undefined;
  readonly id?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Give an existing device a new secret. */
  readonly rejoin: boolean;
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
  return storeAnswer(dataDir, text);
}

function storeAnswer(dataDir: string, text: string): Result<{ device: string; mqttUrl: string; hubId: string }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON: the check below refuses it with the rest.
    json = undefined;
  }
  if (!Value.Check(JoinResponse, json)) return refuse('join_refused', 'Its answer is not the one of a Drover hub.');
  const { device, secret, mqttUrl, hubId } = json;
  const root: SignedEnvelope = {
    payloadType: json.root.payloadType,
    payload: Buffer.from(json.root.payload, 'base64'),
    signatures: json.root.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig, 'base64') })),
  };
  // A root that this agent could not use would only be found out later, by a device that trusts nothing.
  const trust = openTrustedSet(root);
  if (!trust.ok) return trust;
  writeIdentity(dataDir, { device, secret, mqttUrl, hubId }, root);
  return accept({ device, mqttUrl, hubId });
}
