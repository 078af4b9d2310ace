// Runs a development tool of this checkout (vitest, biome, node FILE) under a Node that is new enough.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { launch } from './launcher.js';

const [name, ...args] = process.argv.slice(2);

/** A tool's own entry file, from the `bin` of its package.json: `node_modules/.bin` would run it with the wrong Node. */
function entryOf(tool) {
  const packages = {
    biome: '@biomejs/biome',
    depcruise: 'dependency-cruiser',
    pbjs: 'protobufjs-cli',
    asc: 'assemblyscript',
  };
  const require = createRequire(import.meta.url);
  const roots = require.resolve.paths('x') ?? [];
  for (const root of roots) {
    try {
      const dir = path.join(root, packages[tool] ?? tool);
      const { bin } = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'));
      return path.join(dir, typeof bin === 'string' ? bin : bin[tool]);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`the tool "${tool}" is not installed: run "npm ci" first`);
}

if (!name) {
  process.stderr.write('usage: tool.js NAME [ARG ...] | tool.js node FILE [ARG ...]\n');
  process.exitCode = 2;
} else if (name === 'node') await launch(path.resolve(args[0]), args.slice(1));
else await launch(entryOf(name), args);
