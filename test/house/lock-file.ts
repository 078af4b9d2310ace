// Decides whether package-lock.json names every optional package of every platform, and adds those that are missing.
// npm leaves out what the registry it was made with does not hold; `npm ci` (npm 11) then refuses the whole lock file.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Outcome } from './report.ts';
import { HOUSE } from './tree.ts';

interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  peer?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface LockFile {
  packages: Record<string, LockEntry>;
}

const FILE = 'package-lock.json';
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

const readLock = (): LockFile => JSON.parse(readFileSync(path.join(HOUSE, FILE), 'utf8')) as LockFile;

/** Whether `name`, wanted by the package at `at`, is found by walking up the folders as Node does. */
function isLocked(lock: LockFile, at: string, name: string): boolean {
  for (let folder = at; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]) return true;
    if (folder === '') return false;
    if (!folder.includes('/node_modules/')) {
      // A workspace or a package at the top: only the root is left.
      return lock.packages[`node_modules/${name}`] !== undefined;
    }
  }
}

/** Optional packages that are wanted and not locked: `[who wants it, what, which version]`. */
export function findUnlocked(lock: LockFile): [string, string, string][] {
  return Object.entries(lock.packages).flatMap(([at, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !isLocked(lock, at, name))
      .map(([name, version]): [string, string, string] => [at, name, version]),
  );
}

/**
 * The entry of a platform package, from its name; `os` and `cpu` keep npm from asking for it on another platform. It has
 * no integrity, because its bytes were never seen here. Undefined when name or version do not say enough.
 */
export function makeEntry(name: string, version: string, parent: LockEntry): LockEntry | undefined {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  if (!os || !cpu || !/^\d+\.\d+\.\d+[\w.+-]*$/.test(version)) return undefined;
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : undefined;
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(libc && os === 'linux' ? { libc: [libc] } : {}),
    optional: true,
    os: [os],
    ...(parent.peer ? { peer: true } : {}),
  };
}

export function checkLockFile(): Outcome {
  const lock = readLock();
  const problems = findUnlocked(lock).map(
    ([at, name]) => `${at} may need ${name}, which ${FILE} lacks: run "npm run gen"`,
  );
  return {
    checked: Object.keys(lock.packages).length,
    what: 'locked packages, those of other platforms included',
    problems,
  };
}

export function completeLockFile(): string {
  const lock = readLock();
  const unlocked = findUnlocked(lock);
  for (const [at, name, version] of unlocked) {
    const entry = makeEntry(name, version, lock.packages[at] ?? {});
    if (!entry) throw new Error(`${FILE} lacks ${name} ${version}, and its name does not tell its platform`);
    lock.packages[`node_modules/${name}`] = entry;
  }
  if (unlocked.length > 0) {
    const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
    writeFileSync(
      path.join(HOUSE, FILE),
      `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`,
    );
  }
  return unlocked.length > 0 ? `${unlocked.length} packages of other platforms added to ${FILE}` : `${FILE} complete`;
}
