// Opens and makes key files for a command: passphrases come from a file, the environment or the terminal, never from an
// argument. Never prints a key.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { keyidOf, type Signer } from '@drover/trust/dsse';
import { createContainerFile, createKeyFile, describeKeyFile, openAnyKeyFile } from '@drover/trust/key-files';
import { openPassphrase } from '@drover/trust/passphrase';
import type { Command } from 'commander';
import type { Cli } from '../commands/common.ts';
import { collect } from '../commands/common.ts';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';

export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

export interface SigningOptions extends PassphraseOptions {
  readonly key?: string[];
}

export const addPassphraseOption = (command: Command): Command =>
  command.option(
    '--passphrase-file <file>',
    'file (mode 600) whose first line opens the keys; else DROVER_KEY_PASSPHRASE_FILE, DROVER_KEY_PASSPHRASE, or typed',
  );

export const addSigningOptions = (command: Command): Command =>
  addPassphraseOption(command.option('--key <file>', 'key to sign with; may be given several times', collect));

const inCwd = (cli: Cli, file: string): string => path.resolve(cli.shell.cwd, file);

function explainFile(file: string, error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'unknown';
  const says = code === 'EEXIST' ? 'exists already; no key is ever overwritten' : `cannot be used (${code})`;
  return new CliFailure(EXIT.failed, 'key_invalid', `"${file}" ${says}.`, 'Check the path, or choose another one.');
}

const sourcesOf = (cli: Cli, { passphraseFile }: PassphraseOptions) => ({
  file: passphraseFile === undefined ? undefined : inCwd(cli, passphraseFile),
  env: cli.shell.env,
});

/**
 * Signers for the key files given. Each encrypted key asks for its own passphrase: different people hold them.
 * @param typed the passphrase of all of them, where this command has just asked for it.
 */
export async function openSigners(cli: Cli, options: SigningOptions, typed?: string): Promise<Signer[]> {
  const signers: Signer[] = [];
  for (const file of options.key ?? []) {
    const ask = typed === undefined ? cli.shell.readSecret : () => Promise.resolve(typed);
    const passphrase = openPassphrase({ ...sourcesOf(cli, options), ask });
    try {
      const signer = await openAnyKeyFile(inCwd(cli, file), passphrase);
      if (!signer.ok) throw failRefused(signer);
      signers.push(signer.value);
    } catch (error) {
      throw explainFile(file, error);
    }
  }
  return signers;
}

/** A passphrase for new keys; one that is typed is typed twice. */
export async function askNewPassphrase(cli: Cli, options: PassphraseOptions, what: string): Promise<string> {
  const { readSecret } = cli.shell;
  const twice = async (question: string): Promise<string | undefined> => {
    const typed = await readSecret(question);
    if (typed === undefined || typed === '') return undefined;
    if ((await readSecret('The same again')) === typed) return typed;
    throw failUsage('The two were not the same.', 'Nothing was made; try again.');
  };
  const given = await openPassphrase({ ...sourcesOf(cli, options), ask: twice })(`New passphrase for ${what}`);
  if (!given.ok) throw failRefused(given, EXIT.usage);
  return given.value;
}

/** A public key and the file that it came from. */
export interface PublicKey {
  readonly file: string;
  readonly publicKey: Uint8Array;
}

/** A new key file. `passphrase` undefined: plain PEM, for development. */
export async function makeKeyAt(file: string, role: string, passphrase: string | undefined): Promise<PublicKey> {
  try {
    if (passphrase === undefined) return { file, publicKey: createKeyFile(file).publicKey };
    const made = await createContainerFile(file, role, passphrase);
    if (!made.ok) throw failRefused(made, EXIT.usage);
    return { file, publicKey: made.value.publicKey };
  } catch (error) {
    throw explainFile(file, error);
  }
}

/** What a custodian hands over instead of a key: `{"type":"drover.public/1","role":…,"publicKey":…}`. */
export const writePublic = (role: string, publicKey: Uint8Array): string =>
  `${JSON.stringify({ type: 'drover.public/1', role, keyid: keyidOf(publicKey), publicKey: Buffer.from(publicKey).toString('base64url') }, undefined, 2)}\n`;

/** The public key in a key file or in the `.pub` beside one. */
export function readPublicKey(cli: Cli, file: string): PublicKey {
  const full = inCwd(cli, file);
  try {
    if (!full.endsWith('.pub')) {
      const facts = describeKeyFile(full);
      if (!facts.ok) throw failRefused(facts);
      return { file, publicKey: facts.value.publicKey };
    }
    const json = JSON.parse(readFileSync(full, 'utf8')) as { type?: unknown; publicKey?: unknown };
    const raw = Buffer.from(typeof json.publicKey === 'string' ? json.publicKey : '', 'base64url');
    if (json.type !== 'drover.public/1' || raw.length !== 32)
      throw new CliFailure(
        EXIT.failed,
        'key_invalid',
        `"${file}" holds no public key.`,
        'Give the .pub file that "drover keys make" wrote.',
      );
    return { file, publicKey: raw };
  } catch (error) {
    throw explainFile(file, error);
  }
}
