// Builds and signs a root document: which keys may sign releases and desired documents. Never stores keys.
import type { SignedEnvelope } from '@drover/wire/messages';
import { encodeDocument, PAYLOAD_TYPES, type Root } from './documents.ts';
import { type Signer, signPayload } from './dsse.ts';

type PublicKey = Pick<Signer, 'keyid' | 'publicKey'>;

export interface RootKeys {
  readonly root: readonly Signer[];
  readonly release: readonly PublicKey[];
  readonly director: readonly PublicKey[];
}

/** A root with a threshold of one in each role, signed by all root keys given. */
export async function signRoot(version: number, keys: RootKeys): Promise<SignedEnvelope> {
  const all = [...keys.root, ...keys.release, ...keys.director];
  const role = (signers: readonly PublicKey[]) => ({ keyids: signers.map((s) => s.keyid), threshold: 1 });
  const root: Root = {
    type: 'drover.root/1',
    version,
    keys: Object.fromEntries(all.map((s) => [s.keyid, Buffer.from(s.publicKey).toString('base64url')])),
    roles: { root: role(keys.root), release: role(keys.release), director: role(keys.director) },
  };
  return signPayload(PAYLOAD_TYPES.root, encodeDocument(root), keys.root);
}
