// Reads, writes and signs files of the release metadata, and counts signatures on them. Knows the fields of each kind and
// their limits; never decides whether a change is allowed.
import { createHash, verify } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { canonicalize } from '@tufjs/canonical-json';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { publicKeyFromRaw, type Signer, SignerFailed } from '../dsse.ts';

/** TUF specification that the metadata follows. */
export const SPEC_VERSION = '1.0.34';
/** The largest file of any role; a role of 1,000 models has about 200 kB. */
export const METADATA_BYTES = 512 * 1024;
/** Approved versions of one model: more would make each client slow (tuf-js builds the list in quadratic time). */
export const TARGETS_PER_MODEL = 100;
export const MODELS_PER_TEAM = 1000;
export const TEAMS = 64;
/** Keys of one role. */
const ROLE_KEYS = 16;

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Version = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Expires = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' });
const closed = { additionalProperties: false } as const;

const TufKey = Type.Object(
  {
    keytype: Type.Literal('ed25519'),
    scheme: Type.Literal('ed25519'),
    keyval: Type.Object({ public: Hex64 }, closed),
  },
  closed,
);
export type TufKey = Static<typeof TufKey>;
const Keys = Type.Record(Hex64, TufKey, { maxProperties: 512 });

const RoleKeys = Type.Object(
  {
    keyids: Type.Array(Hex64, { minItems: 1, maxItems: ROLE_KEYS, uniqueItems: true }),
    threshold: Type.Integer({ minimum: 1, maximum: ROLE_KEYS }),
  },
  closed,
);
/** Which keys sign for a role, and how many of them must. */
export type RoleKeys = Static<typeof RoleKeys>;

const common = {
  spec_version: Type.String({ pattern: '^1\\.\\d{1,3}\\.\\d{1,3}$' }),
  version: Version,
  expires: Expires,
};

export const RootSigned = Type.Object(
  {
    _type: Type.Literal('root'),
    ...common,
    consistent_snapshot: Type.Literal(true),
    keys: Keys,
    roles: Type.Object({ root: RoleKeys, targets: RoleKeys, snapshot: RoleKeys, timestamp: RoleKeys }, closed),
    /** The keys that sign desired documents; a TUF client passes over the field, a Drover agent goes by it. */
    'x-drover': Type.Object({ director: RoleKeys }, closed),
  },
  closed,
);
export type RootSigned = Static<typeof RootSigned>;

const DelegatedRole = Type.Object(
  {
    name: Type.String({ maxLength: 128 }),
    ...RoleKeys.properties,
    terminating: Type.Literal(true),
    paths: Type.Array(Type.String({ maxLength: 128 }), { minItems: 1, maxItems: 1 }),
  },
  closed,
);
export type DelegatedRole = Static<typeof DelegatedRole>;
const Delegations = Type.Object(
  { keys: Keys, roles: Type.Array(DelegatedRole, { maxItems: MODELS_PER_TEAM }) },
  closed,
);
export type Delegations = Static<typeof Delegations>;

const Target = Type.Object(
  {
    length: Count,
    hashes: Type.Object({ sha256: Hex64 }, closed),
    /** `release` is the counter in the manifest. */
    custom: Type.Object({ release: Count }, closed),
  },
  closed,
);
export type Target = Static<typeof Target>;

export const TargetsSigned = Type.Object(
  {
    _type: Type.Literal('targets'),
    ...common,
    targets: Type.Record(Type.String({ maxLength: 160 }), Target, { maxProperties: TARGETS_PER_MODEL }),
    delegations: Type.Optional(Delegations),
    /** `minRelease` in a model's role; `release: person` in `targets` refuses all that only the hub vouches for. */
    'x-drover': Type.Optional(
      Type.Object({ minRelease: Type.Optional(Count), release: Type.Optional(Type.Literal('person')) }, closed),
    ),
  },
  closed,
);
export type TargetsSigned = Static<typeof TargetsSigned>;

const MetaFile = Type.Object(
  { version: Version, length: Count, hashes: Type.Object({ sha256: Hex64 }, closed) },
  closed,
);
const Meta = Type.Object({ version: Version }, closed);

