// Owns the files in which `drover login` keeps the session of one hub, 0600 in a folder of its own, and which hub it was. Never
// prints a session.
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Target } from './target.ts';

/** Whoever reads the file sees all of it or the one before. */
function replaceFile(file: string, text: string): void {
  const aside = `${file}.${process.pid}.new`;
  rmSync(aside, { force: true });
  writeFileSync(aside, text, { mode: 0o600, flag: 'wx' });
  renameSync(aside, file);
}

export function writeLogin(file: string, secret: string): void {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  replaceFile(file, `${secret}\n`);
}

/**
 * Writes the hub and its CA into the context file, where there is none yet: the next command finds them. A file that a person
 * wrote is left alone.
 * @returns the file, when it was written.
 */
export function rememberHub({ hub, caFile, contextFile }: Target): string | undefined {
  const wasTyped = hub.from === '--hub' || caFile?.from === '--ca-file';
  if (!wasTyped || existsSync(contextFile.value)) return undefined;
  const lines = [`hub: ${JSON.stringify(hub.value)}`];
  if (caFile) lines.push(`caFile: ${JSON.stringify(caFile.value)}`);
  replaceFile(contextFile.value, `${lines.join('\n')}\n`);
  return contextFile.value;
}

export const removeLogin = (file: string): void => rmSync(file, { force: true });
