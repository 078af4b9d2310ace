// Makes this data directory a device of a hub by one of three doors: claim, batch token, factory certificate. The key is made
// here and stays; nothing is said to a hub that is not the pinned one. Every step can be cut off and run again.
import { createHash, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@drover/core/backoff';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { makeCsr } from '@drover/trust/pki/csr';
import { signProof } from '@drover/trust/pki/proofs';
import { Enrolled, EnrolPending, type EnrolRequest } from '@drover/wire/http/enrolment';
import * as Value from 'typebox/value';
import { type CertificateIdentity, hasIdentity, readIdentity, writeIdentity } from '../identity.ts';
import { readHandedRoots } from '../release/handed-roots.ts';
import { checkCertificate } from './check-certificate.ts';
import { finishJoin, readJoining, takeKeyForJoin } from './device-key.ts';
import { type Answer, askDoor, fetchPinnedCa } from './door.ts';

/** What lets this device in. */
export type Ticket =
  | { readonly kind: 'claim'; readonly code: string }
  | { readonly kind: 'batch'; readonly token: string }
  | { readonly kind: 'factory'; readonly chain: readonly string[]; readonly key: KeyObject };

export interface EnrolOptions {
  readonly dataDir: string;
  readonly devicesUrl: string;
  readonly caFingerprint: string;
  readonly ticket: Ticket;
  readonly id?: string;
  readonly hardware?: string;
  readonly rejoin: boolean;
  readonly wantsNewKey: boolean;
  readonly release?: 'any' | 'person';
  /** How long to wait for a person, ms. */
  readonly waitMs: number;
  readonly onPending: (device: string, enrolment: string) => void;
  readonly random: () => number;
}

const POLL = { baseMs: 2000, capMs: 30_000 };

function readHeld(dataDir: string): CertificateIdentity | undefined {
  const held = hasIdentity(dataDir) ? readIdentity(dataDir) : undefined;
  return held?.ok && 'keyFile' in held.value.identity ? held.value.identity : undefined;
}

function buildDoor(ticket: Ticket, caFingerprint: string, csr: Uint8Array): EnrolRequest['door'] {
  if (ticket.kind === 'claim') return { kind: 'claim', code: ticket.code };
  if (ticket.kind === 'batch') return { kind: 'batch', token: ticket.token };
  const csrHash = createHash('sha256').update(csr).digest('hex');
  const signature = signProof(ticket.key, 'factory', [caFingerprint, csrHash]);
  return { kind: 'factory', chain: [...ticket.chain], signature };
}

export async function enrolAtHub(options: EnrolOptions): Promise<Result<{ device: string; mqttUrl: string }>> {
  const { dataDir, devicesUrl, caFingerprint, id, hardware } = options;
  const held = readHeld(dataDir);
  if (held !== undefined && !options.rejoin && readJoining(dataDir) === held.keyFile) {
    // The join that was cut off had its answer already: what is left is to tidy up.
    finishJoin(dataDir, held.keyFile);
    return accept({ device: held.device, mqttUrl: held.mqttUrl });
  }
  if (hasIdentity(dataDir) && !options.rejoin)
    return refuse('join_refused', `"${dataDir}" already holds an identity; --rejoin asks the hub again.`);
  const ca = await fetchPinnedCa(devicesUrl, caFingerprint);
  if (!ca.ok) return ca;
  const taken = takeKeyForJoin(dataDir, held?.keyFile, options.wantsNewKey);
  if (!taken.ok) return taken;
  const { key, keyFile } = taken.value;
  const csr = await makeCsr(key, 'drover device');
  const body: EnrolRequest = {
    csr: Buffer.from(csr).toString('base64'),
    ...(id !== undefined && { id }),
    ...(hardware !== undefined && { hardware }),
    door: buildDoor(options.ticket, caFingerprint, csr),
  };
  const first = await askDoor(devicesUrl, { ca: ca.value }, 'POST', '/d/v1/enrol', { body });
  const answer = first.ok ? await waitForPerson(options, ca.value, key, first.value) : first;
  if (!answer.ok) return answer;
  const { json } = answer.value;
  if (!Value.Check(Enrolled, json)) return refuse('join_refused', 'Its answer is not the one of a Drover hub.');
  const certificate = checkCertificate(json.certificate, ca.value, key);
  if (!certificate.ok) return certificate;
  if (certificate.value.device !== json.device) return refuse('join_refused', 'Its certificate names another device.');
  const roots = readHandedRoots(json);
  if (!roots.ok) return roots;
  const { device, mqttUrl, hubId } = json;
  // The stricter of the two counts.
  const release = json.release === 'person' ? json.release : (options.release ?? json.release);
  writeIdentity(
    dataDir,
    {
      version: 2,
      device,
      mqttUrl,
      devicesUrl: json.devicesUrl,
      hubId,
      ...(release && { release }),
      ca: ca.value,
      certificate: json.certificate,
      keyFile,
    },
    roots.value,
  );
  finishJoin(dataDir, keyFile);
  return accept({ device, mqttUrl });
}

/** Asks until a person decided or the time is up; the same command goes on later where this one ended. */
async function waitForPerson(
  options: EnrolOptions,
  ca: string,
  key: KeyObject,
  first: Answer,
): Promise<Result<Answer>> {
  const { devicesUrl, waitMs, onPending, random } = options;
  const { json: told } = first;
  if (!Value.Check(EnrolPending, told)) return accept(first);
  const { enrolment, device, why, hubId } = told;
  onPending(device, enrolment);
  const proof = signProof(key, 'poll', [hubId, enrolment]);
  const until = performance.now() + waitMs;
  for (let attempt = 0; performance.now() < until; attempt++) {
    await sleep(POLL.baseMs / 2 + backoffMs(POLL, attempt, random()));
    const answer = await askDoor(devicesUrl, { ca }, 'GET', `/d/v1/enrol/${enrolment}`, {
      headers: { 'x-drover-proof': proof },
    });
    if (answer.ok && answer.value.status !== 202) return answer;
    // A hub that is away or busy comes back; a no is a no.
    if (!answer.ok && !['hub_unreachable', 'hub_busy', 'device_rate_limited', 'hub_stopping'].includes(answer.code))
      return answer;
  }
  return refuse('enrolment_pending', `"${device}" (${why}); run the same command again to go on waiting.`);
}
