// Proves that the tools are believed only while they report their canaries: each is blinded here, and must be found out.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { judgeCruise } from './boundaries.ts';
import { missed, runTool, TOOL_CHECKS } from './tools.ts';
import { HOUSE } from './tree.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'drover-canary-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const CRUISER = 'dependency-cruiser/bin/dependency-cruiser.mjs';
const canaryFolder = path.join(HOUSE, 'test/house/canary/boundaries');

async function cruiseCanary(config: string): Promise<unknown> {
  const run = await runTool(
    CRUISER,
    ['--config', config, '--output-type', 'json', 'agent', 'hub', 'packages'],
    canaryFolder,
  );
  return JSON.parse(run.out);
}

describe('boundaries', () => {
  const config = path.join(HOUSE, '.dependency-cruiser.cjs');

  it('reports every rule on its canary, with its reason', async () => {
    const canary = await cruiseCanary(config);
    const { problems, checked } = judgeCruise({ canary, house: canary, sources: [] });
    expect(checked).toBeGreaterThan(40);
    expect(problems.filter((problem) => /canary|reason/.test(problem))).toEqual([]);
    expect(
      problems.some((problem) =>
        problem.startsWith('packages/core/src/breaks-room.ts → packages/wire/src/leaf.ts: room-core'),
      ),
    ).toBe(true);
  });

  it('is found out when it reads nothing', async () => {
    // As dependency-cruiser 17 was beside TypeScript 7: it read no .ts file and found no violation.
    const blind = path.join(scratch, 'blind.cjs');
    writeFileSync(
      blind,
      `const c = require(${JSON.stringify(config)}); c.options.exclude = { path: '[.]ts$' }; module.exports = c;`,
    );
    const canary = await cruiseCanary(blind);
    const { problems } = judgeCruise({ canary, house: canary, sources: ['packages/core/src/reasons.ts'] });
    expect(problems).toContain('the rule room-core did not report its canary: it would let anything pass');
    expect(problems.some((problem) => problem.includes('were not cruised'))).toBe(true);
  });

  it('is found out when a rule can no longer match', async () => {
    const dull = path.join(scratch, 'dull.cjs');
    const edit = `c.forbidden.find((rule) => rule.name === 'aedes-in-broker').to.path = 'node_modules/aedes-renamed/'`;
    writeFileSync(dull, `const c = require(${JSON.stringify(config)}); ${edit}; module.exports = c;`);
    const canary = await cruiseCanary(dull);
    const silent = judgeCruise({ canary, house: canary, sources: [] }).problems.filter((problem) =>
      problem.includes('canary:'),
    );
    expect(silent).toEqual(['the rule aedes-in-broker did not report its canary: it would let anything pass']);
  });

  it('refuses a report of another form', () => {
    expect(() => judgeCruise({ canary: {}, house: {}, sources: [] })).toThrow(/another form/);
  });
});

describe('lint', () => {
  it('is found out when it runs without types', async () => {
    const canary = 'test/house/canary/lint';
    const blind = await runTool('oxlint/bin/oxlint', ['-c', `${canary}/oxlintrc.json`, canary]);
    expect(missed(canary, ['no-explicit-any', 'no-floating-promises'], blind)).toEqual([
      `the canary ${canary} was not reported (no-floating-promises): this check would let anything pass`,
    ]);
  });
});

describe('the list of tools', () => {
  it('covers what `npm run check` promises', () => {
    expect(TOOL_CHECKS.map((check) => check.name).toSorted()).toEqual(
      ['boundaries', 'dead code', 'format', 'generated code', 'lint', 'types', 'types of pure rooms'].toSorted(),
    );
    expect(JSON.parse(readFileSync(path.join(HOUSE, 'package.json'), 'utf8'))).toMatchObject({
      scripts: { check: expect.stringContaining('test/house/check.ts') },
    });
  });

  it('rejects when a tool is not there', async () => {
    const run = await runTool('absent/bin/tool.js', []);
    expect(run.code).not.toBe(0);
  });
});
