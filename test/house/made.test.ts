// Proves the checks of what is made from something else: wire contract, lock file, reason page, last line of CI.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findUnlocked, makeEntry } from './lock-file.ts';
import { findUnsaid, renderPage } from './reason-docs.ts';
import { sumChecks, sumTests } from './sum.ts';
import { HOUSE } from './tree.ts';
import { findBreaks } from './wire-compat.ts';

describe('wire contract', () => {
  const contract = (body: string, more = '') => `syntax = "proto3"; package p; message M { ${body} } ${more}`;
  const agreed = contract(
    'uint64 a = 1; optional string b = 2; repeated uint32 c = 3; oneof k { bytes d = 4; } map<string, int32> e = 5; message N { bool f = 1; }',
    'enum E { ZERO = 0; ONE = 1; }',
  );

  it('lets fields, messages and values be added', () => {
    const more = agreed.replace('bool f = 1;', 'bool f = 1; bool g = 2;').replace('ONE = 1;', 'ONE = 1; TWO = 2;');
    expect(findBreaks(agreed, `${more} message New { string x = 1; }`)).toEqual([]);
  });

  it.each([
    ['removed', 'uint64 a = 1;', '', 'p.M.a is gone'],
    ['renamed', 'uint64 a = 1;', 'uint64 z = 1;', 'p.M.a is gone'],
    ['renumbered', 'uint64 a = 1;', 'uint64 a = 9;', 'p.M.a was uint64 = 1 and is uint64 = 9'],
    ['given another type', 'uint64 a = 1;', 'int64 a = 1;', 'p.M.a was uint64 = 1'],
    ['made repeated', 'uint64 a = 1;', 'repeated uint64 a = 1;', 'p.M.a was'],
    ['no longer optional', 'optional string b = 2;', 'string b = 2;', 'p.M.b was optional string = 2'],
    ['moved out of its oneof', 'oneof k { bytes d = 4; }', 'bytes d = 4;', 'in oneof k'],
    ['given another key', 'map<string, int32>', 'map<int32, int32>', 'p.M.e was map<string, int32>'],
    ['nested and removed', 'message N { bool f = 1; }', '', 'p.M.N is gone'],
    ['a value that is gone', 'ONE = 1;', '', 'p.E.ONE is gone'],
    ['a value with another number', 'ONE = 1;', 'ONE = 7;', 'p.E.ONE was 1 and is 7'],
  ])('refuses a field %s', (_what, from, to, problem) => {
    expect(agreed).toContain(from);
    expect(findBreaks(agreed, agreed.replace(from, to)).join('\n')).toContain(problem);
  });
});

describe('lock file', () => {
  const lock = {
    packages: {
      '': { optionalDependencies: { top: '1.0.0' } },
      'node_modules/top': {},
      'node_modules/tool': {
        dev: true,
        optionalDependencies: { '@tool/win32-x64': '2.0.0', '@tool/linux-x64': '2.0.0' },
      },
      'node_modules/@tool/linux-x64': {},
      'node_modules/a/node_modules/b': { optionalDependencies: { top: '1.0.0', inner: '1.0.0' } },
      'node_modules/a/node_modules/inner': {},
    },
  };

  it('finds exactly the platform packages that npm left out', () => {
    expect(findUnlocked(lock)).toEqual([['node_modules/tool', '@tool/win32-x64', '2.0.0']]);
  });

  it('derives an entry that keeps npm from asking elsewhere, or none', () => {
    expect(makeEntry('@tool/win32-x64', '2.0.0', { dev: true })).toEqual({
      version: '2.0.0',
      cpu: ['x64'],
      dev: true,
      optional: true,
      os: ['win32'],
    });
    expect(makeEntry('@x/binding-linux-arm64-musl', '1.0.0', {})).toMatchObject({ cpu: ['arm64'], libc: ['musl'] });
    expect(makeEntry('fsevents', '2.3.3', {})).toBeUndefined();
    expect(makeEntry('@tool/win32-x64', '^2.0.0', {})).toBeUndefined();
  });
});

describe('reason page', () => {
  const reason = { kind: 'transient', means: 'Full | now.', next: 'Wait.' } as const;
  const table = '  // --- disk: room\n  disk_full: row(\n';

  it('holds each code under the heading of the table', () => {
    const page = renderPage(table, { disk_full: reason });
    expect(page).toContain('## Disk: room');
    expect(page).toContain('| `disk_full` | transient | Full \\| now. | Wait. |');
  });

  it('refuses a code without a heading and a row without a code', () => {
    expect(() => renderPage(table, { disk_full: reason, other: reason })).toThrow(/other/);
    expect(() => renderPage(table, {})).toThrow(/disk_full/);
  });

  it('finds codes that nobody says, and is not misled by longer words', () => {
    const files = [{ path: 'x.ts', text: "refuse('disk_full', ''); // not_disk_gone" }];
    expect(findUnsaid(['disk_full', 'disk_gone'], files)).toEqual(['disk_gone']);
  });
});

describe('the last line of CI', () => {
  const file = (status: string, ...states: string[]) => ({
    status,
    assertionResults: states.map((state) => ({ status: state })),
  });

  it('adds up what ran', () => {
    const report = {
      success: true,
      testResults: [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed')],
    };
    expect(sumTests(report)).toMatchObject({ passed: 3, failed: 1 });
    expect(sumChecks([{ state: 'passed' }, { state: 'failed' }, { state: 'did not run' }])).toMatchObject({
      passed: 1,
      failed: 2,
    });
  });

  it.each([
    ['a skipped test', { success: true, testResults: [file('passed', 'passed', 'skipped')] }],
    ['a file that did not load', { success: false, testResults: [file('passed', 'passed'), file('failed')] }],
    ['an error outside all tests', { success: false, testResults: [file('passed', 'passed')] }],
  ])('counts %s as failed', (_what, report) => {
    expect(sumTests(report)).toMatchObject({ passed: 1, failed: 1 });
  });

  it.each([undefined, null, {}, [], { testResults: [] }, { testResults: [file('passed')] }])(
    'fails when nothing ran: %j',
    (report) => {
      expect(sumTests(report).failed).toBeGreaterThan(0);
      expect(sumChecks(report).failed).toBe(1);
    },
  );
});

describe('the program that prints the last line of CI', () => {
  it('speaks also when the launcher imports it instead of starting it', () => {
    const tool = path.join(HOUSE, 'packages/cli/bin/tool.js');
    const { stdout, status } = spawnSync(process.execPath, [tool, 'node', 'test/house/sum-main.ts'], {
      cwd: HOUSE,
      encoding: 'utf8',
    });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 2 failed');
    expect(status).toBe(1);
  });
});
