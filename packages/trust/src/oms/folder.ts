// Decides whether a folder holds exactly the files that a model signature names. Reads the folder, follows no link, never
// writes.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { IGNORED_PATHS, MAX_FILES, type OmsFile, type OmsStatement } from './statement.ts';

const MAX_DEPTH = 32;

/** `ignored`: paths below the folder that are left out with all that is below them (§6.2.1). */
async function listFiles(root: string, ignored: ReadonlySet<string>): Promise<Result<string[]>> {
  const names: string[] = [];
  const open = [''];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for await (const entry of await opendir(path.join(root, folder))) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (ignored.has(name)) continue;
      if (entry.isDirectory()) {
        if (name.split('/').length > MAX_DEPTH) return refuse('oms_folder_invalid', `"${name}" is nested too deep.`);
        open.push(name);
      } else if (entry.isFile()) names.push(name);
      else return refuse('oms_folder_invalid', `"${name}" is a link or no plain file.`);
      if (names.length + open.length > MAX_FILES)
        return refuse('oms_folder_invalid', `It holds more than ${MAX_FILES} files.`);
    }
  }
  return accept(names);
}

export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** The files of a folder that a signature must name, with their digests. `signature`: path of the signature file. */
export async function hashFolder(
  root: string,
  ignoredPaths: readonly string[],
  signature?: string,
): Promise<Result<OmsFile[]>> {
  const found = await lstat(root).catch(() => undefined);
  if (!found?.isDirectory()) return refuse('oms_folder_invalid', `"${root}" is not a folder.`);
  const own = signature === undefined ? [] : [path.relative(root, signature).split(path.sep).join('/')];
  const ignored = new Set([...IGNORED_PATHS, ...own, ...ignoredPaths.map((name) => name.replace(/\/$/, ''))]);
  const names = await listFiles(root, ignored);
  if (!names.ok) return names;
  const files: OmsFile[] = [];
  for (const name of names.value) files.push({ name, sha256: await hashFile(path.join(root, name)) });
  return accept(files);
}

/** Every signed file is there as it was signed, and nothing else is (§8.4, §8.5). */
export function compareFiles(statement: OmsStatement, found: readonly OmsFile[]): Result<undefined> {
  const here = new Map(found.map(({ name, sha256 }) => [name, sha256]));
  for (const { name, sha256 } of statement.files) {
    const held = here.get(name);
    if (held === undefined) return refuse('oms_file_missing', `It is "${name}".`);
    if (held !== sha256) return refuse('oms_file_changed', `"${name}" is ${held} and ${sha256} was signed.`);
    here.delete(name);
  }
  const [unsigned] = here.keys();
  return unsigned === undefined ? accept(undefined) : refuse('oms_file_unsigned', `It is "${unsigned}".`);
}
