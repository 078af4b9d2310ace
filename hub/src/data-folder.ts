// Owns where things lie in the hub's data folder, and the two run files: token and hub.json. Never opens the database.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';

export interface DataFolder {
  readonly root: string;
  readonly database: string;
  readonly blobs: string;
  readonly keys: string;
  readonly jobs: string;
  /** Recipes that are being made. */
  readonly patches: string;
  /** Carried reports lie here until all of one was seen. */
  readonly carried: string;
  readonly lock: string;
  readonly tokenFile: string;
  readonly hubFile: string;
  /** Signed checkpoints of the audit log, for auditors to copy. */
  readonly checkpointFile: string;
}

/** Whether a hub ever ran here or was given keys; looks, and makes nothing. */
export function isUsed(data: string): boolean {
  const keys = path.join(data, 'keys');
  return existsSync(path.join(data, 'db', 'hub.db')) || (existsSync(keys) && readdirSync(keys).length > 0);
}

/** Folders are for their owner only: they hold keys, the token and what devices said. */
export function openDataFolder(data: string): DataFolder {
  const root = path.resolve(data);
  for (const folder of ['', 'db', 'keys', 'run', 'jobs']) {
    const dir = path.join(root, folder);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    chmodSync(dir, 0o700);
  }
  return {
    root,
    database: path.join(root, 'db', 'hub.db'),
    blobs: path.join(root, 'blobs'),
    keys: path.join(root, 'keys'),
    jobs: path.join(root, 'jobs'),
    patches: path.join(root, 'patches'),
    carried: path.join(root, 'carried'),
    lock: path.join(root, 'run', 'lock'),
    tokenFile: path.join(root, 'run', 'token'),
    hubFile: path.join(root, 'run', 'hub.json'),
    checkpointFile: path.join(root, 'run', 'audit-checkpoints.jsonl'),
  };
}

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** The token of development mode: 32 random bytes in base64url, made once, so that a restart does not lock anybody out. */
export function openToken(file: string): string {
  const held = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (TOKEN.test(held)) {
    chmodSync(file, 0o600);
    return held;
  }
  const token = randomBytes(32).toString('base64url');
  writeAside(file, `${token}\n`);
  return token;
}

/** One secret from a file that only its owner may read. */
export function readSecretFile(file: string): Result<string> {
  try {
    const { mode, size } = statSync(file);
    if ((mode & 0o077) !== 0)
      return refuse('config_invalid', `"${file}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
    const secret = size > 4096 ? '' : readFileSync(file, 'utf8').trim();
    return secret === '' ? refuse('config_invalid', `"${file}" does not hold a secret.`) : accept(secret);
  } catch (error) {
    return refuse('config_invalid', `"${file}": ${error instanceof Error ? error.message : 'unreadable'}.`);
  }
}

export const removeToken = (file: string): void => rmSync(file, { force: true });

/** Whoever reads the file sees all of it or the one before. */
function writeAside(file: string, text: string): void {
  const aside = `${file}.new`;
  rmSync(aside, { force: true });
  writeFileSync(aside, text, { mode: 0o600, flag: 'wx' });
  renameSync(aside, file);
}

export interface HubFile {
  readonly pid: number;
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly devicesUrl: string;
  readonly hubId: string;
  /** The CA that signed the listeners' certificates. */
  readonly caFile?: string;
}

export const writeHubFile = (file: string, hub: HubFile): void => writeAside(file, `${JSON.stringify(hub)}\n`);
export const removeHubFile = (file: string): void => rmSync(file, { force: true });
