// Makes the protobuf code of every package that has `proto/NAME.proto`: `src/gen/NAME.js` and `NAME.d.ts`. With
// `--check` it writes nothing and fails when what is committed is not what the .proto says.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const house = path.resolve(import.meta.dirname, '../..');

/**
 * The arguments for all generated code. 64-bit integers are numbers; absent fields are null, so that "absent" and "zero"
 * differ; no reflection, which needs neither `eval` nor the full library on a device. What one package needs beside
 * them stands in its `proto/pbjs.json`, a list of arguments.
 */
const ARGUMENTS = `--target static-module --wrap esm --dependency protobufjs/minimal.js --force-number --null-defaults
  --no-create --no-verify --no-convert --no-delimited --no-typeurl --no-service`.split(/\s+/);

function readOwnArguments(folder: string): string[] {
  const file = path.join(folder, 'pbjs.json');
  if (!existsSync(file)) return [];
  const own: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (Array.isArray(own) && own.every((each) => typeof each === 'string')) return own;
  throw new Error(`${file} is not a list of arguments`);
}

interface Generated {
  readonly file: string;
  readonly text: string;
}

/** The entry file of pbjs: `node_modules/.bin` would run it with whichever Node comes first in PATH. */
function findPbjs(): string {
  const manifest = createRequire(import.meta.url).resolve('protobufjs-cli/package.json');
  return path.join(path.dirname(manifest), 'bin', 'pbjs');
}

function listProtos(): string[] {
  const packages = path.join(house, 'packages');
  return readdirSync(packages)
    .map((name) => path.join(packages, name, 'proto'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.proto'))
        .map((name) => path.join(folder, name)),
    )
    .toSorted();
}

const HEADER = (proto: string): string =>
  `// Generated from ${path.relative(house, proto)} by "npm run gen". Do not edit: change the .proto and run it again.\n`;

/**
 * Both files of one .proto, as text. The types come from documentation comments that the code itself does not need,
 * so the code is made twice. protobufjs-cli imports the types of `long` always; nothing here uses them.
 */
function generate(proto: string, scratch: string): Generated[] {
  const name = path.basename(proto, '.proto');
  const run = (...more: string[]): void => {
    const owner = path.basename(path.resolve(proto, '../..'));
    execFileSync(
      process.execPath,
      [
        findPbjs(),
        ...ARGUMENTS,
        ...readOwnArguments(path.dirname(proto)),
        '--root',
        `drover-${owner}-${name}`,
        '--path',
        path.dirname(proto),
        ...more,
        proto,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
  };
  run('--out', path.join(scratch, `${name}.js`), '--dts');
  const types = readFileSync(path.join(scratch, `${name}.d.ts`), 'utf8');
  run('--out', path.join(scratch, `${name}.js`), '--no-comments');
  const code = readFileSync(path.join(scratch, `${name}.js`), 'utf8');
  const folder = path.resolve(proto, '../../src/gen');
  const trimmed = types.replace('import Long = require("long");\n', '');
  if (/\bLong\b/.test(trimmed)) throw new Error(`${proto}: the generated types use Long`);
  return [
    { file: path.join(folder, `${name}.js`), text: HEADER(proto) + code },
    { file: path.join(folder, `${name}.d.ts`), text: HEADER(proto) + trimmed },
  ];
}

function main(args: readonly string[]): number {
  const check = args.includes('--check');
  const protos = listProtos();
  const scratch = mkdtempSync(path.join(tmpdir(), 'drover-gen-'));
  try {
    const stale: string[] = [];
    for (const { file, text } of protos.flatMap((proto) => generate(proto, scratch))) {
      const committed = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
      if (committed === text) continue;
      stale.push(path.relative(house, file));
      if (check) continue;
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const said = stale.length === 0 ? 'all up to date' : `${check ? 'differ' : 'written'}: ${stale.join(', ')}`;
    process.stdout.write(`generated code of ${protos.length} .proto files: ${said}\n`);
    return protos.length === 0 || (check && stale.length > 0) ? 1 : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv.slice(2));
