// Makes what a person hands out so that devices may come in: claims, batch tokens, preauthorizations, factory CAs. Each is
// one commit with its audit row; a code or token is returned once and kept as a hash. Never enrols.
import { randomBytes } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { checkFactoryCa } from '@drover/trust/pki/factory';
import { fingerprintOf } from '@drover/trust/pki/peer';
import type { Labels } from '@drover/wire/http/common';
import { commitWithAudit } from '../db/audit.ts';
import {
  deleteFactoryCa,
  dropOldClaims,
  endBatchToken,
  type FactoryCaRow,
  findBatchToken,
  insertBatchToken,
  insertClaim,
  readFactoryCa,
  readPreauthorization,
  storeFactoryCa,
  storePreauthorization,
} from '../db/enrolments.ts';
import type { Statement, Store } from '../db/store.ts';
import { hashCode } from './doors.ts';

export interface VoucherDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly newId: () => string;
}

const CLAIM_SECONDS = 15 * 60;
const BATCH_SECONDS = 7 * 86_400;
/** Claims that ended are of no use; the audit log has them. */
const KEPT_MS = 30 * 86_400_000;

const instant = (at: number): string => new Date(at).toISOString();
const labelsOf = ({ labelsJson }: { readonly labelsJson: string }): Labels => JSON.parse(labelsJson) as Labels;

const makeCode = (): string => randomBytes(16).toString('base64url');

async function write(
  { store, now }: VoucherDeps,
  statements: readonly Statement[],
  entry: { actor: string; action: string; subject: string; detail: { before: unknown; after: unknown } },
): Promise<Result<undefined>> {
  const done = await commitWithAudit(store, statements, { at: now(), ...entry });
  return done.ok ? accept(undefined) : refuse('write_conflict', `"${entry.subject}".`);
}

export async function makeClaim(
  deps: VoucherDeps,
  wish: { id?: string; labels?: Labels; release?: 'person'; ttlSeconds?: number },
  actor: string,
): Promise<Result<{ id: string; code: string; expiresAt: number }>> {
  const at = deps.now();
  const code = makeCode();
  const { id: device, labels = {}, release, ttlSeconds = CLAIM_SECONDS } = wish;
  const row = {
    id: deps.newId(),
    codeHash: hashCode(code),
    device: device ?? null,
    labelsJson: JSON.stringify(labels),
    release: release ?? null,
    actor,
    createdAt: at,
    expiresAt: at + ttlSeconds * 1000,
    usedAt: null,
    usedKey: null,
  };
  const { id, expiresAt } = row;
  const after = { device: row.device, labels, release: row.release, expiresAt: instant(expiresAt) };
  const done = await write(deps, [insertClaim(row), dropOldClaims(at - KEPT_MS)], {
    actor,
    action: 'device.claim',
    subject: id,
    detail: { before: null, after },
  });
  return done.ok ? accept({ id, code, expiresAt }) : done;
}

export async function makeBatchToken(
  deps: VoucherDeps,
  wish: { labels?: Labels; uses: number; ttlSeconds?: number },
  actor: string,
): Promise<Result<{ id: string; token: string; expiresAt: number }>> {
  const at = deps.now();
  const token = makeCode();
  const { labels = {}, uses, ttlSeconds = BATCH_SECONDS } = wish;
  const row = {
    id: deps.newId(),
    tokenHash: hashCode(token),
    labelsJson: JSON.stringify(labels),
    uses,
    used: 0,
    actor,
    createdAt: at,
    expiresAt: at + ttlSeconds * 1000,
  };
  const { id, expiresAt } = row;
  const detail = { before: null, after: { labels, uses, expiresAt: instant(expiresAt) } };
  const done = await write(deps, [insertBatchToken(row)], { actor, action: 'device.batch_token', subject: id, detail });
  return done.ok ? accept({ id, token, expiresAt }) : done;
}

/** A token that leaked takes nobody in any more; who came by it already stays. */
export async function endToken(deps: VoucherDeps, id: string, actor: string): Promise<Result<undefined>> {
  const held = await findBatchToken(deps.store, id);
  if (held === undefined) return refuse('claim_unknown', `There is no token ${id}.`);
  const { uses, used, expiresAt } = held;
  const at = deps.now();
  return write(deps, [endBatchToken(id, at)], {
    actor,
    action: 'device.batch_token_end',
    subject: id,
    detail: {
      before: { labels: labelsOf(held), uses, used, expiresAt: instant(expiresAt) },
      after: { expiresAt: instant(at) },
    },
  });
}

export async function preauthorize(
  deps: VoucherDeps,
  wish: { hardware: string; keyFingerprint: string; id?: string; labels?: Labels },
  actor: string,
): Promise<Result<undefined>> {
  const { hardware, keyFingerprint: keyHash, id, labels = {} } = wish;
  const row = {
    hardware,
    keyHash,
    device: id ?? null,
    labelsJson: JSON.stringify(labels),
    actor,
    createdAt: deps.now(),
  };
  const held = await readPreauthorization(deps.store, hardware, keyHash);
  const detail = {
    before: held ? { device: held.device, labels: labelsOf(held) } : null,
    after: { keyFingerprint: keyHash, device: row.device, labels },
  };
  return write(deps, [storePreauthorization(row)], { actor, action: 'device.preauthorize', subject: hardware, detail });
}

export async function addFactoryCa(
  deps: VoucherDeps,
  wish: { name: string; certificate: string; labels?: Labels },
  actor: string,
): Promise<Result<FactoryCaRow>> {
  const checked = checkFactoryCa(wish.certificate, deps.now());
  if (!checked.ok) return checked;
  const { name, labels = {} } = wish;
  const row = {
    fingerprint: fingerprintOf(checked.value),
    name,
    pem: checked.value.toString(),
    labelsJson: JSON.stringify(labels),
    actor,
    createdAt: deps.now(),
  };
  const held = await readFactoryCa(deps.store, row.fingerprint);
  const done = await write(deps, [storeFactoryCa(row)], {
    actor,
    action: 'device.factory_ca',
    subject: row.fingerprint,
    detail: { before: held ? { name: held.name, labels: labelsOf(held) } : null, after: { name, labels } },
  });
  return done.ok ? accept(row) : done;
}

export async function removeFactoryCa(
  deps: VoucherDeps,
  fingerprint: string,
  actor: string,
): Promise<Result<undefined>> {
  const held = await readFactoryCa(deps.store, fingerprint);
  const done = await write(deps, [deleteFactoryCa(fingerprint)], {
    actor,
    action: 'device.factory_ca_remove',
    subject: fingerprint,
    detail: { before: held ? { name: held.name, labels: labelsOf(held) } : null, after: null },
  });
  return done.ok ? done : refuse('not_found', `No factory CA has the fingerprint ${fingerprint}.`);
}
