// Owns the HTTP schemas about release metadata: roles and their keys, publications, key files. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, Hex64, Instant, Name } from './common.ts';

const Team = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,30}$' });
const RoleText = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,30}(~[a-z0-9][a-z0-9._-]{0,62})?$' });
/** A metadata file in base64. */
const FileText = Type.String({ maxLength: 786_432 });
const Number1 = Type.Integer({ minimum: 1, maximum: 2 ** 31 });

export const RoleFile = Type.Object({ role: RoleText, metadata: FileText });
export type RoleFile = Static<typeof RoleFile>;

/** What a publisher asks for; the signed roles must say exactly this and nothing else. */
export const AskedChange = Type.Object({
  add: Type.Optional(Type.Array(Number1, { maxItems: 100, uniqueItems: true })),
  withdraw: Type.Optional(Type.Array(Number1, { maxItems: 100, uniqueItems: true })),
  minRelease: Type.Optional(Count),
});

/** Roles of a publisher team, signed by its keys. A model without a change is renewed. */
export const PublicationRequest = Type.Object({
  team: Team,
  changes: Type.Record(Name, AskedChange, { maxProperties: 1000 }),
  files: Type.Array(RoleFile, { minItems: 1, maxItems: 1001 }),
});
export type PublicationRequest = Static<typeof PublicationRequest>;

/** Files of a key ceremony. `roots` in order, from the one after the root that the hub holds. */
export const KeyFilesRequest = Type.Object({
  roots: Type.Array(FileText, { maxItems: 64 }),
  targets: Type.Optional(FileText),
  /** Roles of teams whose keys change with `targets`. */
  roles: Type.Optional(Type.Array(RoleFile, { maxItems: 1001 })),
});
export type KeyFilesRequest = Static<typeof KeyFilesRequest>;

export const RoleView = Type.Object({
  role: Type.String(),
  version: Count,
  expiresAt: Instant,
  /** Name below /api/v1/tuf/metadata/; the director has no file of its own, its keys stand in the root. */
  file: Type.Union([Type.String(), Type.Null()]),
  threshold: Count,
  keys: Type.Array(
    Type.Object({
      /** SHA-256 of the raw public key: how key files and DSSE signatures name it. */
      keyid: Hex64,
      /** How the release metadata names it (TUF). */
      tufKeyid: Hex64,
      /** Raw Ed25519 key in hex. */
      publicKey: Hex64,
    }),
  ),
  /** The hub has enough of the keys to sign by itself. */
  isHeld: Type.Boolean(),
  /** Why people have to do something. */
  warning: Type.Union([Type.String(), Type.Null()]),
});
export type RoleView = Static<typeof RoleView>;

export const RoleList = Type.Object({ items: Type.Array(RoleView) });
