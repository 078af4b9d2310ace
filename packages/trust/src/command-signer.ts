// Signs by a program of the operator's: the seam for a PKCS#11 token, a cloud KMS or a signing service. The program gets
// the bytes on standard input and writes the signature to standard output; no shell, bounded time, bounded output, and
// what comes back is verified before it is believed. Never sees a private key.
import { spawn } from 'node:child_process';
import { verify } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { keyidOf, publicKeyFromRaw, type Signer, SignerFailed } from './dsse.ts';

/** Stands in place of a key file. `command`: program (an absolute path) and arguments. */
export const CommandSigner = Type.Object(
  {
    type: Type.Literal('drover.signer/1'),
    role: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,30}$' }),
    /** Raw Ed25519 public key in base64url. */
    publicKey: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    command: Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { minItems: 1, maxItems: 32 }),
    /** How long one signature may take, in ms; a person may have to touch a token. */
    timeoutMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 300_000 })),
  },
  { additionalProperties: false },
);
export type CommandSigner = Static<typeof CommandSigner>;

const TIMEOUT_MS = 30_000;
/** An Ed25519 signature in base64 has 88 characters. */
const OUTPUT_BYTES = 4096;
const SIGNATURE = /^[A-Za-z0-9+/]{86}==$/;

export function parseCommandSigner(json: unknown): Result<CommandSigner> {
  if (!Value.Check(CommandSigner, json)) {
    const [first] = Value.Errors(CommandSigner, json);
    return refuse('key_invalid', `At "${first?.instancePath ?? '/'}" it ${first?.message ?? 'does not match'}.`);
  }
  return json.command[0]?.startsWith('/') === true
    ? accept(json)
    : refuse('key_invalid', 'The program must be named by its full path: PATH is not searched.');
}

function run(command: readonly string[], input: Uint8Array, timeoutMs: number): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      shell: false,
      // Passphrases in our environment are not for it; what it needs, its own configuration holds.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: process.env['HOME'] ?? '/', LANG: 'C.UTF-8' },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const parts: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (part: Buffer) => {
      size += part.length;
      if (size > OUTPUT_BYTES) child.kill('SIGKILL');
      else parts.push(part);
    });
    child.once('error', (error) => reject(new SignerFailed(`"${program}" cannot be started: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (size > OUTPUT_BYTES) return reject(new SignerFailed(`"${program}" wrote more than ${OUTPUT_BYTES} bytes.`));
      if (signal !== null) return reject(new SignerFailed(`"${program}" gave no answer within ${timeoutMs} ms.`));
      if (code !== 0) return reject(new SignerFailed(`"${program}" ended with exit code ${code}.`));
      return resolve(Buffer.concat(parts).toString('latin1').trim());
    });
    // A program that ends without reading closes the pipe; its exit code says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** `sign` throws SignerFailed when the program does not give a valid signature in base64. */
export function openCommandSigner({ publicKey, command, timeoutMs = TIMEOUT_MS }: CommandSigner): Signer {
  const raw = Buffer.from(publicKey, 'base64url');
  return {
    keyid: keyidOf(raw),
    publicKey: raw,
    async sign(bytes) {
      const answer = await run(command, bytes, timeoutMs);
      const signature = Buffer.from(SIGNATURE.test(answer) ? answer : '', 'base64');
      if (signature.length === 64 && verify(null, bytes, publicKeyFromRaw(raw), signature)) return signature;
      throw new SignerFailed(`"${command[0] ?? ''}" did not write a signature by its key in base64.`);
    },
  };
}
