// Checks what a login leaves on the disk.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rememberHub, writeLogin } from './login-file.ts';
import type { Shell } from './shell.ts';
import { findTarget, type Target, type TargetOptions } from './target.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-login-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function find(options: TargetOptions = {}, env: Record<string, string> = {}): Target {
  const shell: Pick<Shell, 'env' | 'cwd' | 'home'> = { env, cwd: dir, home: dir };
  const found = findTarget(shell as Shell, options);
  if (!found.ok) throw new Error(found.detail);
  return found.value;
}

const login = (options: TargetOptions, env?: Record<string, string>): string | undefined => {
  const target = find(options, env);
  writeLogin(target.loginFile, 'drs_secret');
  return rememberHub(target);
};

describe('a login', () => {
  it('is found by the next command without another word, with its CA', () => {
    const file = login({ hub: 'https://hub.example:8443', caFile: 'ca "1".crt' });
    expect(find()).toMatchObject({
      hub: { value: 'https://hub.example:8443', from: file },
      caFile: { value: path.join(dir, 'ca "1".crt'), from: file },
      tokenFile: { from: 'drover login' },
    });
    expect(statSync(file ?? '').mode & 0o777).toBe(0o600);
    expect(readFileSync(file ?? '', 'utf8')).not.toContain('drs_secret');
    expect(find({ hub: 'http://127.0.0.1:1' }).tokenFile).toBeUndefined();
  });

  it('leaves alone what a person wrote, and what was not typed', () => {
    expect(login({})).toBeUndefined();
    expect(login({}, { DROVER_HUB: 'http://127.0.0.1:9' })).toBeUndefined();
    const { contextFile } = find();
    writeFileSync(contextFile.value, 'hub: https://mine.example\n');
    expect(login({ hub: 'https://hub.example' })).toBeUndefined();
    expect(find().hub.value).toBe('https://mine.example');
  });
});
