// Reads and writes the files of a carried directory, which anybody may have had in their hands: plain files in plain
// folders only, no link is followed, no size is believed before it is checked. Never knows what a file means.
//
// A folder is held open and its entries are named below `/proc/self/fd/<n>`: the names of a path cannot be exchanged for
// links between a check and its use (what openat(2) is for, which Node does not have).
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, lstatSync, mkdirSync, opendirSync, openSync, readdirSync, readSync, renameSync, rmdirSync, statSync, unlinkSync, writeSync } from 'node:fs'; // biome-ignore format: one list
import { accept, type Result, refuse } from '@drover/core/reasons';
import { CARRIER_ENTRIES, isCarrierName } from '@drover/wire/carrier';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A file that is open for reading and has this size. */
export interface CarrierFile {
  readonly name: string;
  readonly size: number;
  /** All its bytes in pieces; ends early when the file was cut meanwhile. The piece is used again for the next one. */
  pieces(from?: number): Generator<Uint8Array, void, undefined>;
  close(): void;
}

/** A file that is written piece by piece and goes on where it was. */
export interface CarrierPart {
  size(): number;
  append(piece: Uint8Array): Result<undefined>;
  /** Forgets what comes after `size`. */
  cut(size: number): void;
  /** SHA-256 of all of it, in hex. */
  digest(): string;
  /** Flushes it and gives it its name. */
  place(name: string): Result<undefined>;
  close(): void;
}

export interface CarrierFolder {
  /** Names of what is there, sorted. More than `CARRIER_ENTRIES`, or a name that is none of a carrier, is refused. */
  list(): Result<string[]>;
  /** Undefined when there is none. */
  folder(name: string): Result<CarrierFolder | undefined>;
  /** Undefined when there is none; refused when it is larger than `most`. */
  file(name: string, most: number): Result<CarrierFile | undefined>;
  /** The folder, made when it is not there. */
  make(name: string): Result<CarrierFolder>;
  /** Writes a new file beside and puts it in the place of `name`; whole or not at all, also after a power cut. */
  put(name: string, pieces: Iterable<Uint8Array>): Result<undefined>;
  rename(from: string, to: string): Result<undefined>;
  /** A file that grows over several tries; it is made when it is not there. */
  openPart(name: string): Result<CarrierPart>;
  /** Removes a folder and what is in it; links in it go, what they lead to stays. */
  removeFolder(name: string): Result<undefined>;
  close(): void;
}

const PIECE_BYTES = 256 * 1024;
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const UNSAFE: ReadonlySet<string | undefined> = new Set(['ELOOP', 'ENOTDIR', 'EISDIR', 'ENXIO', 'EMLINK', 'ENODEV']);

/** What the system says about a file that is not ours is a refusal; a defect is not. */
function refuseError(name: string, error: unknown): ReturnType<typeof refuse> {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  if (FULL.has(code)) return refuse('disk_full', `"${name}": ${message}.`);
  if (UNSAFE.has(code)) return refuse('carrier_unsafe', `"${name}" is not a plain file or folder.`);
  return refuse('carrier_unusable', `"${name}": ${message}.`);
}

/** `work` is done, or says by throwing what the system refused. */
function perform(name: string, work: () => void): Result<undefined> {
  const done = attempt(name, work);
  return done.ok ? accept(undefined) : done;
}

