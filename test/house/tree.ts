// Decides which files belong to the house: what people wrote, not what was installed, generated or built.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const HOUSE = path.resolve(import.meta.dirname, '../..');

export interface TextFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

const SKIPPED_FOLDERS = new Set(['node_modules', '.git', '.drover', 'dist', 'coverage', 'gen']);
const TEXT = /\.(ts|js|cjs|mjs|json|md|ya?ml|proto|sh|css|html|toml|txt|csv|service|Dockerfile)$/;
const TEXT_WITHOUT_SUFFIX = /(^|\/)(run|LICENSE|\.npmrc|\.nvmrc|\.gitignore|\.gitattributes|Dockerfile)$/;
const CANARY = 'test/house/canary/';

/** Every text file of the house, canaries left out, in a stable order. */
export function listFiles(root: string = HOUSE): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name) && !`${name}/`.startsWith(CANARY)) walk(name);
      } else if (entry.isFile() && (TEXT.test(name) || TEXT_WITHOUT_SUFFIX.test(name))) found.push(name);
    }
  };
  walk('');
  return found.toSorted();
}

export const readFiles = (paths: readonly string[], root: string = HOUSE): TextFile[] =>
  paths.map((name) => ({ path: name, text: readFileSync(path.join(root, name), 'utf8') }));

/** TypeScript of a room: `packages/core/src/ids.ts`. */
export const isSource = (name: string): boolean =>
  /^(packages\/[^/]+|agent|hub|firmware-bridge)\/src\/.*\.ts$/.test(name);
export const isTest = (name: string): boolean => name.endsWith('.test.ts');
/** What runs as part of a test suite; benches measure and may wait. */
export const isTestCode = (name: string): boolean => isTest(name) || /^test\/(?!bench\/).*\.ts$/.test(name);