export const SnapshotSigned = Type.Object(
  { _type: Type.Literal('snapshot'), ...common, meta: Type.Record(Type.String({ maxLength: 160 }), Meta) },
  closed,
);
export type SnapshotSigned = Static<typeof SnapshotSigned>;

export const TimestampSigned = Type.Object(
  { _type: Type.Literal('timestamp'), ...common, meta: Type.Object({ 'snapshot.json': MetaFile }, closed) },
  closed,
);
export type TimestampSigned = Static<typeof TimestampSigned>;

export type AnySigned = RootSigned | TargetsSigned | SnapshotSigned | TimestampSigned;

const SCHEMAS = { root: RootSigned, targets: TargetsSigned, snapshot: SnapshotSigned, timestamp: TimestampSigned };
interface SignedOf {
  readonly root: RootSigned;
  readonly targets: TargetsSigned;
  readonly snapshot: SnapshotSigned;
  readonly timestamp: TimestampSigned;
}
export type MetadataKind = keyof SignedOf;

const Signatures = Type.Array(Type.Object({ keyid: Hex64, sig: Type.String({ pattern: '^[0-9a-f]{128}$' }) }, closed), {
  maxItems: 32,
});

export interface TufSignature {
  readonly keyid: string;
  /** Ed25519 in hex. */
  readonly sig: string;
}

