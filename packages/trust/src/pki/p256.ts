// Owns P-256 keys as files that only their owner can read, and the name of a public key. Never logs or sends a private key.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';

export const makeP256 = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export const isP256 = (key: KeyObject): boolean =>
  key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';

/** SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7) of a private or public key. */
export const spkiOf = (key: KeyObject): Buffer =>
  (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });

/** The name of a public key: SHA-256 of its SubjectPublicKeyInfo, in lower-case hex. */
export const keyHashOf = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('hex');

const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();

/** A P-256 public key from its SubjectPublicKeyInfo; undefined when it is none. */
export function p256FromSpki(spki: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return isP256(key) ? key : undefined;
  } catch {
    // node:crypto says "not a key" by throwing; to the caller it is one kind of no.
    return undefined;
  }
}

/**
 * Makes a key file with mode 0600, or opens the one that is there. The file is whole from the moment it has its name, and
 * no key is ever overwritten: whoever is cut off in between finds the old key or makes a new one.
 */
export function ensureP256File(file: string): Result<{ readonly key: KeyObject; readonly isNew: boolean }> {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) {
    const held = openP256File(file);
    return held.ok ? accept({ key: held.value, isNew: false }) : held;
  }
  const key = makeP256();
  const beside = `${file}.new`;
  rmSync(beside, { force: true });
  const fd = openSync(beside, 'wx', 0o600);
  try {
    writeSync(fd, pemOf(key));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // Unlike a rename, a link never takes the place of what is there.
    linkSync(beside, file);
  } finally {
    rmSync(beside);
  }
  const folder = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
  return accept({ key, isNew: true });
}

/** Opens a private key in PKCS#8 or SEC 1 PEM; a file that others can read is refused, and so is another kind of key. */
export function openP256File(file: string): Result<KeyObject> {
  const key = openPrivateKeyFile(file);
  if (!key.ok) return key;
  return isP256(key.value) ? key : refuse('key_invalid', `"${file}" is not a P-256 key.`);
}

/** Any private key that node:crypto reads, from a file that only its owner can read. */
export function openPrivateKeyFile(file: string): Result<KeyObject> {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return refuse('key_invalid', `"${file}" does not exist.`);
  if ((stat.mode & 0o077) !== 0)
    return refuse('key_invalid', `"${file}" has mode ${(stat.mode & 0o777).toString(8)}; make it 600.`);
  try {
    return accept(createPrivateKey(readFileSync(file)));
  } catch {
    // The message of node:crypto may quote the file; the path says enough.
    return refuse('key_invalid', `"${file}" is not a private key in PEM.`);
  }
}
