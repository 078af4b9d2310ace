// Reads and writes private keys as files that only their owner can read. Never logs, sends or returns key text.
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { makeKey, type Signer, signerFromPem } from './dsse.ts';

/**
 * Makes a key file with mode 0600; fails when the file exists, so that no key is ever overwritten. The file is whole from
 * the moment it has its name: a first start that is cut off leaves no half key behind.
 */
export function createKeyFile(path: string): Signer {
  const { pem, signer } = makeKey();
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  const fd = openSync(beside, 'wx', 0o600);
  try {
    writeSync(fd, pem);
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
  return signer;
}

/** Opens a key file; one that others can read is refused. */
export function openKeyFile(path: string): Result<Signer> {
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0)
    return refuse('key_invalid', `"${path}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
  const signer = signerFromPem(readFileSync(path, 'utf8'));
  return signer ? accept(signer) : refuse('key_invalid', `"${path}" is not an Ed25519 key in PKCS#8 PEM.`);
}