function attempt<T>(name: string, work: () => T): Result<T> {
  try {
    return accept(work());
  } catch (error) {
    return refuseError(name, error);
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

function fileOf(fd: number, name: string, size: number): CarrierFile {
  let isOpen = true;
  return {
    name,
    size,
    *pieces(from = 0) {
      const piece = Buffer.allocUnsafe(Math.max(1, Math.min(PIECE_BYTES, size - from)));
      for (let at = from; at < size; ) {
        const n = readSync(fd, piece, 0, Math.min(piece.length, size - at), at);
        if (n === 0) return;
        at += n;
        yield piece.subarray(0, n);
      }
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function partOf(fd: number, name: string, folder: Pick<CarrierFolder, 'rename'>): CarrierPart {
  let size = fstatSync(fd).size;
  let isOpen = true;
  return {
    size: () => size,
    append: (piece) =>
      perform(name, () => {
        for (let at = 0; at < piece.length; ) {
          const n = writeSync(fd, piece, at, piece.length - at, size);
          at += n;
          size += n;
        }
      }),
    cut(to) {
      ftruncateSync(fd, to);
      size = Math.min(size, to);
    },
    digest() {
      const hash = createHash('sha256');
      for (const piece of fileOf(fd, name, size).pieces()) hash.update(piece);
      return hash.digest('hex');
    },
    place(to) {
      const synced = perform(name, () => fsyncSync(fd));
      return synced.ok ? folder.rename(name, to) : synced;
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function folderOf(fd: number, shown: string): CarrierFolder {
  let isOpen = true;
  const at = (name: string): string => `/proc/self/fd/${fd}/${name}`;
  const show = (name: string): string => `${shown}/${name.slice(0, 128)}`;
  const badName = (name: string) =>
    refuse('carrier_unsafe', `${JSON.stringify(show(name))} is no name that a carrier has.`);

  const folder: CarrierFolder = {
    list() {
      return attemptResult(shown, () => {
        const names: string[] = [];
        const dir = opendirSync(`/proc/self/fd/${fd}`);
        try {
          for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
            if (names.length >= CARRIER_ENTRIES)
              return refuse('carrier_unsafe', `"${shown}" has more than ${CARRIER_ENTRIES} entries.`);
            names.push(entry.name);
          }
        } finally {
          dir.closeSync();
        }
        return accept(names.filter(isCarrierName).toSorted());
      });
    },
    folder(name) {
      if (!isCarrierName(name)) return badName(name);
      try {
        return accept(folderOf(openSync(at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW), show(name)));
      } catch (error) {
        return isMissing(error) ? accept(undefined) : refuseError(show(name), error);
      }
    },
    file(name, most) {
      if (!isCarrierName(name)) return badName(name);
      let own: number;
      try {
        // Not blocking: a pipe would hold whoever opens it for ever.
        own = openSync(at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      } catch (error) {
        return isMissing(error) ? accept(undefined) : refuseError(show(name), error);
      }
      const stat = fstatSync(own);
      if (stat.isFile() && stat.size <= most) return accept(fileOf(own, name, stat.size));
      closeSync(own);
      return stat.isFile()
        ? refuse('carrier_too_large', `"${show(name)}" has ${stat.size} bytes; at most ${most} are allowed.`)
        : refuse('carrier_unsafe', `"${show(name)}" is not a plain file.`);
    },
    make(name) {
      if (!isCarrierName(name)) return badName(name);
      const made = perform(show(name), () => {
        try {
          mkdirSync(at(name), { mode: 0o755 });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
      });
      if (!made.ok) return made;
      const opened = folder.folder(name);
      if (!opened.ok) return opened;
      return opened.value ? accept(opened.value) : refuse('carrier_unusable', `"${show(name)}" is gone again.`);
    },
    put(name, pieces) {
      const beside = `${name}.new`;
      if (!isCarrierName(beside)) return badName(name);
      return perform(show(name), () => {
        removeIfThere(at(beside));
        const own = openSync(at(beside), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
        try {
          for (const piece of pieces) for (let i = 0; i < piece.length; ) i += writeSync(own, piece, i);
          fsyncSync(own);
        } finally {
          closeSync(own);
        }
        renameSync(at(beside), at(name));
        fsyncSync(fd);
      });
    },
    rename(from, to) {
      if (!isCarrierName(from) || !isCarrierName(to)) return badName(isCarrierName(from) ? to : from);
      return perform(show(to), () => {
        renameSync(at(from), at(to));
        fsyncSync(fd);
      });
    },
    openPart(name) {
      if (!isCarrierName(name)) return badName(name);
      const opened = attempt(show(name), () => openSync(at(name), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644));
      if (!opened.ok) return opened;
      if (fstatSync(opened.value).isFile()) return accept(partOf(opened.value, name, folder));
      closeSync(opened.value);
      return refuse('carrier_unsafe', `"${show(name)}" is not a plain file.`);
    },
    removeFolder(name) {
      const inner = folder.folder(name);
      if (!inner.ok || !inner.value) return inner.ok ? accept(undefined) : inner;
      inner.value.close();
      return perform(show(name), () => {
        removeTree(at(name), 2);
        fsyncSync(fd);
      });
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
  return folder;
}

/** Removes a folder of plain files and, so many levels down, folders of them. Nothing is followed. */
function removeTree(folder: string, levels: number): void {
  const fd = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const name of readdirSync(`/proc/self/fd/${fd}`)) {
      const entry = `/proc/self/fd/${fd}/${name}`;
      if (levels > 0 && lstatSync(entry).isDirectory()) removeTree(entry, levels - 1);
      else unlinkSync(entry);
    }
  } finally {
    closeSync(fd);
  }
  rmdirSync(folder);
}

function attemptResult<T>(name: string, work: () => Result<T>): Result<T> {
  const done = attempt(name, work);
  return done.ok ? done.value : done;
}

function removeIfThere(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Opens the directory that a person named. Their own path may lead over links; nothing below it does. */
export function openCarrier(dir: string): Result<CarrierFolder> {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    return refuse('carrier_unusable', `"${dir}" is not a directory.`);
  return attempt(dir, () => folderOf(openSync(dir, O_RDONLY | O_DIRECTORY), dir));
}

/** Opens it, made with its parents when it is not there. */
export function makeCarrier(dir: string): Result<CarrierFolder> {
  const made = attempt(dir, () => mkdirSync(dir, { recursive: true, mode: 0o755 }));
  return made.ok ? openCarrier(dir) : made;
}

/** The whole of a small file; undefined when there is none. */
export function readCarried(folder: CarrierFolder, name: string, most: number): Result<Uint8Array | undefined> {
  const file = folder.file(name, most);
  if (!file.ok || !file.value) return file.ok ? accept(undefined) : file;
  const { value } = file;
  try {
    const bytes = Buffer.concat([...value.pieces()].map((piece) => Buffer.from(piece)));
    if (bytes.length !== value.size) return refuse('carrier_torn', `"${name}" was cut while it was read.`);
    return accept(bytes);
  } catch (error) {
    return refuseError(name, error);
  } finally {
    value.close();
  }
}
