// Owns the device's X25519 key, to which the hub wraps the keys of sealed artifacts: made at the first start, mode 0600, never
// sent. Never opens an artifact.
import type { KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { makeSealingKey, rawPublicKey, sealingKeyFrom } from '@drover/trust/sealed/hpke';
import { openSecretFile } from '@drover/trust/secret-files';

export interface SealingKey {
  readonly privateKey: KeyObject;
  /** The raw public key in base64url, as hello names it. */
  readonly publicKey: string;
}

export function openSealingKey(dataDir: string): Result<SealingKey> {
  const folder = path.join(dataDir, 'keys');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'sealing.pem');
  const pem = openSecretFile(file, () =>
    Buffer.from(makeSealingKey().export({ format: 'pem', type: 'pkcs8' }).toString()),
  );
  if (!pem.ok) return pem;
  const privateKey = sealingKeyFrom(Buffer.from(pem.value).toString('utf8'));
  if (!privateKey) return refuse('key_invalid', `"${file}" is not an X25519 key in PKCS#8 PEM.`);
  return accept({ privateKey, publicKey: rawPublicKey(privateKey).toString('base64url') });
}
