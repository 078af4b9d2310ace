// Owns a ceremony's folder: `N.root.json`, `N.targets.json` and roles of teams, each whole or not there. Says who signed
// and who is missing. Signs with the keys it is handed and knows no hub.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Signer } from '@drover/trust/dsse';
import {
  addSignatures,
  encodeMetadata,
  listSigners,
  type Metadata,
  parseMetadata,
  type RoleKeys,
  type RootSigned,
  type TargetsSigned,
  type TufKey,
  tufKeyidOf,
} from '@drover/trust/tuf/metadata';
import { metadataFile, parseMetadataFile } from '@drover/trust/tuf/names';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';

export interface CeremonyFile {
  readonly file: string;
  readonly role: string;
  readonly version: number;
}

export function listFiles(dir: string): CeremonyFile[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .flatMap((name) => {
      const parsed = parseMetadataFile(name);
      if (!parsed.ok || parsed.value.version === undefined) return [];
      return [{ file: path.join(dir, name), role: parsed.value.role, version: parsed.value.version }];
    })
    .toSorted((a, b) => a.version - b.version);
}

export const newestOf = (dir: string, role: string): CeremonyFile | undefined =>
  listFiles(dir).findLast((one) => one.role === role);

function readFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'unknown';
    throw failUsage(`"${file}" cannot be read (${code}).`);
  }
}

export function readRoot(file: string): Metadata<RootSigned> {
  const parsed = parseMetadata('root', readFile(file));
  if (!parsed.ok) throw failRefused({ ...parsed, detail: `"${file}": ${parsed.detail}` });
  return parsed.value;
}

export function readTargets(file: string): Metadata<TargetsSigned> {
  const parsed = parseMetadata('targets', readFile(file));
  if (!parsed.ok) throw failRefused({ ...parsed, detail: `"${file}": ${parsed.detail}` });
  return parsed.value;
}

export interface Newest {
  readonly root: Metadata<RootSigned>;
  readonly targets: Metadata<TargetsSigned>;
}

export function readNewest(dir: string): Newest {
  const root = newestOf(dir, 'root');
  const targets = newestOf(dir, 'targets');
  if (root === undefined || targets === undefined)
    throw new CliFailure(
      EXIT.usage,
      'keys_not_installed',
      `"${dir}" holds no N.root.json and N.targets.json.`,
      'Make them with "drover keys init", or bring the newest from the hub: drover keys fetch --dir DIR.',
    );
  return { root: readRoot(root.file), targets: readTargets(targets.file) };
}

/** Whoever reads the file sees all of it or none. */
export function writeFile(dir: string, role: string, metadata: Metadata): string {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = path.join(dir, metadataFile(role, metadata.signed.version));
  const aside = `${file}.new`;
  rmSync(aside, { force: true });
  writeFileSync(aside, encodeMetadata(metadata), { flag: 'wx', mode: 0o644 });
  renameSync(aside, file);
  return file;
}

/** A set of keys that must sign, by a name for people. */
export interface Requirement {
  readonly name: string;
  readonly role: RoleKeys;
  readonly keys: Readonly<Record<string, TufKey>>;
}

/** A root needs its own keys and those of the one before. */
export const rootRequirements = (root: RootSigned, before: RootSigned | undefined): Requirement[] => [
  ...(before === undefined
    ? []
    : [{ name: `root keys of version ${before.version}`, role: before.roles.root, keys: before.keys }]),
  { name: `root keys of version ${root.version}`, role: root.roles.root, keys: root.keys },
];

export const targetsRequirements = (root: RootSigned): Requirement[] => [
  { name: `targets keys of root version ${root.version}`, role: root.roles.targets, keys: root.keys },
];

export interface Progress {
  readonly name: string;
  readonly have: number;
  readonly need: number;
}

export const progressOf = (metadata: Metadata, requirements: readonly Requirement[]): Progress[] =>
  requirements.map(({ name, role, keys }) => ({
    name,
    have: listSigners(metadata, role, keys).length,
    need: role.threshold,
  }));

export const isComplete = (progress: readonly Progress[]): boolean => progress.every(({ have, need }) => have >= need);

/** Adds the signatures of those keys that count; the others are passed over. */
export async function signWith<T extends RootSigned | TargetsSigned>(
  metadata: Metadata<T>,
  signers: readonly Signer[],
  requirements: readonly Requirement[],
): Promise<Metadata<T>> {
  const wanted = new Set(requirements.flatMap(({ role }) => role.keyids));
  const own = signers.filter(({ publicKey }) => wanted.has(tufKeyidOf(publicKey)));
  const signed = await addSignatures(metadata, own);
  if (!signed.ok) throw failRefused(signed);
  return signed.value;
}

/** A line for a person: what was written and what is missing. */
export function describeFile(file: string, progress: readonly Progress[]): string {
  const lines = progress.map(
    ({ name, have, need }) => `  ${have >= need ? 'ok     ' : 'MISSING'} ${have} of ${need} signatures by ${name}`,
  );
  const next = isComplete(progress) ? '' : `  next: drover keys sign ${file} --key KEY\n`;
  return `${file}\n${lines.join('\n')}\n${next}`;
}
