// Loaded into a program with `--import`: once the file named by DROVER_CRASH_FILE exists, kills the process with -9 right
// before its N-th durable write (rename, fsync, SQLite write), N being the file's content. With DROVER_CRASH_DATA=1 also before
// each write into an open file and each fdatasync: what a transfer is made of. The program itself knows nothing.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);
const file = process.env['DROVER_CRASH_FILE'] ?? '';
let left: number | undefined;

function beforeWrite(what: string): void {
  if (left === undefined) {
    if (file === '' || !existsSync(file)) return;
    left = Number(readFileSync(file, 'utf8'));
  }
  left -= 1;
  if (left > 0) return;
  appendFileSync(`${file}.log`, `${what}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** Puts `beforeWrite` in front of one method. */
function watch(
  owner: Record<string, unknown>,
  name: string,
  describe: (self: unknown, args: readonly unknown[]) => string | undefined,
): void {
  const original = owner[name];
  if (typeof original !== 'function')
    throw new Error(`${name} is not a function any more: the crash driver must follow`);
  owner[name] = function (this: unknown, ...args: unknown[]): unknown {
    const what = describe(this, args);
    if (what !== undefined) beforeWrite(what);
    return Reflect.apply(original, this, args);
  };
}

const fs = require('node:fs') as Record<string, unknown>;
watch(fs, 'renameSync', (_, args) => `rename ${String(args[1])}`);
watch(fs, 'fsyncSync', () => 'fsync');
if (process.env['DROVER_CRASH_DATA'] === '1') {
  // Descriptors 0 to 2 are how a program speaks, not what it keeps.
  watch(fs, 'writeSync', (_, args) => (Number(args[0]) > 2 ? `write at ${String(args[4])}` : undefined));
  watch(fs, 'fdatasync', () => 'fdatasync in the background');
  watch(fs, 'fdatasyncSync', () => 'fdatasync');
}
const promises = fs['promises'] as Record<string, unknown>;
watch(promises, 'rename', (_, args) => `rename ${String(args[1])}`);
syncBuiltinESMExports();

interface Statement {
  readonly source: string;
  readonly readonly: boolean;
}
const Database = require('better-sqlite3') as new (file: string) => { prepare(sql: string): object; close(): void };
const probe = new Database(':memory:');
const statement = Object.getPrototypeOf(probe.prepare('select 1')) as Record<string, unknown>;
probe.close();
watch(statement, 'run', (self) => {
  const { source, readonly } = self as Statement;
  return readonly ? undefined : `sql ${source.slice(0, 60).replaceAll(/\s+/g, ' ')}`;
});
