// Keeps the certificate of a running agent fresh: runs what core decides, stores what comes, and tells the link to connect
// anew. The key stays where it is. Never decides when.
import type { KeyObject } from 'node:crypto';
import { decideRenewal } from '@drover/core/certificate-renewal';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { DeviceIdentity } from '@drover/trust/pki/peer';
import { signProof } from '@drover/trust/pki/proofs';
import { NonceAnswer, RenewAnswer } from '@drover/wire/http/enrolment';
import * as Value from 'typebox/value';
import type { Clock } from '../clock.ts';
import type { CertificateIdentity } from '../identity.ts';
import { checkCertificate } from './check-certificate.ts';
import { type Answer, askDoor, type HubTls } from './door.ts';

export interface RenewalDeps {
  readonly identity: CertificateIdentity;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Durable before it returns. */
  readonly store: (identity: CertificateIdentity) => void;
  /** A new certificate is in use: connect with it. */
  readonly onRenewed: (notAfter: number) => void;
  readonly onTrouble: (refusal: Refusal) => void;
}

export interface Renewal {
  start(): void;
  stop(): void;
  /** What every connection to the hub is made with, now. */
  tls(): Required<HubTls>;
  /** A connection was refused in a way that an expired certificate explains. */
  suspect(): void;
  notAfter(): number;
}

/** After a suspicion that was wrong, the next one waits. */
const SUSPICION_MS = 3_600_000;
const SUSPICION_FAILED_MS = 60_000;
/** The longest timer; also how soon a clock that was set is noticed. */
const LONGEST_MS = 600_000;
const LEAST_MS = 100;

export function makeRenewal(deps: RenewalDeps): Result<Renewal> {
  const { key, keyPem, clock, random, store, onRenewed, onTrouble } = deps;
  let { identity } = deps;
  const first = checkCertificate(identity.certificate, identity.ca, key);
  if (!first.ok) return first;
  let dates: DeviceIdentity = first.value;
  let jitter = random();
  let failures = 0;
  let failedAt = 0;
  let retryRandom = 0;
  let isLapsedAtHub = false;
  let isSuspected = false;
  let suspectAgain = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isBusy = false;
  let trustedUntil = 0;

  const tls = () => ({ ca: identity.ca, cert: identity.certificate, key: keyPem });

  function take(answer: Answer): Result<undefined> {
    if (!Value.Check(RenewAnswer, answer.json)) return refuse('answer_invalid', 'It is no certificate.');
    const { certificate } = answer.json;
    const checked = checkCertificate(certificate, identity.ca, key);
    if (!checked.ok) return checked;
    if (checked.value.device !== identity.device)
      return refuse('device_certificate_invalid', 'It names another device.');
    const renewed = { ...identity, certificate };
    store(renewed);
    identity = renewed;
    dates = checked.value;
    return accept(undefined);
  }

  async function renew(): Promise<Result<undefined>> {
    const answer = await askDoor(identity.devicesUrl, tls(), 'POST', '/d/v1/renew', { body: {} });
    return answer.ok ? take(answer.value) : answer;
  }

  async function renewLapsed(): Promise<Result<undefined>> {
    const { device, devicesUrl, ca, hubId } = identity;
    const ask = (body: unknown) => askDoor(devicesUrl, { ca }, 'POST', '/d/v1/renew-lapsed', { body });
    const asked = await ask({ device });
    if (!asked.ok) return asked;
    if (!Value.Check(NonceAnswer, asked.value.json)) return refuse('answer_invalid', 'It is no nonce.');
    const { nonce } = asked.value.json;
    // For the hub that was joined, whatever this answer says it is.
    const answer = await ask({ device, nonce, signature: signProof(key, 'renew-lapsed', [hubId, device, nonce]) });
    return answer.ok ? take(answer.value) : answer;
  }

  async function attempt(kind: 'renew' | 'renew-lapsed'): Promise<void> {
    const done = kind === 'renew' ? await renew() : await renewLapsed();
    if (isStopped) return;
    const wasSuspected = isSuspected;
    isSuspected = false;
    if (done.ok) {
      suspectAgain = clock.mono() + SUSPICION_MS;
      failures = 0;
      isLapsedAtHub = false;
      trustedUntil = clock.now() + (dates.notAfter - dates.notBefore) / 2;
      jitter = random();
      onRenewed(dates.notAfter);
      return;
    }
    if (wasSuspected) suspectAgain = clock.mono() + SUSPICION_FAILED_MS;
    if (kind === 'renew' && done.code === 'device_certificate_expired') {
      // The hub's clock decides; ask again without the certificate, at once.
      isLapsedAtHub = true;
      return;
    }
    failures++;
    failedAt = clock.now();
    retryRandom = random();
    onTrouble(done);
  }

  function tick(): void {
    if (isStopped || isBusy) return;
    const { notBefore, notAfter } = dates;
    const now = clock.now();
    const step = decideRenewal(
      {
        notBefore,
        notAfter,
        jitter,
        failures,
        failedAt,
        random: retryRandom,
        isLapsedAtHub,
        isSuspected,
        trustedUntil,
      },
      now,
    );
    if (step.kind === 'wait') return schedule(step.untilMs - now);
    isBusy = true;
    attempt(step.kind)
      .catch((error: unknown) => {
        failures++;
        failedAt = clock.now();
        retryRandom = random();
        // A disk that takes nothing: the certificate that is held stays.
        onTrouble(refuse('disk_full', String(error instanceof Error ? error.message : error).slice(0, 200)));
      })
      .finally(() => {
        isBusy = false;
        schedule(LEAST_MS);
      });
  }

  function schedule(ms: number): void {
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(tick, Math.min(LONGEST_MS, Math.max(LEAST_MS, ms)));
  }

  return accept({
    start: tick,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
    tls,
    suspect() {
      if (isSuspected || clock.mono() < suspectAgain) return;
      isSuspected = true;
      tick();
    },
    notAfter: () => dates.notAfter,
  });
}
