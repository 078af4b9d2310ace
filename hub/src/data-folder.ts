// Owns where things lie in the hub's data folder, and the two run files: token and hub.json. Never opens the database.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface DataFolder {
  readonly root: string;
  readonly database: string;
  readonly blobs: string;
  readonly keys: string;
  readonly jobs: string;
  readonly lock: string;
  readonly tokenFile: string;
  readonly hubFile: string;
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
    lock: path.join(root, 'run', 'lock'),
    tokenFile: path.join(root, 'run', 'token'),
    hubFile: path.join(root, 'run', 'hub.json'),
  };
}

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** The token of this hub: 32 random bytes in base64url, made once, so that a restart does not lock anybody out. */
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
  readonly hubId: string;
}

export const writeHubFile = (file: string, hub: HubFile): void => writeAside(file, `${JSON.stringify(hub)}\n`);
export const removeHubFile = (file: string): void => rmSync(file, { force: true });
