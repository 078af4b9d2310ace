// Owns the key files of the hub: which there are, and signers for the keys that metadata names. Makes the development set
// at a first start. Never overwrites, shows or logs a key; an encrypted one is opened when it is first needed.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Signer } from '@drover/trust/dsse';
import { createKeyFile, describeKeyFile, openAnyKeyFile } from '@drover/trust/key-files';
import type { KeySet } from '@drover/trust/tuf/build';

/** What a hub in development mode makes: the offline roles too, so that the whole path works from the first minute. */
export const DEV_ROLES = ['root', 'targets', 'release', 'online', 'director', 'training'] as const;
export type DevRole = (typeof DEV_ROLES)[number];

/** `online.pem`, `director-2.key`: other files beside them (certificates, the CA's key) are not ours. */
const OWN = new RegExp(`^(${DEV_ROLES.join('|')})([-.][A-Za-z0-9-]{1,40})?\\.(pem|key)$`);
/** More files than any rotation leaves behind. */
const KEY_FILES = 256;

export type AskFor = (question: string) => Promise<Result<string>>;

export interface Keyring {
  /** Enough signers for the role, or which key is missing. */
  signersFor(name: string, keys: KeySet): Promise<Result<readonly Signer[]>>;
  /** Whether there are key files for the role; opens none. */
  holds(keys: KeySet): boolean;
  /** The signer of a key in this file of the folder. */
  openFile(file: string): Promise<Result<Signer>>;
  has(file: string): boolean;
  /** Looks at the folder again: somebody put a key there. */
  rescan(): Result<undefined>;
}

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');

export function openKeyring(folder: string, passphrase: AskFor): Result<Keyring> {
  /** Raw public key in hex → file. */
  let files = new Map<string, string>();
  const opened = new Map<string, Promise<Result<Signer>>>();

  function rescan(): Result<undefined> {
    const found = new Map<string, string>();
    const names = readdirSync(folder).filter((name) => OWN.test(name));
    if (names.length > KEY_FILES) return refuse('key_invalid', `"${folder}" holds ${names.length} key files.`);
    for (const name of names.toSorted()) {
      const facts = describeKeyFile(path.join(folder, name));
      if (!facts.ok) return facts;
      found.set(hexOf(facts.value.publicKey), path.join(folder, name));
    }
    files = found;
    return accept(undefined);
  }

  function open(file: string): Promise<Result<Signer>> {
    const held = opened.get(file);
    if (held) return held;
    const made = openAnyKeyFile(file, passphrase);
    opened.set(file, made);
    return made;
  }

  const first = rescan();
  if (!first.ok) return first;
  return accept({
    async signersFor(name, { keys, threshold }) {
      const signers: Signer[] = [];
      for (const key of keys) {
        const file = files.get(hexOf(key));
        if (file === undefined || signers.length === threshold) continue;
        const signer = await open(file);
        if (!signer.ok) return signer;
        signers.push(signer.value);
      }
      if (signers.length === threshold) return accept(signers);
      return refuse(
        'root_key_missing',
        `"${name}" needs ${threshold} of its keys and ${signers.length} are in ${folder}.`,
      );
    },
    holds: ({ keys, threshold }) => keys.filter((key) => files.has(hexOf(key))).length >= threshold,
    openFile: (file) => open(path.join(folder, file)),
    has: (file) => existsSync(path.join(folder, file)),
    rescan,
  });
}

/** Makes the keys of the development set that are missing; answers their paths. */
export function ensureDevKeys(folder: string): readonly string[] {
  return DEV_ROLES.map((role) => path.join(folder, `${role}.pem`)).filter((file) => {
    if (existsSync(file)) return false;
    createKeyFile(file);
    return true;
  });
}
