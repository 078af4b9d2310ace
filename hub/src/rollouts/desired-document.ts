// Builds and signs one device's desired document with the director key. Never decides what is in it, never stores it.
import { nextGeneration } from '@drover/core/desired';
import type { SlotWish } from '@drover/core/rollout/reconcile';
import { type DesiredDoc, encodeDocument, PAYLOAD_TYPES } from '@drover/trust/documents';
import { digestOf, type Signer, signPayload } from '@drover/trust/dsse';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { DesiredRow } from '../db/desired.ts';

export type DesiredPolicy = DesiredDoc['policy'];

/**
 * How policies are compared and stored: the same fields always give the same text. The director's key is one of them, so
 * that after a rotation every document is issued anew.
 */
export const writePolicy = (
  { windowMs, windowEpochAt, probationMs }: DesiredPolicy,
  director: Pick<Signer, 'keyid'>,
): string => JSON.stringify({ windowMs, windowEpochAt, probationMs, director: director.keyid });

/** A document is good for this long; a device installs nothing new after it, and what runs keeps running. */
export const VALID_MS = 30 * 86_400_000;

export interface DesiredOrder {
  readonly device: string;
  /** The generation of the document that this one replaces, 0 when there is none. */
  readonly ownGeneration: number;
  readonly reportedGeneration: number;
  readonly slots: Readonly<Record<string, SlotWish>>;
  readonly policy: DesiredPolicy;
  readonly now: number;
  /** How long the document is good, ms; `VALID_MS` when it is not said. */
  readonly validMs?: number;
}

/** `issuedAt` and `expiresAt` are `now` and `validMs` later. */
export async function signDesired(order: DesiredOrder, director: Signer): Promise<DesiredRow> {
  const { device, ownGeneration, reportedGeneration, slots, policy, now, validMs = VALID_MS } = order;
  const generation = nextGeneration(ownGeneration, reportedGeneration);
  const document: DesiredDoc = {
    type: 'drover.desired/1',
    device,
    generation,
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + validMs).toISOString(),
    slots: Object.fromEntries(
      Object.entries(slots).map(([slot, { windows, ...wish }]) => [
        slot,
        { ...wish, ...(windows && { windows: windows.map((one) => ({ ...one, days: [...one.days] })) }) },
      ]),
    ),
    policy,
  };
  const payload = encodeDocument(document);
  const manifests = [...new Set(Object.values(slots).flatMap(({ manifest }) => (manifest === null ? [] : [manifest])))];
  return {
    device,
    generation,
    digest: digestOf(payload),
    envelope: encodeSignedEnvelope(await signPayload(PAYLOAD_TYPES.desired, payload, [director])),
    slotsJson: JSON.stringify(slots),
    policyJson: writePolicy(policy, director),
    manifestsJson: JSON.stringify(manifests),
    issuedAt: now,
    expiresAt: now + validMs,
  };
}
