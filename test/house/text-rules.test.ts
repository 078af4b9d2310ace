// Proves that each text rule catches what it names, lets the allowed neighbour pass, and cannot go blind unnoticed.
import { describe, expect, it } from 'vitest';
import { judgeTexts, TEXT_RULES } from './text-rules.ts';
import { isTestCode, listFiles } from './tree.ts';

const rule = (name: string) => {
  const found = TEXT_RULES.find((one) => one.name === name);
  if (!found) throw new Error(`no rule ${name}`);
  return found;
};

describe('every rule', () => {
  it.each(TEXT_RULES.map((one) => one.name))('%s reports its canary', (name) => {
    const canary = rule(name).canary();
    expect(rule(name).applies(canary.path)).toBe(true);
    expect(rule(name).find(canary.text)).not.toEqual([]);
  });

  it('is found out when it no longer matches', () => {
    const blind = { ...rule('left-over'), find: () => [] };
    expect(judgeTexts(blind, [{ path: 'hub/src/x.ts', text: '// fine\n' }]).problems).toEqual([
      'the rule did not report its canary: it would let anything pass',
    ]);
  });

  it('counts nothing when no file was subject to it', () => {
    expect(judgeTexts(rule('header'), [{ path: 'README.md', text: '' }]).checked).toBe(0);
  });
});

describe('what is caught and what is not', () => {
  it.each<[string, string, boolean]>([
    ['header', '// Decides x.\nexport {};\n', false],
    ['header', '/** Decides x. */\n', false],
    ['header', '#!/usr/bin/env node\n// Starts x.\n', false],
    ['header', "import x from 'x';\n// later\n", true],
    ['focused-test', "it.skip('x')", true],
    ['focused-test', "describe.sequential.only('x')", true],
    ['focused-test', "it.each([1])('only')", false],
    ['fixed-sleep', 'await setTimeout(1_000);', true],
    ['fixed-sleep', 'await timers.setTimeout(50);', true],
    ['fixed-sleep', 'await new Promise((r) => setTimeout(r, 50));', true],
    ['fixed-sleep', 'await new Promise((go) => setTimeout(go, 50));', true],
    ['fixed-sleep', "await waitFor('the hub', () => up, 5000);", false],
    ['cast-to-any', 'x as anything', false],
    ['silent-exemption', '// oxlint-disable-next-line no-empty -- the socket is gone either way', false],
    ['silent-exemption', '// biome-ignore format: a table', false],
    ['house-path', `see /ro${'ot'}/x`, true],
    ['house-path', `cd /ho${'me'}/ann/drover`, true],
    ['house-path', 'the hub/work/queue and ./root/x', false],
  ])('%s: %s → %s', (name, text, caught) => {
    expect(rule(name).find(text).length > 0).toBe(caught);
  });

  it('measures length in lines, the last newline not counted', () => {
    expect(rule('source-length').find('x\n'.repeat(400))).toEqual([]);
    expect(rule('source-length').find('x\n'.repeat(401))).toHaveLength(1);
    expect(rule('test-length').find('x\n'.repeat(501))).toHaveLength(1);
  });
});

describe('the tree', () => {
  it('lists what people wrote and no canary, nothing installed, nothing generated', () => {
    const files = listFiles();
    expect(files).toContain('packages/core/src/reasons.ts');
    expect(files).toContain('.ci/run');
    expect(files.filter((name) => /node_modules|\/gen\/|canary\//.test(name))).toEqual([]);
  });

  it('lets a bench wait', () => {
    expect(isTestCode('test/bench/main.ts')).toBe(false);
    expect(isTestCode('test/faults/kill.test.ts')).toBe(true);
  });
});
