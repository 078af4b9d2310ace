// One side of a recipe on files, in a process of its own whose peak memory is then read: `make` or `apply`. Prints one line
// of JSON.
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { applyRecipe } from '@drover/delta/apply';
import { makeRecipe } from '@drover/delta/make';
import type { Pair } from '@drover/delta/recipe';
import { openSource } from '@drover/delta/sources';
import { readPeakRssMb, readRssMb } from './process-facts.ts';

const [what, baseFile = '', targetFile = '', recipeFile = ''] = process.argv.slice(2);

function digestOf(file: string): string {
  const source = openSource(file);
  const hash = createHash('sha256');
  for (let at = 0; at < source.size; at += 1 << 20) hash.update(source.read(at, 1 << 20));
  source.close();
  return hash.digest('hex');
}

const base = openSource(baseFile);
const target = openSource(targetFile);
const pair: Pair = {
  base: digestOf(baseFile),
  baseSize: base.size,
  target: digestOf(targetFile),
  targetSize: target.size,
};
const beforeMb = readRssMb(process.pid);
const from = performance.now();
let size = 0;
if (what === 'make') {
  const fd = openSync(recipeFile, 'w', 0o600);
  const made = makeRecipe({
    base,
    target,
    pair,
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    },
  });
  closeSync(fd);
  if (!made.ok) throw new Error(made.detail);
  ({ size } = made.value);
} else {
  const hash = createHash('sha256');
  const steps = applyRecipe({ recipe: openSource(recipeFile), base, pair });
  for (let next = steps.next(); !next.done; next = steps.next()) {
    hash.update(next.value);
    size += next.value.length;
  }
  if (hash.digest('hex') !== pair.target) throw new Error('the recipe did not make the target');
}
const ms = performance.now() - from;
process.stdout.write(`${JSON.stringify({ size, ms, beforeMb, peakMb: readPeakRssMb(process.pid) })}\n`);
