// Reads and writes private keys as files that only their owner can read: encrypted containers, plain PEM, or the name of
// a program that signs. Never logs, sends or returns key text.
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { openCommandSigner, parseCommandSigner } from './command-signer.ts';
import { makeKey, type Signer, signerFromPem } from './dsse.ts';
import { type KeyContainer, makeContainer, openContainer, parseContainer } from './key-container.ts';

const KEY_FILE_BYTES = 64 * 1024;

/**
 * Makes a file with mode 0600; throws EEXIST when there is one, so that no key is ever overwritten. The file is whole from
 * the moment it has its name: a first start that is cut off leaves no half key behind.
 */
export function storeKeyText(path: string, text: string): void {
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  const fd = openSync(beside, 'wx', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // Unlike a rename, a link never takes the place of what is there.
    linkSync(beside, path);
  } finally {
    rmSync(beside);
  }
}

/** Makes a key in plain PEM, for development. */
export function createKeyFile(path: string): Signer {
  const { pem, signer } = makeKey();
  storeKeyText(path, pem);
  return signer;
}

/** Makes an encrypted key. */
export async function createContainerFile(path: string, role: string, passphrase: string): Promise<Result<Signer>> {
  const made = await makeContainer(role, passphrase);
  if (!made.ok) return made;
  storeKeyText(path, `${JSON.stringify(made.value.container, undefined, 2)}\n`);
  return accept(made.value.signer);
}

/** The text of a key file; one that others can read is refused. */
export function readKeyText(path: string): Result<string> {
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0)
    return refuse('key_invalid', `"${path}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
  return accept(readFileSync(path, 'utf8'));
}

/** What may be known about a key file by whoever may read it, without a passphrase. */
export interface KeyFacts {
  readonly form: 'plain' | 'encrypted' | 'command';
  /** Plain keys do not say their role. */
  readonly role: string | undefined;
  readonly keyid: string;
  /** Raw 32 bytes. */
  readonly publicKey: Uint8Array;
}

type Held =
  | { readonly facts: KeyFacts; readonly signer: Signer }
  | { readonly facts: KeyFacts; readonly container: KeyContainer };

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is an expected outcome: then it may be PEM.
    return undefined;
  }
}

/** Opens what needs no passphrase. A file that others can read is refused. Throws what the file system throws. */
function readKeyFile(path: string): Result<Held> {
  const { size } = statSync(path);
  if (size > KEY_FILE_BYTES) return refuse('key_invalid', `"${path}" is larger than any key file.`);
  const read = readKeyText(path);
  if (!read.ok) return read;
  const text = read.value;
  const json = parseJson(text);
  if (json === undefined) {
    const signer = signerFromPem(text);
    if (!signer) return refuse('key_invalid', `"${path}" is not an Ed25519 key in PKCS#8 PEM.`);
    const { keyid, publicKey } = signer;
    return accept({ signer, facts: { form: 'plain', role: undefined, keyid, publicKey } });
  }
  const isCommand = typeof json === 'object' && json !== null && 'command' in json;
  if (isCommand) {
    const parsed = parseCommandSigner(json);
    if (!parsed.ok) return refuse('key_invalid', `"${path}": ${parsed.detail}`);
    const signer = openCommandSigner(parsed.value);
    const { keyid, publicKey } = signer;
    return accept({ signer, facts: { form: 'command', role: parsed.value.role, keyid, publicKey } });
  }
  const parsed = parseContainer(json);
  if (!parsed.ok) return refuse('key_invalid', `"${path}": ${parsed.detail}`);
  const { role, keyid, publicKey } = parsed.value;
  const facts: KeyFacts = { form: 'encrypted', role, keyid, publicKey: Buffer.from(publicKey, 'base64url') };
  return accept({ container: parsed.value, facts });
}

export function describeKeyFile(path: string): Result<KeyFacts> {
  const held = readKeyFile(path);
  return held.ok ? accept(held.value.facts) : held;
}

/** Opens a key file that is plain PEM, or a program that signs; an encrypted one is refused. */
export function openKeyFile(path: string): Result<Signer> {
  const held = readKeyFile(path);
  if (!held.ok) return held;
  if ('signer' in held.value) return accept(held.value.signer);
  return refuse('passphrase_missing', `"${path}" is encrypted.`);
}

/** Opens any key file. `passphrase` is asked only for an encrypted one. */
export async function openAnyKeyFile(
  path: string,
  passphrase: (question: string) => Promise<Result<string>>,
): Promise<Result<Signer>> {
  const held = readKeyFile(path);
  if (!held.ok) return held;
  if ('signer' in held.value) return accept(held.value.signer);
  const given = await passphrase(`Passphrase of ${path}`);
  if (!given.ok) return given;
  const opened = await openContainer(held.value.container, given.value);
  return opened.ok ? opened : refuse(opened.code, `"${path}": ${opened.detail}`);
}
