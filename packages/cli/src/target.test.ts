// Checks which hub and which token a command line chooses, and that a local token never goes to another machine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Shell } from './shell.ts';
import { findTarget, parseContext, parseHubUrl, type Target, type TargetOptions } from './target.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-target-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function find(options: TargetOptions = {}, env: Record<string, string> = {}): Target {
  const shell: Pick<Shell, 'env' | 'cwd' | 'home'> = { env, cwd: path.join(dir, 'work', 'deep'), home: dir };
  mkdirSync(shell.cwd, { recursive: true });
  const found = findTarget(shell as Shell, options);
  if (!found.ok) throw new Error(found.detail);
  return found.value;
}

function writeLocalHub(pid: number): void {
  const run = path.join(dir, 'work', '.drover', 'hub', 'run');
  mkdirSync(run, { recursive: true });
  writeFileSync(
    path.join(run, 'hub.json'),
    JSON.stringify({ pid, httpUrl: 'http://127.0.0.1:9080', mqttUrl: 'mqtt://127.0.0.1:9883' }),
  );
  writeFileSync(path.join(run, 'token'), 'x');
}

describe('findTarget', () => {
  it('takes flag before variable before context file before the local hub before the default', () => {
    const context = path.join(dir, '.config', 'drover', 'context.yaml');
    expect(find().hub).toEqual({ value: 'http://127.0.0.1:8080', from: 'default' });
    writeLocalHub(process.pid);
    expect(find().hub.value).toBe('http://127.0.0.1:9080');
    mkdirSync(path.dirname(context), { recursive: true });
    writeFileSync(context, 'hub: https://hub.example\ntokenFile: token\n');
    expect(find().hub).toEqual({ value: 'https://hub.example', from: context });
    expect(find().tokenFile?.value).toBe(path.join(path.dirname(context), 'token'));
    expect(find({}, { DROVER_HUB: 'http://b:1' }).hub).toEqual({ value: 'http://b:1', from: 'DROVER_HUB' });
    expect(find({ hub: 'c:2/' }, { DROVER_HUB: 'http://b:1' }).hub).toEqual({ value: 'http://c:2', from: '--hub' });
  });

  it('finds the local hub from a deeper folder, and ignores the file of a process that is gone', () => {
    writeLocalHub(2 ** 22 + 12_345);
    expect(find().hub.from).toBe('default');
    expect(find().hubData.value).toBe(path.join(dir, 'work', '.drover', 'hub'));
  });

  it('finds what "drover login" kept, for the hub that gave it only', () => {
    writeLocalHub(process.pid);
    const { loginFile } = find();
    mkdirSync(path.dirname(loginFile), { recursive: true });
    writeFileSync(loginFile, 'drs_x');
    expect(find().tokenFile).toEqual({ value: loginFile, from: 'drover login' });
    expect(find({ tokenFile: 'other' }).tokenFile?.from).toBe('--token-file');
    for (const hub of ['http://127.0.0.1:9081', 'https://127.0.0.1:9080', 'http://127.0.0.1:9080/sub'])
      expect(find({ hub }).tokenFile?.value).not.toBe(loginFile);
  });

  it('names files of logins that stay in their folder and differ', () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.webUrl(), (a, b) => {
        const [one, other] = [find({ hub: a }).loginFile, find({ hub: b }).loginFile];
        expect(path.dirname(one)).toBe(path.join(dir, '.config', 'drover', 'logins'));
        expect(one === other).toBe(find({ hub: a }).hub.value === find({ hub: b }).hub.value);
      }),
      { numRuns: 30 },
    );
  });

  it('gives the local token to the local hub only, by any name of this machine, and only while it runs', () => {
    writeLocalHub(process.pid);
    expect(find().tokenFile?.value).toContain(path.join('run', 'token'));
    for (const hub of ['localhost:9080', 'http://[::1]:9080', '127.0.0.9:9080'])
      expect(find({ hub }).tokenFile).toBeDefined();
    for (const hub of [
      'localhost:9081',
      'https://127.0.0.1:9080',
      'http://hub.example:9080',
      'http://127.0.0.1.example:9080',
    ])
      expect(find({ hub }).tokenFile).toBeUndefined();
    writeLocalHub(2 ** 22 + 12_345);
    for (const hub of [undefined, 'localhost:9080', 'localhost:8080']) expect(find({ hub }).tokenFile).toBeUndefined();
  });
});

describe('parseContext', () => {
  it('refuses unknown keys, other types and what is not YAML', () => {
    expect(parseContext('', 'f')).toEqual({ ok: true, value: {} });
    for (const text of ['hubs: x', 'hub: 3', '- a', 'a: [', 'text']) expect(parseContext(text, 'f').ok).toBe(false);
  });
  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseContext(text, 'f')));
  });
});

describe('parseHubUrl', () => {
  it('refuses what is no address, and one with a password in it', () => {
    for (const text of ['', 'ftp://a', 'http://user:pw@a', 'http://']) expect(parseHubUrl(text).ok).toBe(false);
  });
  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseHubUrl(text)));
  });
});
