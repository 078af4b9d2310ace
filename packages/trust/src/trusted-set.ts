// Decides whether a signed document is to be believed: right kind, enough valid signatures by the role's keys, sound content.
// Pure over bytes and a root; never fetches, stores or reads a clock.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { SignedEnvelope } from '@drover/wire/messages';
import {
  type DesiredDoc,
  type Manifest,
  PAYLOAD_TYPES,
  parseDesiredDoc,
  parseManifest,
  parseRoot,
  type Role,
  type Root,
} from './documents.ts';
import { countSignatures, digestOf, keyidOf } from './dsse.ts';

export interface Believed<T> {
  readonly document: T;
  /** SHA-256 of the payload, in hex. */
  readonly digest: string;
}

const rawKey = (text: string): Uint8Array => Buffer.from(text, 'base64url');

function checkSignatures(envelope: SignedEnvelope, root: Root, role: Role | 'root'): Result<undefined> {
  const { keyids, threshold } = root.roles[role];
  const keys = new Map(keyids.map((keyid) => [keyid, rawKey(root.keys[keyid] ?? '')]));
  const { valid, broken } = countSignatures(envelope, keys);
  if (valid >= threshold) return accept(undefined);
  if (broken > 0)
    return refuse('signature_invalid', `${broken} signature(s) by a key of the role "${role}" do not match.`);
  return refuse('signature_missing', `The role "${role}" needs ${threshold} signature(s) and ${valid} are there.`);
}

/** What a device believes, given the root that it was handed at join. */
export interface TrustedSet {
  readonly root: Root;
  verifyManifest(envelope: SignedEnvelope): Result<Believed<Manifest>>;
  verifyDesired(envelope: SignedEnvelope): Result<Believed<DesiredDoc>>;
}

/** Opens a root envelope: it must be signed by the threshold of its own root keys and each key id must be its key's. */
export function openTrustedSet(rootEnvelope: SignedEnvelope): Result<TrustedSet> {
  if (rootEnvelope.payloadType !== PAYLOAD_TYPES.root) {
    return refuse(
      'payload_type_mismatch',
      `It says "${rootEnvelope.payloadType.slice(0, 80)}" and not "${PAYLOAD_TYPES.root}".`,
    );
  }
  const parsed = parseRoot(rootEnvelope.payload);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  const wrong = Object.entries(root.keys).find(([keyid, key]) => keyidOf(rawKey(key)) !== keyid);
  if (wrong) return refuse('root_invalid', `Key id ${wrong[0].slice(0, 16)}… is not the digest of its key.`);
  const signed = checkSignatures(rootEnvelope, root, 'root');
  if (!signed.ok) return signed;

  function verify<T>(
    envelope: SignedEnvelope,
    type: string,
    role: Role,
    parse: (payload: Uint8Array) => Result<T>,
  ): Result<Believed<T>> {
    if (envelope.payloadType !== type) {
      return refuse('payload_type_mismatch', `It says "${envelope.payloadType.slice(0, 80)}" and not "${type}".`);
    }
    // Signatures first: nothing of a payload is read before its bytes are believed.
    const checked = checkSignatures(envelope, root, role);
    if (!checked.ok) return checked;
    const document = parse(envelope.payload);
    return document.ok ? accept({ document: document.value, digest: digestOf(envelope.payload) }) : document;
  }

  return accept({
    root,
    verifyManifest: (envelope) => verify(envelope, PAYLOAD_TYPES.manifest, 'release', parseManifest),
    verifyDesired: (envelope) => verify(envelope, PAYLOAD_TYPES.desired, 'director', parseDesiredDoc),
  });
}
