// Carries out what core decides about a device that asks to be enrolled, and about one that waits. Every outcome is one
// commit with its audit row. Never opens a door by itself (doors.ts) and never speaks HTTP.
import { decideEnrolment, type EnrolmentDecision, type PendingReason } from '@drover/core/enrolment';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Authority, Issued } from '@drover/trust/pki/authority';
import { CSR_BYTES, readCsr } from '@drover/trust/pki/csr';
import { keyHashOf } from '@drover/trust/pki/p256';
import type { EnrolRequest } from '@drover/wire/http/enrolment';
import { commitWithAudit } from '../db/audit.ts';
import { insertDevice, readDevice } from '../db/devices.ts';
import {
  countPending,
  dropOldEnrolments,
  type EnrolmentRow,
  endEnrolment,
  findEnrolment,
  flagEnrolment,
  readEnrolment,
  storeEnrolment,
} from '../db/enrolments.ts';
import {
  dropOldCertificates,
  type IdentityRow,
  insertCertificate,
  isKeyRevoked,
  readIdentity,
  readIdentityByHardware,
  readIdentityByKey,
  releaseHardware,
  revokeKey,
  storeIdentity,
} from '../db/identities.ts';
import type { Statement, Store } from '../db/store.ts';
import { makeDeviceId } from '../devices/join.ts';
import { NO_SECRET } from './admission.ts';
import { openDoor, type Voucher } from './doors.ts';

export interface EnrolDeps {
  readonly store: Store;
  readonly authority: Authority;
  readonly now: () => number;
  readonly newId: () => string;
  /** How long a device's certificate is valid. */
  readonly certDays: number;
  /** Ends the live connection of a device: the key that it was opened with does not hold any more. */
  readonly endSession: (device: string) => void;
  readonly warn: (facts: Readonly<Record<string, unknown>>, message: string) => void;
}

/** Devices that wait for a person, over all tokens. */
const MOST_PENDING = 1000;
/** Tries when another request was faster. */
const TRIES = 3;
const DAY_MS = 86_400_000;
/** What was decided stays in the table for this long, so that a device that lost its answer gets it again. */
const KEPT_MS = 30 * DAY_MS;

const LOOKS_COPIED: readonly PendingReason[] = ['known_id', 'known_hardware'];

/** The statements that make `device` hold this key, and the certificate for it. */
async function grant(
  deps: EnrolDeps,
  to: Pick<EnrolmentRow, 'device' | 'spki' | 'keyHash' | 'hardware' | 'labelsJson' | 'release' | 'door'>,
): Promise<{ issued: Issued; statements: Statement[]; isReplaced: boolean }> {
  const { store, authority, certDays } = deps;
  const at = deps.now();
  const { device, spki, keyHash, hardware, release, door } = to;
  const issued = await authority.issueDevice({ device, spki, now: at, days: certDays });
  const row = await readDevice(store, device);
  const held = row === undefined ? undefined : await readIdentity(store, device);
  const isReplaced = held !== undefined && held.keyHash !== keyHash;
  const identity: IdentityRow = {
    device,
    spki,
    keyHash,
    hardware: hardware ?? (isReplaced ? null : (held?.hardware ?? null)),
    door,
    release: release ?? held?.release ?? null,
    enrolledAt: at,
    revokedAt: null,
    serial: issued.serial,
    notAfter: issued.notAfter,
  };
  return {
    issued,
    isReplaced,
    statements: [
      ...(row === undefined
        ? [
            insertDevice({
              id: device,
              labels: JSON.parse(to.labelsJson) as Record<string, string>,
              secretHash: NO_SECRET,
              joinedAt: at,
            }),
          ]
        : []),
      ...(isReplaced ? revokeKey(device, held.keyHash, at) : []),
      ...(hardware === null ? [] : [releaseHardware(hardware, device)]),
      storeIdentity(identity, held?.keyHash),
      insertCertificate({
        serial: issued.serial,
        device,
        keyHash,
        issuedAt: at,
        notAfter: issued.notAfter,
        revokedAt: null,
      }),
      dropOldCertificates(at - KEPT_MS),
    ],
  };
}

