// Measures what an agent takes on disk: its own source and every package it needs, for this platform and as npm installs
// it. Never installs anything.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { BenchReport } from './report.ts';

const HOUSE = path.resolve(import.meta.dirname, '../..');

interface PackageJson {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const readPackage = (folder: string): PackageJson =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as PackageJson;

/** Where Node would find the package from `from`. */
function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const found = path.join(folder, 'node_modules', name);
    if (existsSync(path.join(found, 'package.json'))) return found;
    if (folder === HOUSE || folder === path.dirname(folder)) return undefined;
  }
}

/** The folders of everything that `folder` needs, itself included. */
function closeOver(folder: string, found: Set<string>): Set<string> {
  if (found.has(folder)) return found;
  found.add(folder);
  const { dependencies, optionalDependencies } = readPackage(folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const next = findPackage(name, folder);
    if (next) closeOver(next, found);
  }
  return found;
}

interface Sizes {
  all: number;
  /** Without what only other platforms load, and without sources that are compiled or tested only. */
  here: number;
}

const PLATFORM = /(^|\/)(darwin|win32|linux|linuxmusl)[/-](x64|arm64)(\/|\.node$)/;
const isForeign = (file: string): boolean => {
  const [, , system, arch] = PLATFORM.exec(file) ?? [];
  return system !== undefined && (system !== process.platform || arch !== process.arch);
};
const BUILD_ONLY = /\.(c|cc|cpp|h|hpp|gyp|gypi|map|md|d\.ts|d\.mts|d\.cts|test\.ts)$/;

function measure(folder: string, name: string, sizes: Sizes): void {
  for (const entry of readdirSync(path.join(folder, name), { withFileTypes: true })) {
    const inside = name === '' ? entry.name : `${name}/${entry.name}`;
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') measure(folder, inside, sizes);
      continue;
    }
    if (!entry.isFile()) continue;
    const { size } = statSync(path.join(folder, inside));
    sizes.all += size;
    if (!isForeign(inside) && !BUILD_ONLY.test(inside)) sizes.here += size;
  }
}

const MB = 1e6;

export async function bench(): Promise<BenchReport> {
  const folders = [...closeOver(path.join(HOUSE, 'agent'), new Set())];
  const total: Sizes = { all: 0, here: 0 };
  const parts = new Map<string, Sizes>();
  for (const folder of folders) {
    const sizes = { all: 0, here: 0 };
    measure(folder, '', sizes);
    total.all += sizes.all;
    total.here += sizes.here;
    const name = folder.startsWith(path.join(HOUSE, 'node_modules'))
      ? path.relative(path.join(HOUSE, 'node_modules'), folder)
      : '';
    const part = name === '' || name.startsWith('@drover/') ? 'the house itself' : name;
    const held = parts.get(part) ?? { all: 0, here: 0 };
    parts.set(part, { all: held.all + sizes.all, here: held.here + sizes.here });
  }
  const [nodeName] = [`node-${process.platform}-${process.arch}`];
  const nodeBytes = statSync(process.execPath).size;
  const largest = [...parts].toSorted((a, b) => b[1].here - a[1].here).slice(0, 6);
  return {
    title: `Disk: an agent on one platform (${process.platform} ${process.arch})`,
    rows: [
      {
        name: 'agent with all it needs, one platform',
        value: total.here / MB,
        unit: 'MB',
        reference: { name: 'as npm installs it, MB', value: total.all / MB },
      },
      ...largest.map(([name, { all, here }]) => ({
        name: `of which ${name}`,
        value: here / MB,
        unit: 'MB',
        reference: { name: 'as installed, MB', value: all / MB },
      })),
      { name: `Node itself (${nodeName})`, value: nodeBytes / MB, unit: 'MB' },
    ],
    notes: [
      `${folders.length} packages. One platform: without binaries for other systems, C sources, type declarations and source maps.`,
    ],
  };
}
