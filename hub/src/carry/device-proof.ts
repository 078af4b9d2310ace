// Decides how a device proves what it carried here: by the key that it enrolled, and in development by its secret. Never by
// something that was revoked.
import { createPublicKey, timingSafeEqual } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { checkByKeys, checkBySecretHash, type DeviceProofCheck } from '@drover/trust/carrier/proof';
import type { DeviceRow } from '../db/devices.ts';
import { readIdentity } from '../db/identities.ts';
import type { Store } from '../db/store.ts';

/** What the row of a device says that has no secret: whoever knows that could make its proof. */
const NONE = Buffer.alloc(32);

export async function readProof(
  store: Store,
  { id, secretHash }: DeviceRow,
  isDev: boolean,
): Promise<Result<DeviceProofCheck>> {
  const identity = await readIdentity(store, id);
  if (identity) {
    if (identity.revokedAt !== null)
      return refuse('device_revoked', `"${id}", at ${new Date(identity.revokedAt).toISOString()}.`);
    const key = createPublicKey({ key: Buffer.from(identity.spki), format: 'der', type: 'spki' });
    return accept(checkByKeys(id, [key]));
  }
  const hash = Buffer.from(secretHash, 'hex');
  if (!isDev || hash.length !== NONE.length || timingSafeEqual(hash, NONE))
    return refuse('report_proof_wrong', `"${id}" has no key that this hub knows: enrol it first.`);
  return accept(checkBySecretHash(id, secretHash));
}
