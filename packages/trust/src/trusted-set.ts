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

type Keys = ReadonlyMap<string, Uint8Array>;

function checkSignatures(envelope: SignedEnvelope, keys: Keys, threshold: number, role: string): Result<undefined> {
  const { valid, broken } = countSignatures(envelope, keys);
  if (valid >= threshold) return accept(undefined);
  if (broken > 0)
    return refuse('signature_invalid', `${broken} signature(s) by a key of the role "${role}" do not match.`);
  return refuse('signature_missing', `The role "${role}" needs ${threshold} signature(s) and ${valid} are there.`);
}

function keysOf(root: Root, role: Role | 'root'): Keys {
  return new Map(root.roles[role].keyids.map((keyid) => [keyid, rawKey(root.keys[keyid] ?? '')]));
}

function checkType(envelope: SignedEnvelope, type: string): Result<undefined> {
  if (envelope.payloadType === type) return accept(undefined);
  return refuse('payload_type_mismatch', `It says "${envelope.payloadType.slice(0, 80)}" and not "${type}".`);
}

function verifyBy<T>(
  envelope: SignedEnvelope,
  expected: { readonly type: string; readonly role: string; readonly keys: Keys; readonly threshold: number },
  parse: (payload: Uint8Array) => Result<T>,
): Result<Believed<T>> {
  const { type, role, keys, threshold } = expected;
  const typed = checkType(envelope, type);
  if (!typed.ok) return typed;
  // Signatures first: nothing of a payload is read before its bytes are believed.
  const checked = checkSignatures(envelope, keys, threshold, role);
  if (!checked.ok) return checked;
  const document = parse(envelope.payload);
  return document.ok ? accept({ document: document.value, digest: digestOf(envelope.payload) }) : document;
}

/** A manifest signed by one of these keys (key id → raw public key), whoever says that they may. */
export const verifyManifestBy = (envelope: SignedEnvelope, keys: Keys): Result<Believed<Manifest>> =>
  verifyBy(envelope, { type: PAYLOAD_TYPES.manifest, role: 'release', keys, threshold: 1 }, parseManifest);

/**
 * A desired document signed by `threshold` of these keys (key id → raw public key).
 * @public for devices, whose director keys come from the root of the release metadata
 */
export const verifyDesiredBy = (
  envelope: SignedEnvelope,
  keys: Keys,
  threshold: number,
): Result<Believed<DesiredDoc>> =>
  verifyBy(envelope, { type: PAYLOAD_TYPES.desired, role: 'director', keys, threshold }, parseDesiredDoc);

/** Any other document that the director signs; `parse` sees its payload only when the signatures hold. */
export type VerifyByDirector = <T>(
  envelope: SignedEnvelope,
  type: string,
  parse: (payload: Uint8Array) => Result<T>,
) => Result<Believed<T>>;

/** Believes what `threshold` of these director keys signed. */
export const verifyDirectorBy =
  (keys: Keys, threshold: number): VerifyByDirector =>
  (envelope, type, parse) =>
    verifyBy(envelope, { type, role: 'director', keys, threshold }, parse);

/** What a device believes, given the root that it was handed at join. */
export interface TrustedSet {
  readonly root: Root;
  verifyManifest(envelope: SignedEnvelope): Result<Believed<Manifest>>;
  verifyDesired(envelope: SignedEnvelope): Result<Believed<DesiredDoc>>;
  verifyByDirector: VerifyByDirector;
}

/** Opens a root envelope: it must be signed by the threshold of its own root keys and each key id must be its key's. */
export function openTrustedSet(rootEnvelope: SignedEnvelope): Result<TrustedSet> {
  const typed = checkType(rootEnvelope, PAYLOAD_TYPES.root);
  if (!typed.ok) return typed;
  const parsed = parseRoot(rootEnvelope.payload);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  const wrong = Object.entries(root.keys).find(([keyid, key]) => keyidOf(rawKey(key)) !== keyid);
  if (wrong) return refuse('root_invalid', `Key id ${wrong[0].slice(0, 16)}… is not the digest of its key.`);
  const signed = checkSignatures(rootEnvelope, keysOf(root, 'root'), root.roles.root.threshold, 'root');
  if (!signed.ok) return signed;
  const expect = (role: Role, type: string) => ({
    type,
    role,
    keys: keysOf(root, role),
    threshold: root.roles[role].threshold,
  });
  return accept({
    root,
    verifyManifest: (envelope) => verifyBy(envelope, expect('release', PAYLOAD_TYPES.manifest), parseManifest),
    verifyDesired: (envelope) => verifyBy(envelope, expect('director', PAYLOAD_TYPES.desired), parseDesiredDoc),
    verifyByDirector: (envelope, type, parse) => verifyBy(envelope, expect('director', type), parse),
  });
}
