// Reads a TUF root that is trusted already, or that its own keys or an older root vouch for: who signs desired documents,
// and until when. Passes over fields that it does not know, because a later hub may add some. Never fetches or stores one.
import { verify } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { SignedEnvelope } from '@drover/wire/messages';
import { canonicalize } from '@tufjs/canonical-json';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import type { DesiredDoc, Root } from '../documents.ts';
import { keyidOf, publicKeyFromRaw } from '../dsse.ts';
import { type Believed, type VerifyByDirector, verifyDesiredBy, verifyDirectorBy } from '../trusted-set.ts';
import { tufKeyidOf } from './metadata.ts';

/** The largest root, in bytes. */
export const ROOT_BYTES = 64 * 1024;

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const RoleKeys = Type.Object({
  keyids: Type.Array(Hex64, { minItems: 1, maxItems: 16, uniqueItems: true }),
  threshold: Type.Integer({ minimum: 1, maximum: 16 }),
});
type RoleKeys = Static<typeof RoleKeys>;

const Signed = Type.Object({
  _type: Type.Literal('root'),
  version: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  expires: Type.String({ maxLength: 40 }),
  consistent_snapshot: Type.Literal(true),
  keys: Type.Record(Hex64, Type.Object({ keytype: Type.Literal('ed25519'), keyval: Type.Object({ public: Hex64 }) }), {
    maxProperties: 512,
  }),
  roles: Type.Object({ root: RoleKeys, targets: RoleKeys, snapshot: RoleKeys, timestamp: RoleKeys }),
  'x-drover': Type.Object({ director: RoleKeys }),
});
const RootFile = Type.Object({
  signed: Signed,
  signatures: Type.Array(Type.Object({ keyid: Hex64, sig: Type.String({ pattern: '^[0-9a-f]{128}$' }) }), {
    maxItems: 64,
  }),
});
type RootFile = Static<typeof RootFile>;

export interface ReleaseRoot {
  /** The file as it came. */
  readonly bytes: Uint8Array;
  readonly version: number;
  /** Ms since epoch. */
  readonly expiresAt: number;
  /** Names the keys that are online (timestamp, snapshot, director): another text means that they were changed. */
  readonly onlineKeys: string;
  /** Believes a desired document that enough director keys signed. */
  verifyDesired(envelope: SignedEnvelope): Result<Believed<DesiredDoc>>;
  /** Any other document that the director signs; `parse` sees its payload only when the signatures hold. */
  verifyByDirector: VerifyByDirector;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseFile(bytes: Uint8Array): Result<RootFile> {
  if (bytes.length > ROOT_BYTES) return refuse('root_invalid', `It has ${bytes.length} bytes.`);
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(bytes));
  } catch {
    // JSON and UTF-8 errors are one outcome here: no root.
    return refuse('root_invalid', 'It is not JSON in UTF-8.');
  }
  if (Value.Check(RootFile, json)) return accept(json);
  const [first] = Value.Errors(RootFile, json);
  return refuse('root_invalid', `At "${first?.instancePath.slice(0, 120) ?? '/'}" it ${first?.message ?? 'is wrong'}.`);
}

/** How many of these raw Ed25519 keys signed the file; each counts once. */
function countRootSignatures(file: RootFile, keys: readonly Uint8Array[]): number {
  let text: string;
  try {
    text = canonicalize(file.signed);
  } catch {
    // Canonical JSON has no fractions: nobody can have signed this.
    return 0;
  }
  const message = Buffer.from(text);
  const distinct = new Map(keys.map((key) => [tufKeyidOf(key), key]));
  const good = [...distinct].filter(([keyid, key]) => {
    const signature = file.signatures.find((made) => made.keyid === keyid);
    return signature && verify(null, message, publicKeyFromRaw(key), Buffer.from(signature.sig, 'hex'));
  });
  return good.length;
}

function keysOf({ signed }: RootFile, { keyids }: RoleKeys): Uint8Array[] {
  return keyids.flatMap((keyid) => {
    const key = Object.hasOwn(signed.keys, keyid) ? signed.keys[keyid] : undefined;
    return key ? [Buffer.from(key.keyval.public, 'hex')] : [];
  });
}

/** Opens a root that is signed by the threshold of its own root keys. It says nothing about whether the root is the right one. */
export function openReleaseRoot(bytes: Uint8Array): Result<ReleaseRoot> {
  const parsed = parseFile(bytes);
  if (!parsed.ok) return parsed;
  const file = parsed.value;
  const { signed } = file;
  const wrong = Object.entries(signed.keys).find(
    ([keyid, { keyval }]) => tufKeyidOf(Buffer.from(keyval.public, 'hex')) !== keyid,
  );
  if (wrong) return refuse('root_invalid', `Key id ${wrong[0].slice(0, 16)}… is not the digest of its key.`);
  const expiresAt = Date.parse(signed.expires);
  if (Number.isNaN(expiresAt)) return refuse('root_invalid', 'It expires on no date.');
  const { root, timestamp, snapshot } = signed.roles;
  const valid = countRootSignatures(file, keysOf(file, root));
  if (valid < root.threshold)
    return refuse('root_invalid', `It needs ${root.threshold} signature(s) by its root keys and has ${valid}.`);
  const { director } = signed['x-drover'];
  const directorKeys = new Map(keysOf(file, director).map((key) => [keyidOf(key), key]));
  if (directorKeys.size < director.threshold)
    return refuse('root_invalid', 'The director needs more keys than it has.');

  return accept({
    bytes,
    version: signed.version,
    expiresAt,
    onlineKeys: [timestamp, snapshot, director].map(({ keyids }) => keyids.toSorted().join()).join('/'),
    verifyDesired: (envelope) => verifyDesiredBy(envelope, directorKeys, director.threshold),
    verifyByDirector: verifyDirectorBy(directorKeys, director.threshold),
  });
}

/**
 * Opens the first TUF root of a hub that had a root of Drover 0.1 before: enough of the old root's root keys must have signed
 * it, so that a device that was joined to 0.1 goes on without joining again.
 */
export function adoptReleaseRoot(bytes: Uint8Array, old: Root): Result<ReleaseRoot> {
  const parsed = parseFile(bytes);
  if (!parsed.ok) return parsed;
  const { keyids, threshold } = old.roles.root;
  const keys = keyids.flatMap((keyid) => {
    const key = old.keys[keyid];
    return key === undefined ? [] : [Buffer.from(key, 'base64url')];
  });
  const valid = countRootSignatures(parsed.value, keys);
  if (valid < threshold)
    return refuse(
      'metadata_unsigned',
      `The root needs ${threshold} signature(s) by the root keys that this device was joined with and has ${valid}.`,
    );
  return openReleaseRoot(bytes);
}
