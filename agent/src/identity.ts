// Owns who this device is: its id, its secret and the root of trust it was handed at join. Never logs the secret.
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { openTrustedSet, type TrustedSet } from '@drover/trust/trusted-set';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { replaceFile } from './store/durable-file.ts';

const Identity = Type.Object({
  device: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' }),
  secret: Type.String({ minLength: 1, maxLength: 256 }),
  mqttUrl: Type.String({ pattern: '^mqtts?://', maxLength: 512 }),
  hubId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
});
export type Identity = Static<typeof Identity>;

const identityFile = (dataDir: string): string => path.join(dataDir, 'identity.json');
const rootFile = (dataDir: string): string => path.join(dataDir, 'root.bin');

export const hasIdentity = (dataDir: string): boolean => existsSync(identityFile(dataDir));

/** Root first: an identity without its root would be a device that trusts nobody. */
export function writeIdentity(dataDir: string, identity: Identity, root: SignedEnvelope): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  replaceFile(rootFile(dataDir), encodeSignedEnvelope(root));
  replaceFile(identityFile(dataDir), `${JSON.stringify(identity, undefined, 2)}\n`);
}

export function readIdentity(dataDir: string): Result<{ identity: Identity; trust: TrustedSet }> {
  const file = identityFile(dataDir);
  if (!existsSync(file) || !existsSync(rootFile(dataDir))) return refuse('agent_not_joined', `"${dataDir}".`);
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
  const envelope = readSignedEnvelope(readFileSync(rootFile(dataDir)));
  if (!envelope.ok) return envelope;
  const trust = openTrustedSet(envelope.value);
  return trust.ok ? accept({ identity: json, trust: trust.value }) : trust;
}
