// Builds the agent that leaves the repository: one JavaScript file, and beside it the native packages for one platform.
// `npm run build [-- --platform linux-arm64] [--out DIR]`; the same checkout gives the same bytes. Never installs anything.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import { HOUSE } from './tree.ts';

/** Where better-sqlite3 and ONNX Runtime both have a native library. Linux: glibc. */
export const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface BuiltAgent {
  /** agent.js */
  readonly entry: string;
  /** Of all files. */
  readonly bytes: number;
  /** Bytes by file or by native package. */
  readonly parts: Readonly<Record<string, number>>;
}

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly type?: string;
  readonly main?: string;
  readonly exports?: unknown;
  readonly engines?: Readonly<Record<string, string>>;
}

const readPackage = (folder: string): PackageJson =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as PackageJson;
const asJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** Native packages stay packages: they find their libraries by their own folders. Of each, the files that an agent loads. */
const NATIVE: Readonly<Record<string, (platform: Platform) => RegExp>> = {
  'better-sqlite3': (platform) => new RegExp(`^(lib/(?!(darwin|linux|win32)).*\\.js|prebuilds/${platform}\\.node)$`),
  'onnxruntime-common': () => /^dist\/cjs\/.*\.(js|json)$/,
  'onnxruntime-node': (platform) => new RegExp(`^(dist/.*\\.js|bin/napi-v6/${platform.replace('-', '/')}/.*)$`),
};
const LICENSE_FILE = /^(licen[cs]e|notice)/i;

const agentFolder = path.join(HOUSE, 'agent');

function findPackage(name: string): string {
  const roots = createRequire(path.join(agentFolder, 'package.json')).resolve.paths(name) ?? [];
  const found = roots
    .map((root) => path.join(root, name))
    .find((folder) => statSync(folder, { throwIfNoEntry: false }));
  if (found === undefined) throw new Error(`${name} is not installed: run "npm ci" first`);
  return found;
}

const listFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .toSorted();

function copyNative(name: string, platform: Platform, out: string): void {
  const from = findPackage(name);
  const wanted = NATIVE[name]?.(platform);
  const to = path.join(out, 'node_modules', name);
  const files = listFiles(from).filter((file) => wanted?.test(file) || LICENSE_FILE.test(file));
  for (const file of files) {
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    cpSync(path.join(from, file), path.join(to, file));
  }
  // Without its install scripts and what only they need: nothing is compiled or downloaded on a device.
  const { version, license, type, main, exports } = readPackage(from);
  writeFileSync(path.join(to, 'package.json'), asJson({ name, version, license, type, main, exports }));
}

/** Node keeps a file that is not all ASCII as two bytes a character in memory. */
const escapeToAscii = (code: string): string =>
  code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

async function bundle(): Promise<OutputChunk> {
  const build = await rolldown({
    cwd: HOUSE,
    input: 'agent/src/main.ts',
    platform: 'node',
    external: [...Object.keys(NATIVE), 'onnxruntime-web', 'bufferutil', 'utf-8-validate', 'supports-color'],
    onLog: (level, log, next) => {
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message);
      next(level, log);
    },
  });
  try {
    const { output } = await build.generate({
      // CommonJS: an ESM import of node:http asks for all its exports, and with them comes the whole of undici.
      format: 'cjs',
      codeSplitting: false,
      // Names stay, so that a stack trace from a device can be read.
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
      comments: false,
    });
    const [chunk, ...others] = output;
    if (others.length > 0) throw new Error(`the bundle has ${others.length} files too many`);
    return chunk;
  } finally {
    await build.close();
  }
}

/** The licences of the packages whose code is in the bundle, each once. */
function collectLicences(chunk: OutputChunk): string {
  const folders = new Map<string, string>();
  for (const id of chunk.moduleIds) {
    const [, folder, name] = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(id.replaceAll(path.sep, '/')) ?? [];
    if (folder !== undefined && name !== undefined) folders.set(name, folder);
  }
  const parts = [...folders]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, folder]) => {
      const { version, license } = readPackage(folder);
      const texts = readdirSync(folder)
        .filter((file) => LICENSE_FILE.test(file))
        .toSorted();
      const text = texts.map((file) => readFileSync(path.join(folder, file), 'utf8').trim()).join('\n\n');
      return `${name} ${version} (${license ?? 'see below'})\n\n${text || 'The package carries no licence text.'}\n`;
    });
  return parts.join(`\n${'-'.repeat(80)}\n\n`);
}

function measure(out: string): BuiltAgent {
  const parts: Record<string, number> = {};
  let bytes = 0;
  for (const file of listFiles(out)) {
    const { size } = statSync(path.join(out, file));
    const part = /^node_modules\/([^/]+)\//.exec(file)?.[1] ?? file;
    parts[part] = (parts[part] ?? 0) + size;
    bytes += size;
  }
  return { entry: path.join(out, 'agent.js'), bytes, parts };
}

export async function buildAgent(
  out: string = path.join(HOUSE, 'dist/agent'),
  platform: string = `${process.platform}-${process.arch}`,
): Promise<BuiltAgent> {
  const target = PLATFORMS.find((each) => each === platform);
  if (target === undefined) throw new Error(`no agent for "${platform}"; there are: ${PLATFORMS.join(', ')}`);
  const chunk = await bundle();
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(path.join(out, 'agent.js'), `#!/usr/bin/env node\n${escapeToAscii(chunk.code)}`, { mode: 0o755 });
  for (const name of Object.keys(NATIVE)) copyNative(name, target, out);
  const { name, version, license, engines } = readPackage(agentFolder);
  const [os, cpu] = target.split('-');
  const natives = Object.keys(NATIVE);
  writeFileSync(
    path.join(out, 'package.json'),
    asJson({
      name,
      version,
      license,
      private: true,
      type: 'commonjs',
      engines,
      os: [os],
      cpu: [cpu],
      ...(os === 'linux' && { libc: ['glibc'] }),
      bin: { 'drover-agent': 'agent.js' },
      dependencies: Object.fromEntries(natives.map((each) => [each, readPackage(findPackage(each)).version])),
      bundleDependencies: natives,
    }),
  );
  cpSync(path.join(HOUSE, 'LICENSE'), path.join(out, 'LICENSE'));
  writeFileSync(path.join(out, 'THIRD-PARTY.txt'), collectLicences(chunk));
  return measure(out);
}
