// Proves that a check which looked at nothing, or broke, is never counted as passed.
import { describe, expect, it } from 'vitest';
import { exitCodeOf, formatSum, formatVerdict, type Outcome, runCheck, runChecks, type Verdict } from './report.ts';

const clock = () => 0;
const outcome = (checked: number, ...problems: string[]): Outcome => ({ checked, what: 'files', problems });
const run = (result: () => Outcome): Promise<Verdict> => runCheck({ name: 'x', run: result }, clock);

describe('runCheck', () => {
  it('passes what was looked at and found in order', async () => {
    expect((await run(() => outcome(3))).state).toBe('passed');
  });
  it('fails on a problem, even when nothing was counted', async () => {
    expect((await run(() => outcome(3, 'bad'))).state).toBe('failed');
    expect((await run(() => outcome(0, 'bad'))).state).toBe('failed');
  });
  it.each([0, -1, Number.NaN])('says "did not run" when it looked at %d things', async (checked) => {
    expect((await run(() => outcome(checked))).state).toBe('did not run');
  });
  it('says "did not run" and why when the check throws', async () => {
    const verdict = await run(() => {
      throw new Error('no such tool');
    });
    expect(verdict).toMatchObject({ state: 'did not run', problems: ['no such tool'] });
  });
});

describe('exit code', () => {
  it('is 0 only when every check passed, and there was one', async () => {
    const passed = await run(() => outcome(1));
    const failed = await run(() => outcome(1, 'bad'));
    const idle = await run(() => outcome(0));
    expect(exitCodeOf([passed, passed])).toBe(0);
    expect(exitCodeOf([passed, failed])).toBe(1);
    expect(exitCodeOf([passed, idle])).toBe(1);
    expect(exitCodeOf([])).toBe(1);
    expect(formatSum([passed, failed, idle])).toBe('checks: 1 passed, 1 failed, 1 did not run');
    expect(formatVerdict(failed)).toMatch(/^FAIL x .* 1 files\n +bad$/);
  });
});

describe('runChecks', () => {
  it('runs all, at most so many at a time, and keeps their order', async () => {
    let open = 0;
    let most = 0;
    const check = (name: string) => ({
      name,
      run: async () => {
        most = Math.max(most, ++open);
        await Promise.resolve();
        open--;
        return outcome(1);
      },
    });
    const verdicts = await runChecks(['a', 'b', 'c', 'd', 'e'].map(check), 2, clock, () => {});
    expect(verdicts.map((verdict) => verdict.name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(most).toBe(2);
  });
});
