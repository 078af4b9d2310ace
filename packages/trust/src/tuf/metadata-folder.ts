// Owns the release metadata on a device's disk: the root handed over at join, the newest root, one whole set of the other
// files, and what may never go back. A power cut leaves the old or the new, whole. Never verifies anything.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';

const Floors = Type.Object({
  /** The last time that a signature of an online key vouched for, ms since epoch, and the keys that are behind it. */
  signedAt: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  onlineKeys: Type.String({ maxLength: 8192 }),
  /** `team/model` → the lowest release that may be installed, and the keys that said so. */
  models: Type.Record(
    Type.String({ maxLength: 128 }),
    Type.Object({
      minRelease: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      keyids: Type.Array(Type.String({ maxLength: 128 }), { maxItems: 64 }),
    }),
  ),
});
export type Floors = Static<typeof Floors>;

const NO_FLOORS: Floors = { signedAt: 0, onlineKeys: '', models: {} };

const FACTORY = 'factory.root.json';
const ROOT = 'root.json';
const CURRENT = 'current';
const FLOORS = 'floors.json';
const SCRATCH = 'scratch';
const SET = /^set-([1-9][0-9]{0,8})$/;

/** The disk is full or fails: the same may succeed later. */
export const isDiskError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'].includes(String(error.code));

function syncFile(file: string): void {
  const fd = openSync(file, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function replaceFile(file: string, content: Uint8Array): void {
  const beside = `${file}.new`;
  const fd = openSync(beside, 'w', 0o600);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(beside, file);
  syncFile(path.dirname(file));
}

const readIfThere = (file: string): Uint8Array | undefined => (existsSync(file) ? readFileSync(file) : undefined);

export interface MetadataFolder {
  factoryRoot(): Uint8Array | undefined;
  root(): Uint8Array | undefined;
  keepRoot(bytes: Uint8Array): void;
  floors(): Floors;
  keepFloors(floors: Floors): void;
  /** A copy of the held set with `root`, to work on; returns its folder. */
  openScratch(root: Uint8Array): string;
  /** The newest root in the scratch folder. */
  scratchRoot(): Uint8Array;
  /** Makes the scratch folder the held set. */
  keepScratch(): void;
  dropScratch(): void;
}

/** Hands a device its first root. What belongs to another root is forgotten; the same root, or the newest one held, changes nothing. */
export function installFactoryRoot(dir: string, bytes: Uint8Array): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const isHeld = [FACTORY, ROOT].some((name) => readIfThere(path.join(dir, name))?.toString() === bytes.toString());
  // The set first: a root without its set is a fresh start, a set without its root would be none of this hub's.
  if (!isHeld) for (const name of [CURRENT, FLOORS, ROOT]) rmSync(path.join(dir, name), { force: true });
  replaceFile(path.join(dir, FACTORY), bytes);
}

export function openMetadataFolder(dir: string): MetadataFolder {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const at = (name: string): string => path.join(dir, name);

  function currentSet(): string | undefined {
    const name = readIfThere(at(CURRENT))?.toString().trim() ?? '';
    return SET.test(name) && existsSync(at(name)) ? name : undefined;
  }

  function sweep(): void {
    const held = currentSet();
    for (const name of readdirSync(dir))
      if (name === SCRATCH || (SET.test(name) && name !== held)) rmSync(at(name), { recursive: true, force: true });
  }
  // What a kill left behind.
  sweep();

  return {
    factoryRoot: () => readIfThere(at(FACTORY)),
    root: () => readIfThere(at(ROOT)),
    keepRoot: (bytes) => replaceFile(at(ROOT), bytes),
    floors() {
      try {
        const json: unknown = JSON.parse(readIfThere(at(FLOORS))?.toString() ?? 'null');
        return Value.Check(Floors, json) ? json : NO_FLOORS;
      } catch {
        // Damaged beyond what a power cut does: the metadata says them again at the next refresh.
        return NO_FLOORS;
      }
    },
    keepFloors: (floors) => replaceFile(at(FLOORS), Buffer.from(`${JSON.stringify(floors)}\n`)),
    openScratch(root) {
      rmSync(at(SCRATCH), { recursive: true, force: true });
      mkdirSync(at(SCRATCH), { mode: 0o700 });
      const held = currentSet();
      for (const name of held === undefined ? [] : readdirSync(at(held)))
        writeFileSync(path.join(at(SCRATCH), name), readFileSync(path.join(at(held ?? ''), name)), { mode: 0o600 });
      writeFileSync(path.join(at(SCRATCH), ROOT), root, { mode: 0o600 });
      return at(SCRATCH);
    },
    scratchRoot: () => readFileSync(path.join(at(SCRATCH), ROOT)),
    keepScratch() {
      for (const name of readdirSync(at(SCRATCH))) syncFile(path.join(at(SCRATCH), name));
      syncFile(at(SCRATCH));
      const next = `set-${Number(SET.exec(currentSet() ?? '')?.[1] ?? 0) + 1}`;
      rmSync(at(next), { recursive: true, force: true });
      renameSync(at(SCRATCH), at(next));
      syncFile(dir);
      replaceFile(at(CURRENT), Buffer.from(`${next}\n`));
      sweep();
    },
    dropScratch: () => rmSync(at(SCRATCH), { recursive: true, force: true }),
  };
}
