// Decides what becomes of a device that asks to be enrolled: a certificate, a place in the queue, or a no. Never issues.
import { accept, type Result, refuse } from './reasons.ts';

/** How a device comes in: a code for one device, a token for many, or the certificate of its maker. */
export type EnrolmentDoor = 'claim' | 'batch' | 'factory';
export type EnrolmentState = 'pending' | 'issued' | 'rejected';

/**
 * Why a person must look. `approval`: a batch token vouches for nobody. The other two look like a copy: an id or a piece of
 * hardware that is known comes with another key.
 */
export type PendingReason = 'approval' | 'known_id' | 'known_hardware';

export interface EnrolmentFacts {
  readonly door: EnrolmentDoor;
  /** The id that the device asks for. */
  readonly askedId: string | undefined;
  /** The id that the claim or the preauthorization is for. */
  readonly boundId: string | undefined;
  /** Used when nobody names one. */
  readonly freshId: string;
  readonly keyHash: string;
  readonly isKeyRevoked: boolean;
  /** Hardware and key were announced by a person. */
  readonly isPreauthorized: boolean;
  /** The device that holds this key. */
  readonly holderOfKey: string | undefined;
  /** The device that holds this hardware serial, when one was given. */
  readonly holderOfHardware: { readonly device: string; readonly keyHash: string } | undefined;
  /** The device that has the id: its key, or none when it only has a secret. Undefined: the id is free. */
  readonly holderOfId: { readonly keyHash: string | undefined } | undefined;
}

export type EnrolmentDecision =
  | { readonly kind: 'issue'; readonly device: string }
  | { readonly kind: 'wait'; readonly device: string; readonly why: PendingReason };

/** The id that the device will have. */
function chooseDeviceId(facts: EnrolmentFacts): Result<string> {
  const { askedId, boundId, freshId, holderOfKey, holderOfHardware } = facts;
  if (askedId !== undefined && boundId !== undefined && askedId !== boundId)
    return refuse('enrol_other_device', `It is for "${boundId}", and the device asks for "${askedId}".`);
  const wished = boundId ?? askedId;
  // A key is one device: whoever comes again with it is that one.
  if (holderOfKey !== undefined && wished !== undefined && wished !== holderOfKey)
    return refuse('enrol_key_known', `It belongs to "${holderOfKey}", and the device asks to be "${wished}".`);
  // The same hardware without a wish of its own is most likely the same device, installed again.
  return accept(holderOfKey ?? wished ?? holderOfHardware?.device ?? freshId);
}

export function decideEnrolment(facts: EnrolmentFacts): Result<EnrolmentDecision> {
  if (facts.isKeyRevoked)
    return refuse('device_revoked', 'A revoked key does not come back; make a new one with --new-key.');
  const chosen = chooseDeviceId(facts);
  if (!chosen.ok) return chosen;
  const device = chosen.value;
  if (facts.holderOfKey !== undefined) return accept({ kind: 'issue', device });
  const wait = (why: PendingReason): Result<EnrolmentDecision> => accept({ kind: 'wait', device, why });
  if (facts.holderOfHardware !== undefined) return wait('known_hardware');
  if (facts.holderOfId !== undefined) {
    // A device that only has a secret gets its first key by a claim that names it: that is how it moves to certificates.
    const isFirstKey = facts.holderOfId.keyHash === undefined && facts.boundId === device && facts.door !== 'factory';
    if (!isFirstKey) return wait('known_id');
  }
  return facts.door === 'batch' && !facts.isPreauthorized ? wait('approval') : accept({ kind: 'issue', device });
}
