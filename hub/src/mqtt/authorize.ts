// Decides who may connect, publish and subscribe. Never keeps a session and never answers a device itself.
import { isDeviceId } from '@drover/core/ids';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { mayDeviceSubscribe, type UpKind, upTopic } from '@drover/wire/topics';
import type { Store } from '../db/store.ts';
import { admitCertificate, admitSecret } from '../identity/admission.ts';
import type { ConnectAttempt, DeviceConnection, Published } from './broker.ts';
import type { Session } from './sessions.ts';

/** Who connects: by certificate where there is one, by secret on a plain listener. CONNECT must name that same device. */
export async function checkIdentity(store: Store, attempt: ConnectAttempt, now: number): Promise<Refusal | undefined> {
  const { clientId, username, password, identity } = attempt;
  if (identity === undefined) {
    if (username !== clientId)
      return refuse('device_unknown', 'The client id must be a joined device, and the user name the same.');
    return admitSecret(store, clientId, password);
  }
  if (clientId !== identity.device || username !== identity.device) {
    return refuse(
      'device_not_allowed',
      `The certificate is for "${identity.device}"; CONNECT says "${clientId.slice(0, 80)}" and "${username.slice(0, 80)}".`,
    );
  }
  return admitCertificate(store, identity, now);
}

/** What CONNECT may ask for: nothing may rest on the broker's memory. */
export function checkConnect({
  clientId,
  clean,
  keepalive,
  willTopic,
  willRetain,
}: ConnectAttempt): Refusal | undefined {
  if (!clean) return refuse('session_unsupported', 'The clean session flag is not set.');
  if (keepalive === 0) return refuse('session_unsupported', 'There is no keep-alive.');
  if (willTopic !== undefined && (willRetain || !isDeviceId(clientId) || willTopic !== upTopic(clientId, 'gone'))) {
    return refuse('device_not_allowed', 'The will may only say "gone" for the device itself and is not retained.');
  }
  return undefined;
}

/** How long the connection that is there may take to show that it lives. */
export const PROBE_MS = 5_000;

/**
 * Two connections with one id: the live one stays. One that shows no byte within `PROBE_MS` after `probe` is half dead (the
 * device lost its network and comes back): it is closed and the new one may come in.
 */
export async function checkOther(
  other: DeviceConnection | undefined,
  probe: (connection: DeviceConnection) => void,
  waitMs: (ms: number) => Promise<void>,
): Promise<Refusal | undefined> {
  if (!other?.isOpen()) return undefined;
  const before = other.lastByteAt();
  probe(other);
  const stepMs = PROBE_MS / 50;
  for (let waited = 0; waited < PROBE_MS && other.isOpen() && other.lastByteAt() === before; waited += stepMs) {
    await waitMs(stepMs);
  }
  if (other.isOpen() && other.lastByteAt() !== before) {
    return refuse('device_already_connected', `Device "${other.device}" is live from ${other.remoteAddress}.`);
  }
  await other.close();
  return undefined;
}

/** The kind of message that the device may publish so. */
export function readPublish(
  session: Pick<Session, 'device' | 'topics'>,
  { topic, qos, retain }: Published,
): Result<UpKind> {
  const kind = session.topics.get(topic);
  if (kind === undefined)
    return refuse('device_not_allowed', `"${session.device}" may not publish to "${topic.slice(0, 120)}".`);
  if (retain || qos > 1) return refuse('device_not_allowed', 'Nothing is retained and QoS 2 is not used.');
  return accept(kind);
}

export function checkSubscribe(device: string, filter: string, artifacts: ReadonlySet<string>): Refusal | undefined {
  // The broker grants `$share/…` and delivers nothing (measured, design): refused by name, so that it is never a riddle.
  if (filter.startsWith('$')) return refuse('device_not_allowed', 'Shared and system topics are not available.');
  if (mayDeviceSubscribe(device, filter, artifacts)) return undefined;
  return refuse('device_not_allowed', `"${device}" may not subscribe to "${filter.slice(0, 120)}".`);
}
