// Opens the hub's keys and the root that names them, and makes them at the first start. Never overwrites or shows a key.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result } from '@drover/core/reasons';
import type { Signer } from '@drover/trust/dsse';
import { createKeyFile, openKeyFile } from '@drover/trust/key-files';
import { signRoot } from '@drover/trust/root';
import { openTrustedSet, type TrustedSet } from '@drover/trust/trusted-set';
import type { SignedEnvelope } from '@drover/wire/messages';

const ROLES = ['root', 'release', 'director'] as const;

export interface HubKeys {
  readonly release: Signer;
  readonly director: Signer;
  readonly root: SignedEnvelope;
  readonly trusted: TrustedSet;
  /** Paths of the files that were made now. */
  readonly created: readonly string[];
}

/** The root is signed anew at each start and is the same bytes each time: Ed25519 signs without randomness. */
export async function openKeys(folder: string): Promise<Result<HubKeys>> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const signers: Signer[] = [];
  const created: string[] = [];
  for (const role of ROLES) {
    const file = path.join(folder, `${role}.pem`);
    if (!existsSync(file)) {
      createKeyFile(file);
      created.push(file);
    }
    const signer = openKeyFile(file);
    if (!signer.ok) return signer;
    signers.push(signer.value);
  }
  const [rootKey, release, director] = signers;
  if (rootKey === undefined || release === undefined || director === undefined)
    throw new Error('three roles have three keys');
  const root = await signRoot(1, { root: [rootKey], release: [release], director: [director] });
  const trusted = openTrustedSet(root);
  return trusted.ok ? accept({ release, director, root, trusted: trusted.value, created }) : trusted;
}
