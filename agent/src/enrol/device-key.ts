// Owns the device's key files: made here, mode 0600, never sent, never written twice. A join that was cut off finds its key
// again. Never decides which identity is in use (identity.json does).
import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result } from '@drover/core/reasons';
import { ensureP256File, keyHashOf, openP256File, spkiOf } from '@drover/trust/pki/p256';
import { removeFile, replaceFile, syncDir } from '../store/durable-file.ts';

const folderOf = (dataDir: string): string => path.join(dataDir, 'keys');
/** Names the key of a join that has not ended; gone once identity.json names it. */
const joiningFile = (dataDir: string): string => path.join(dataDir, 'joining');
const KEY_FILE = /^[0-9a-f]{16}\.key$/;

export const openDeviceKey = (dataDir: string, keyFile: string): Result<KeyObject> =>
  openP256File(path.join(folderOf(dataDir), keyFile));

export interface DeviceKey {
  readonly key: KeyObject;
  readonly keyFile: string;
}

/** The key of a join that has not ended, if there is one. */
export function readJoining(dataDir: string): string | undefined {
  const file = joiningFile(dataDir);
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  return KEY_FILE.test(text) && existsSync(path.join(folderOf(dataDir), text)) ? text : undefined;
}

/**
 * The key to join with: that of a join which was cut off (the hub may know it already, and the code may be used up by it),
 * else the one in use, else a new one. `wantsNew`: the one in use is not wanted any more.
 */
export function takeKeyForJoin(dataDir: string, inUse: string | undefined, wantsNew: boolean): Result<DeviceKey> {
  const folder = folderOf(dataDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const joining = readJoining(dataDir);
  const unfinished = joining !== undefined && !(wantsNew && joining === inUse) ? joining : undefined;
  const held = unfinished ?? (wantsNew ? undefined : inUse);
  if (held !== undefined) {
    const key = openDeviceKey(dataDir, held);
    return key.ok ? accept({ key: key.value, keyFile: held }) : key;
  }
  const fresh = path.join(folder, 'fresh.key');
  // One that was made and not named yet is as good as a new one: nobody has seen it.
  const made = ensureP256File(fresh);
  if (!made.ok) return made;
  const { key } = made.value;
  const keyFile = `${keyHashOf(spkiOf(key)).slice(0, 16)}.key`;
  renameSync(fresh, path.join(folder, keyFile));
  syncDir(folder);
  replaceFile(joiningFile(dataDir), `${keyFile}\n`);
  return accept({ key, keyFile });
}

/** identity.json names `keyFile` by now: the join has ended, and other keys of its kind are of no use. */
export function finishJoin(dataDir: string, keyFile: string): void {
  const folder = folderOf(dataDir);
  // The sealing key lies there too: without it a confidential model that is held could never be opened again.
  for (const file of readdirSync(folder))
    if (KEY_FILE.test(file) && file !== keyFile) rmSync(path.join(folder, file), { force: true });
  syncDir(folder);
  if (existsSync(joiningFile(dataDir))) removeFile(joiningFile(dataDir));
}
