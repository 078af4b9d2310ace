// Owns what a house check says and when it counts as run. Never decides what is checked.

export interface Outcome {
  /** How many things were looked at; a check that looked at nothing has failed. */
  readonly checked: number;
  /** What the things are, in the plural: `source files`. */
  readonly what: string;
  /** One line a problem; empty when all is well. */
  readonly problems: readonly string[];
}

export interface Check {
  readonly name: string;
  run(): Promise<Outcome> | Outcome;
}

export interface Verdict extends Outcome {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'did not run';
  readonly ms: number;
}

/** Runs one check. What it throws, and what it did without looking at anything, is "did not run" and never "passed". */
export async function runCheck(check: Check, clock: () => number): Promise<Verdict> {
  const start = clock();
  try {
    const outcome = await check.run();
    const ms = clock() - start;
    if (outcome.problems.length > 0) return { ...outcome, name: check.name, state: 'failed', ms };
    if (!(outcome.checked > 0))
      return { ...outcome, name: check.name, state: 'did not run', ms, problems: ['It looked at nothing.'] };
    return { ...outcome, name: check.name, state: 'passed', ms };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return {
      name: check.name,
      state: 'did not run',
      checked: 0,
      what: 'things',
      problems: [said],
      ms: clock() - start,
    };
  }
}

/** Runs all checks, `width` at a time, and hands over each verdict as it falls. Returns them in the order of the list. */
export async function runChecks(
  checks: readonly Check[],
  width: number,
  clock: () => number,
  tell: (verdict: Verdict) => void,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < checks.length; at = next++) {
      const check = checks[at];
      if (!check) return;
      const verdict = await runCheck(check, clock);
      verdicts[at] = verdict;
      tell(verdict);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return verdicts;
}

const MARKS = { passed: 'ok  ', failed: 'FAIL', 'did not run': 'NONE' } as const;
const SHOWN = 40;

/** One line a check, and one more for each of its first problems. */
export function formatVerdict(verdict: Verdict): string {
  const seconds = (verdict.ms / 1000).toFixed(1).padStart(5);
  const head = `${MARKS[verdict.state]} ${verdict.name.padEnd(22)} ${seconds} s  ${verdict.checked} ${verdict.what}`;
  const lines = verdict.problems.slice(0, SHOWN).map((problem) => `       ${problem.replaceAll('\n', '\n       ')}`);
  if (verdict.problems.length > SHOWN) lines.push(`       … and ${verdict.problems.length - SHOWN} more`);
  return [head, ...lines].join('\n');
}

/** The last line of `npm run check`. */
export function formatSum(verdicts: readonly Verdict[]): string {
  const count = (state: Verdict['state']) => verdicts.filter((verdict) => verdict.state === state).length;
  return `checks: ${count('passed')} passed, ${count('failed')} failed, ${count('did not run')} did not run`;
}

/** 0 only when there were checks and every one of them ran and passed. */
export const exitCodeOf = (verdicts: readonly Verdict[]): number =>
  verdicts.length > 0 && verdicts.every((verdict) => verdict.state === 'passed') ? 0 : 1;