/** A file of the metadata. One with too few signatures is a draft. */
export interface Metadata<T extends AnySigned = AnySigned> {
  readonly signed: T;
  readonly signatures: readonly TufSignature[];
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // JSON and UTF-8 errors are one outcome here: not metadata.
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads one file of the given kind. Refuses unknown fields: what nobody understands nobody should sign. No signature is checked. */
export function parseMetadata<K extends MetadataKind>(kind: K, bytes: Uint8Array): Result<Metadata<SignedOf[K]>> {
  if (bytes.length > METADATA_BYTES)
    return refuse('metadata_malformed', `It has ${bytes.length} bytes and at most ${METADATA_BYTES} are read.`);
  const json = parseJson(bytes);
  if (!isObject(json)) return refuse('metadata_malformed', 'It is not a JSON object in UTF-8.');
  const { signed, signatures, ...rest } = json;
  const [more] = Object.keys(rest);
  if (more !== undefined) return refuse('metadata_malformed', `The field "${more.slice(0, 80)}" is not known.`);
  if (!Value.Check(Signatures, signatures)) return refuse('metadata_malformed', 'Its signatures cannot be read.');
  if (new Set(signatures.map(({ keyid }) => keyid)).size !== signatures.length)
    return refuse('metadata_malformed', 'One key signed twice.');
  const schema = SCHEMAS[kind];
  if (!Value.Check(schema, signed)) {
    const [first] = Value.Errors(schema, signed);
    const where = (first?.instancePath ?? '').slice(0, 120);
    return refuse('metadata_malformed', `At "${where === '' ? '/' : where}" it ${first?.message ?? 'does not match'}.`);
  }
  const value = signed as SignedOf[K];
  if (Number.isNaN(Date.parse(value.expires))) return refuse('metadata_malformed', 'It expires on no date.');
  const problem = checkKeys(value);
  return problem ?? accept({ signed: value, signatures });
}

/** Every role named has its keys, enough of them, and each key id is its key's. */
function checkKeys(signed: AnySigned): ReturnType<typeof refuse> | undefined {
  const keys = 'keys' in signed ? signed.keys : 'delegations' in signed ? (signed.delegations?.keys ?? {}) : {};
  const roles: [string, RoleKeys][] =
    signed._type === 'root'
      ? Object.entries({ ...signed.roles, director: signed['x-drover'].director })
      : signed._type === 'targets'
        ? (signed.delegations?.roles ?? []).map((role) => [role.name, role])
        : [];
  const wrong = Object.entries(keys).find(([keyid, key]) => tufKeyidOf(rawKeyOf(key)) !== keyid);
  if (wrong) return refuse('metadata_malformed', `Key id ${wrong[0].slice(0, 16)}… is not the digest of its key.`);
  for (const [name, { keyids, threshold }] of roles) {
    if (threshold > keyids.length)
      return refuse('metadata_malformed', `The role "${name}" needs more keys than it has.`);
    if (keyids.some((keyid) => !Object.hasOwn(keys, keyid)))
      return refuse('metadata_malformed', `The role "${name}" names a key that is not in the file.`);
  }
  if (new Set(roles.map(([name]) => name)).size !== roles.length)
    return refuse('metadata_malformed', 'A role is delegated twice.');
  return undefined;
}

export const tufKeyOf = (publicKey: Uint8Array): TufKey => ({
  keytype: 'ed25519',
  scheme: 'ed25519',
  keyval: { public: Buffer.from(publicKey).toString('hex') },
});

/** The raw 32-byte public key. */
export const rawKeyOf = (key: TufKey): Uint8Array => Buffer.from(key.keyval.public, 'hex');

/** TUF 1.0.34 §4.2: SHA-256 over the canonical JSON of the key. (DSSE signatures name a key by the digest of its raw bytes.) */
export const tufKeyidOf = (publicKey: Uint8Array): string =>
  createHash('sha256')
    .update(canonicalize(tufKeyOf(publicKey)))
    .digest('hex');

/** The exact bytes that are signed: canonical JSON of `signed`. */
export const signedBytes = (signed: AnySigned): Uint8Array => Buffer.from(canonicalize(signed), 'utf8');

/** The bytes of a file; the same metadata always gives the same ones. */
export const encodeMetadata = ({ signed, signatures }: Metadata): Uint8Array =>
  Buffer.from(`${JSON.stringify({ signatures, signed }, undefined, 1)}\n`, 'utf8');

/** Adds a signature by each signer; one that a key made before is replaced. Refused when a signer does not sign. */
export async function addSignatures<T extends AnySigned>(
  metadata: Metadata<T>,
  signers: readonly Signer[],
): Promise<Result<Metadata<T>>> {
  const bytes = signedBytes(metadata.signed);
  const made = new Map(metadata.signatures.map((signature) => [signature.keyid, signature]));
  try {
    for (const signer of signers) {
      const keyid = tufKeyidOf(signer.publicKey);
      made.set(keyid, { keyid, sig: Buffer.from(await signer.sign(bytes)).toString('hex') });
    }
  } catch (error) {
    if (error instanceof SignerFailed) return refuse('signer_failed', error.message);
    throw error;
  }
  const signatures = [...made.values()].toSorted((a, b) => (a.keyid < b.keyid ? -1 : 1));
  return accept({ signed: metadata.signed, signatures });
}

export const signMetadata = <T extends AnySigned>(
  signed: T,
  signers: readonly Signer[],
): Promise<Result<Metadata<T>>> => addSignatures({ signed, signatures: [] }, signers);

/** Key ids of `role` that signed validly; each key counts once. */
export function listSigners(
  metadata: Metadata,
  role: RoleKeys,
  keys: Readonly<Record<string, TufKey>>,
): readonly string[] {
  const bytes = signedBytes(metadata.signed);
  return role.keyids.filter((keyid) => {
    const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
    const signature = metadata.signatures.find((made) => made.keyid === keyid);
    return (
      key !== undefined &&
      signature !== undefined &&
      verify(null, bytes, publicKeyFromRaw(rawKeyOf(key)), Buffer.from(signature.sig, 'hex'))
    );
  });
}

/** Whether enough keys of the role signed. `name` is for the sentence only. */
export function checkThreshold(
  metadata: Metadata,
  name: string,
  role: RoleKeys,
  keys: Readonly<Record<string, TufKey>>,
): Result<undefined> {
  const valid = listSigners(metadata, role, keys).length;
  if (valid >= role.threshold) return accept(undefined);
  return refuse(
    'metadata_unsigned',
    `"${name}" version ${metadata.signed.version} needs ${role.threshold} signature(s) by its keys and has ${valid}.`,
  );
}