async function decide(
  deps: EnrolDeps,
  request: EnrolRequest,
  voucher: Voucher,
  keyHash: string,
): Promise<Result<EnrolmentDecision>> {
  const { store } = deps;
  const { hardware, boundId } = voucher;
  const holder = await readIdentityByKey(store, keyHash);
  const byHardware = hardware === undefined ? undefined : await readIdentityByHardware(store, hardware);
  const wished = boundId ?? request.id ?? byHardware?.device;
  const device = wished === undefined ? undefined : await readDevice(store, wished);
  return decideEnrolment({
    door: voucher.door,
    askedId: request.id,
    boundId,
    freshId: makeDeviceId(),
    keyHash,
    isKeyRevoked: await isKeyRevoked(store, keyHash),
    isPreauthorized: voucher.isPreauthorized,
    holderOfKey: holder?.device,
    holderOfHardware: byHardware && { device: byHardware.device, keyHash: byHardware.keyHash },
    holderOfId: device && { keyHash: (await readIdentity(store, device.id))?.keyHash },
  });
}

/** What the same key was told by the same door, when that still holds. */
async function findStanding(
  deps: EnrolDeps,
  voucher: Voucher,
  keyHash: string,
): Promise<Result<EnrolmentRow | undefined>> {
  const { store } = deps;
  const held = await findEnrolment(store, voucher.source, keyHash);
  if (held === undefined) return accept(undefined);
  if (held.state === 'rejected') return refuse('enrolment_rejected', `Enrolment ${held.id}.`);
  if (held.state === 'pending') return accept(held);
  const identity = await readIdentityByKey(store, keyHash);
  const isGood = identity?.device === held.device && identity.revokedAt === null && identity.notAfter > deps.now();
  return accept(isGood ? held : undefined);
}

/** A certificate at once, a place in the queue, or a refusal. The same key at the same door gets the same answer again. */
export async function enrolDevice(deps: EnrolDeps, request: EnrolRequest, from: string): Promise<Result<EnrolmentRow>> {
  const csr = Buffer.from(request.csr, 'base64');
  if (csr.length > CSR_BYTES) return refuse('csr_invalid', `It has ${csr.length} bytes.`);
  const key = await readCsr(csr);
  if (!key.ok) return key;
  const keyHash = keyHashOf(key.value);
  if (await isKeyRevoked(deps.store, keyHash))
    return refuse('device_revoked', 'A revoked key does not come back; make a new one with --new-key.');
  for (let tries = 1; ; tries++) {
    const caFingerprint = deps.authority.fingerprint;
    const voucher = await openDoor(deps.store, request, { csr, keyHash, caFingerprint, now: deps.now() });
    if (!voucher.ok) return voucher;
    const standing = await findStanding(deps, voucher.value, keyHash);
    if (!standing.ok) return standing;
    if (standing.value !== undefined) return accept(standing.value);
    if (voucher.value.refusal !== undefined) return voucher.value.refusal;
    const decision = await decide(deps, request, voucher.value, keyHash);
    if (!decision.ok) return decision;
    const done = await carryOut(deps, { voucher: voucher.value, spki: key.value, keyHash, from }, decision.value);
    if (done.ok || done.code !== 'write_conflict' || tries >= TRIES) return done;
  }
}

async function carryOut(
  deps: EnrolDeps,
  asked: { voucher: Voucher; spki: Uint8Array; keyHash: string; from: string },
  decision: EnrolmentDecision,
): Promise<Result<EnrolmentRow>> {
  const { store } = deps;
  const { voucher, spki, keyHash, from } = asked;
  const at = deps.now();
  const open: EnrolmentRow = {
    id: deps.newId(),
    state: 'pending',
    door: voucher.door,
    source: voucher.source,
    device: decision.device,
    spki,
    keyHash,
    hardware: voucher.hardware ?? null,
    labelsJson: JSON.stringify(voucher.labels),
    release: voucher.release,
    why: decision.kind === 'wait' ? decision.why : null,
    fromAddress: from,
    certificate: null,
    actor: null,
    createdAt: at,
    updatedAt: at,
  };
  const facts = { door: open.door, keyFingerprint: keyHash, hardware: open.hardware, from };
  if (decision.kind === 'wait') {
    if ((await countPending(store)) >= MOST_PENDING) return refuse('enrolment_queue_full', `${MOST_PENDING} wait.`);
    const isCopy = LOOKS_COPIED.includes(decision.why);
    if (isCopy)
      deps.warn({ device: open.device, why: decision.why, ...facts }, 'a known device came with another key: a copy?');
    const done = await commitWithAudit(store, [...voucher.use, storeEnrolment(open)], {
      at,
      actor: voucher.source,
      action: isCopy ? 'device.clone_suspected' : 'device.enrol_pending',
      subject: open.device,
      detail: { enrolment: open.id, before: null, after: { state: open.state, why: decision.why }, ...facts },
    });
    return done.ok ? accept(open) : refuse('write_conflict', 'Another request came first.');
  }
  const { issued, statements } = await grant(deps, open);
  const row: EnrolmentRow = { ...open, state: 'issued', certificate: issued.pem };
  const done = await commitWithAudit(
    store,
    [...voucher.use, ...statements, storeEnrolment(row), dropOldEnrolments(at - KEPT_MS)],
    {
      at,
      actor: voucher.source,
      action: 'device.enrol',
      subject: row.device,
      detail: { enrolment: row.id, before: null, after: { state: row.state, serial: issued.serial }, ...facts },
    },
  );
  return done.ok ? accept(row) : refuse('write_conflict', 'Another request came first.');
}

