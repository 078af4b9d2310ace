// Owns who this device is: its id, its secret or certificate, the roots of trust it was handed at join. Never logs a secret.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { openTrustedSet, type TrustedSet } from '@drover/trust/trusted-set';
import { installFactoryRoot } from '@drover/trust/tuf/metadata-folder';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import type { HandedRoots } from './release/handed-roots.ts';
import { releaseFolder } from './release/trust.ts';
import { replaceFile } from './store/durable-file.ts';

const Common = {
  device: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' }),
  mqttUrl: Type.String({ pattern: '^mqtts?://', maxLength: 512 }),
  /** Where it renews and fetches; a hub of 0.1 has none. */
  devicesUrl: Type.Optional(Type.String({ pattern: '^https?://', maxLength: 512 })),
  hubId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  /** Said at join: `person` takes only what a release key held off the hub signed. */
  release: Type.Optional(Type.Union([Type.Literal('any'), Type.Literal('person')])),
};
/** Of 0.1 and of development: without a version. */
const SecretIdentity = Type.Object({
  version: Type.Optional(Type.Literal(1)),
  ...Common,
  secret: Type.String({ minLength: 1, maxLength: 256 }),
});
const Pem = Type.String({ maxLength: 16_384, pattern: '^-----BEGIN CERTIFICATE-----' });
/** Key and certificate; replaced as a whole at each renewal, while the key's file is never written again. */
const CertificateIdentity = Type.Object({
  version: Type.Literal(2),
  ...Common,
  devicesUrl: Type.String({ pattern: '^https://', maxLength: 512 }),
  ca: Pem,
  certificate: Pem,
  /** Its name below `keys/`. */
  keyFile: Type.String({ pattern: '^[0-9a-f]{16}\\.key$' }),
});
const Identity = Type.Union([CertificateIdentity, SecretIdentity]);
export type Identity = Static<typeof Identity>;
export type CertificateIdentity = Static<typeof CertificateIdentity>;

const identityFile = (dataDir: string): string => path.join(dataDir, 'identity.json');
const rootFile = (dataDir: string): string => path.join(dataDir, 'root.bin');

export const hasIdentity = (dataDir: string): boolean => existsSync(identityFile(dataDir));

/** Roots first: an identity without one would be a device that trusts nobody. */
export function writeIdentity(dataDir: string, identity: Identity, roots: HandedRoots): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // Beside a release root the old one stays: it vouches for manifests that 0.1 stored, and for nothing else any more.
  if (roots.release) installFactoryRoot(releaseFolder(dataDir), roots.release);
  else if (roots.legacy) {
    rmSync(releaseFolder(dataDir), { recursive: true, force: true });
    replaceFile(rootFile(dataDir), encodeSignedEnvelope(roots.legacy));
  }
  replaceFile(identityFile(dataDir), `${JSON.stringify(identity, undefined, 2)}\n`);
}

/** A renewed certificate in place of the one before. */
export const replaceIdentity = (dataDir: string, identity: CertificateIdentity): void =>
  replaceFile(identityFile(dataDir), `${JSON.stringify(identity, undefined, 2)}\n`);

function readLegacyRoot(dataDir: string): Result<TrustedSet> | undefined {
  const file = rootFile(dataDir);
  if (!existsSync(file)) return undefined;
  const envelope = readSignedEnvelope(readFileSync(file));
  return envelope.ok ? openTrustedSet(envelope.value) : envelope;
}

/** `legacy`: the root of 0.1, when the device was joined with one. Whether a release root is there, its client says. */
export function readIdentity(dataDir: string): Result<{ identity: Identity; legacy: TrustedSet | undefined }> {
  const file = identityFile(dataDir);
  if (!existsSync(file)) return refuse('agent_not_joined', `"${dataDir}".`);
  const { mode } = statSync(file);
  if ((mode & 0o077) !== 0)
    return refuse('agent_not_joined', `"${file}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not JSON is one of the ways in which it is no identity.
    json = undefined;
  }
  if (!Value.Check(Identity, json)) return refuse('agent_not_joined', `"${file}" is damaged.`);
  const legacy = readLegacyRoot(dataDir);
  // Damaged beside a release root, it only costs what 0.1 stored and nothing names any more.
  if (legacy && !legacy.ok && !existsSync(releaseFolder(dataDir))) return legacy;
  return accept({ identity: json, legacy: legacy?.ok ? legacy.value : undefined });
}
