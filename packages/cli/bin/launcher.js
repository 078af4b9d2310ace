// Decides which Node runs Drover: this one when new enough, else the one npm installed beside it, else one sentence.
// Plain JavaScript that parses on Node 18; it never imports anything of Drover before it has decided.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MINIMUM = [24, 15];
const here = path.dirname(fileURLToPath(import.meta.url));

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

/** The `bin` directory of the Node that npm installed as an optional dependency, searched upwards from here. */
function installedNodeDir() {
  for (let dir = here; ; dir = path.dirname(dir)) {
    const bin = path.join(dir, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
    if (existsSync(path.join(bin, 'node'))) return bin;
    if (dir === path.dirname(dir)) return undefined;
  }
}

/**
 * Compiled code is kept: a start costs half as much. In a folder of this user and not in the shared one for temporary files,
 * because what lies there is run.
 */
const compileCache = () =>
  path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'drover', 'compiled');

/** Runs `file` with `args` under a Node that is new enough; in this process when this one is. */
export async function launch(file, args) {
  process.env.NODE_COMPILE_CACHE ??= compileCache();
  if (isNewEnough(process.versions.node)) {
    nodeModule.enableCompileCache(process.env.NODE_COMPILE_CACHE);
    process.argv = [process.execPath, file, ...args];
    await import(pathToFileURL(file).href);
    return;
  }
  const bin = installedNodeDir();
  if (!bin) {
    process.stderr.write(
      `drover needs Node ${MINIMUM.join('.')} or newer and this is ${process.versions.node}: run "npm ci" in the checkout ` +
        `(it brings one for Linux x64 and arm64) or install Node 24 from your package manager.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(path.join(bin, 'node'), [file, ...args], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`drover could not start ${bin}/node: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exitCode = code ?? 1;
  });
}
