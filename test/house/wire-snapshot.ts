// Keeps the committed copy of the wire contract (test/house/wire-snapshot) that later contracts are measured against.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Outcome } from './report.ts';
import { HOUSE } from './tree.ts';
import { countAgreed, findBreaks } from './wire-compat.ts';

const PROTOS = 'packages/wire/proto';
const SNAPSHOTS = 'test/house/wire-snapshot';

const listProtos = (folder: string): string[] => {
  const at = path.join(HOUSE, folder);
  return existsSync(at) ? readdirSync(at).filter((name) => name.endsWith('.proto')) : [];
};
const read = (folder: string, name: string): string => readFileSync(path.join(HOUSE, folder, name), 'utf8');

function findAllBreaks(): string[] {
  const current = listProtos(PROTOS);
  return listProtos(SNAPSHOTS).flatMap((name) =>
    current.includes(name)
      ? findBreaks(read(SNAPSHOTS, name), read(PROTOS, name)).map((problem) => `${PROTOS}/${name}: ${problem}`)
      : [`${PROTOS}/${name} is gone`],
  );
}

export function checkWireSnapshot(): Outcome {
  const current = listProtos(PROTOS);
  const known = listProtos(SNAPSHOTS);
  const problems = findAllBreaks();
  for (const name of current) {
    if (!known.includes(name) || read(SNAPSHOTS, name) !== read(PROTOS, name))
      problems.push(`${PROTOS}/${name} has more than ${SNAPSHOTS} knows: run "npm run gen" and commit both`);
  }
  const checked = current.reduce((sum, name) => sum + countAgreed(read(PROTOS, name)), 0);
  return { checked, what: `fields and values of ${current.length} .proto files: only added to`, problems };
}

/**
 * Takes the additions over; refuses when something agreed is broken. Before a first release it may be broken on purpose:
 * delete the snapshot and run it again.
 */
export function writeWireSnapshot(): string {
  const breaks = findAllBreaks();
  if (breaks.length > 0)
    throw new Error(
      `the wire contract may only grow:\n${breaks.join('\n')}\n(never released? delete ${SNAPSHOTS} and run again)`,
    );
  mkdirSync(path.join(HOUSE, SNAPSHOTS), { recursive: true });
  const names = listProtos(PROTOS);
  for (const name of names) writeFileSync(path.join(HOUSE, SNAPSHOTS, name), read(PROTOS, name));
  return `${names.length} wire snapshots written`;
}