/** Why it looks like a copy by now: another device may have got its id or hardware since it began to wait. */
async function looksCopied(
  store: Store,
  { device, keyHash, hardware }: EnrolmentRow,
): Promise<PendingReason | undefined> {
  const byHardware = hardware === null ? undefined : await readIdentityByHardware(store, hardware);
  if (byHardware !== undefined && byHardware.keyHash !== keyHash) return 'known_hardware';
  const isTaken = (await readDevice(store, device)) !== undefined;
  return isTaken && (await readIdentity(store, device))?.keyHash !== keyHash ? 'known_id' : undefined;
}

/** What a person saw when they approved is not what it is by now: it waits on, marked as what it looks like. */
async function flagCopy(
  deps: EnrolDeps,
  held: EnrolmentRow,
  why: PendingReason,
  actor: string,
): Promise<Result<EnrolmentRow>> {
  const at = deps.now();
  const { id, device, keyHash, hardware } = held;
  deps.warn({ device, why, keyFingerprint: keyHash, hardware }, 'a device that waits came to look like a copy');
  await commitWithAudit(deps.store, [flagEnrolment(id, why, at)], {
    at,
    actor,
    action: 'device.clone_suspected',
    subject: device,
    detail: { enrolment: id, before: { why: held.why }, after: { why }, keyFingerprint: keyHash, hardware },
  });
  return refuse('enrolment_changed', `"${device}" (${why}).`);
}

/** A person lets a waiting device in. A key that the device had before is revoked: there is one key for a device. */
export async function approveEnrolment(deps: EnrolDeps, id: string, actor: string): Promise<Result<EnrolmentRow>> {
  const { store } = deps;
  const held = await readEnrolment(store, id);
  if (held?.state === 'issued') return accept(held);
  if (held === undefined || held.state !== 'pending') return refuse('enrolment_unknown', `"${id}".`);
  if (await isKeyRevoked(store, held.keyHash)) return refuse('device_revoked', 'Its key was revoked meanwhile.');
  const copied = await looksCopied(store, held);
  if (copied !== undefined && held.why === 'approval') return flagCopy(deps, held, copied, actor);
  const at = deps.now();
  const { issued, statements, isReplaced } = await grant(deps, held);
  const change = { state: 'issued', certificate: issued.pem, actor, updatedAt: at } as const;
  const done = await commitWithAudit(store, [endEnrolment(id, change), ...statements], {
    at,
    actor,
    action: 'device.approve',
    subject: held.device,
    detail: {
      enrolment: id,
      why: held.why,
      serial: issued.serial,
      keyFingerprint: held.keyHash,
      hardware: held.hardware,
      before: { state: held.state },
      after: { state: change.state },
    },
  });
  if (!done.ok)
    return refuse('write_conflict', 'Somebody else decided about it, or its key is in use by another device.');
  if (isReplaced) deps.endSession(held.device);
  return accept({ ...held, ...change });
}

export async function rejectEnrolment(deps: EnrolDeps, id: string, actor: string): Promise<Result<EnrolmentRow>> {
  const held = await readEnrolment(deps.store, id);
  if (held?.state === 'rejected') return accept(held);
  if (held === undefined || held.state !== 'pending') return refuse('enrolment_unknown', `"${id}".`);
  const change = { state: 'rejected', certificate: null, actor, updatedAt: deps.now() } as const;
  const done = await commitWithAudit(deps.store, [endEnrolment(id, change)], {
    at: change.updatedAt,
    actor,
    action: 'device.reject',
    subject: held.device,
    detail: {
      enrolment: id,
      keyFingerprint: held.keyHash,
      hardware: held.hardware,
      before: { state: held.state },
      after: { state: change.state },
    },
  });
  return done.ok ? accept({ ...held, ...change }) : refuse('write_conflict', 'Somebody else decided about it.');
}
