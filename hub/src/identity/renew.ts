// Renews and revokes what devices hold: a fresh certificate for the enrolled key, with the old one or by a signature over a
// nonce; revocation of key and certificates at once. Never enrols and never speaks HTTP.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { p256FromSpki } from '@drover/trust/pki/p256';
import { checkProof } from '@drover/trust/pki/proofs';
import { commitWithAudit } from '../db/audit.ts';
import { readDevice } from '../db/devices.ts';
import {
  dropOldCertificates,
  type IdentityRow,
  insertCertificate,
  readIdentity,
  revokeIdentity,
  setCertificate,
} from '../db/identities.ts';
import type { EnrolDeps } from './enrol.ts';

const DAY_MS = 86_400_000;
const NONCE_MS = 5 * 60_000;
const MOST_USED = 10_000;

export interface Nonces {
  make(): string;
  /** Whether this hub made it just now, and nobody used it before. */
  use(nonce: string): boolean;
}

/** Nothing is kept for a nonce that was only asked for: strangers may ask. A restart forgets all of them. */
export function makeNonces(now: () => number): Nonces {
  const key = randomBytes(32);
  const used = new Map<string, number>();
  const seal = (body: string): string => createHmac('sha256', key).update(body).digest('base64url');
  return {
    make() {
      const body = `${now()}.${randomBytes(16).toString('base64url')}`;
      return `${body}.${seal(body)}`;
    },
    use(nonce) {
      const at = nonce.lastIndexOf('.');
      const body = nonce.slice(0, Math.max(0, at));
      const given = Buffer.from(nonce.slice(at + 1));
      const right = Buffer.from(seal(body));
      if (given.length !== right.length || !timingSafeEqual(given, right)) return false;
      const madeAt = Number(body.split('.')[0]);
      if (!(Math.abs(now() - madeAt) <= NONCE_MS) || used.has(nonce)) return false;
      for (const [old, until] of used) if (until <= now() || used.size >= MOST_USED) used.delete(old);
      used.set(nonce, now() + NONCE_MS);
      return true;
    },
  };
}

async function issueAgain(
  deps: EnrolDeps,
  identity: IdentityRow,
  how: 'certificate' | 'nonce',
): Promise<Result<string>> {
  const { device, spki, keyHash } = identity;
  const at = deps.now();
  const issued = await deps.authority.issueDevice({ device, spki, now: at, days: deps.certDays });
  const { serial, notAfter, pem } = issued;
  const done = await commitWithAudit(
    deps.store,
    [
      // Changes nothing, which is a conflict, when it was revoked or got another key at this moment.
      setCertificate(device, keyHash, serial, notAfter),
      insertCertificate({ serial, device, keyHash, issuedAt: at, notAfter, revokedAt: null }),
      dropOldCertificates(at - 30 * DAY_MS),
    ],
    {
      at,
      actor: `device:${device}`,
      action: 'device.renew',
      subject: device,
      detail: { how, before: { serial: identity.serial }, after: { serial } },
    },
  );
  return done.ok ? accept(pem) : refuse('device_revoked', `"${device}".`);
}

/** `device` was admitted by its certificate. */
export async function renewDevice(deps: EnrolDeps, device: string): Promise<Result<string>> {
  const identity = await readIdentity(deps.store, device);
  if (identity === undefined) return refuse('device_unknown', `"${device}" has no key here.`);
  if (identity.revokedAt !== null) return refuse('device_revoked', `"${device}".`);
  return issueAgain(deps, identity, 'certificate');
}

export async function renewLapsed(
  deps: EnrolDeps & { readonly hubId: string; readonly nonces: Nonces },
  request: { readonly device: string; readonly nonce: string; readonly signature: string },
): Promise<Result<string>> {
  const { device, nonce, signature } = request;
  const identity = await readIdentity(deps.store, device);
  const key = identity && p256FromSpki(identity.spki);
  // One answer for an unknown device and a wrong key: a stranger learns no ids.
  if (!identity || !key || !checkProof(key, 'renew-lapsed', [deps.hubId, device, nonce], signature))
    return refuse('device_proof_wrong', 'The device is unknown here, or the signature is of another key.');
  if (identity.revokedAt !== null) return refuse('device_revoked', `"${device}".`);
  // Only the holder of the key gets this far, so the memory for used nonces is not a stranger's to fill.
  if (!deps.nonces.use(nonce)) return refuse('device_proof_wrong', 'The nonce is used, too old or not from this hub.');
  return issueAgain(deps, identity, 'nonce');
}

/** Holds at once: for the session that is live, for TLS sessions that are resumed, and for every way to renew. */
export async function revokeDevice(deps: EnrolDeps, device: string, actor: string): Promise<Result<IdentityRow>> {
  const { store } = deps;
  if ((await readDevice(store, device)) === undefined) return refuse('device_unknown', `"${device}".`);
  const identity = await readIdentity(store, device);
  if (identity === undefined)
    return refuse(
      'device_unknown',
      `"${device}" has a secret and no certificate: "drover device remove" takes it away.`,
    );
  const at = deps.now();
  if (identity.revokedAt === null) {
    const done = await commitWithAudit(store, revokeIdentity(device, identity.keyHash, at), {
      at,
      actor,
      action: 'device.revoke',
      subject: device,
      detail: {
        keyFingerprint: identity.keyHash,
        before: { serial: identity.serial, revokedAt: null },
        after: { revokedAt: new Date(at).toISOString() },
      },
    });
    if (!done.ok) return refuse('write_conflict', `"${device}" changed at this moment.`);
  }
  deps.endSession(device);
  return accept({ ...identity, revokedAt: identity.revokedAt ?? at });
}
