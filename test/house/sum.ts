// Sums the verdicts of `npm run check` and of vitest into the last line of CI: `N passed, N failed`. Never trusts an
// exit code: what is not in a report has not run, and what has not run has failed.
interface Sum {
  readonly passed: number;
  readonly failed: number;
  /** How the numbers came about, one sentence a line. */
  readonly said: readonly string[];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const stateOf = (value: unknown, key: string): unknown => (isRecord(value) ? value[key] : undefined);

const nothing = (what: string): Sum => ({
  passed: 0,
  failed: 1,
  said: [`${what}: did not run, which counts as one failure`],
});

/** The report that `check.ts --json=FILE` writes. */
export function sumChecks(report: unknown): Sum {
  const verdicts = listOf(report);
  if (verdicts.length === 0) return nothing('checks');
  const passed = verdicts.filter((verdict) => stateOf(verdict, 'state') === 'passed').length;
  return {
    passed,
    failed: verdicts.length - passed,
    said: [`checks: ${passed} passed, ${verdicts.length - passed} failed`],
  };
}

/**
 * The report of vitest's JSON reporter. A skipped test counts as failed, and so does a file that broke before its first
 * test, and a run without a test.
 */
export function sumTests(report: unknown): Sum {
  const files = listOf(stateOf(report, 'testResults'));
  const states = files
    .flatMap((file) => listOf(stateOf(file, 'assertionResults')))
    .map((test) => stateOf(test, 'status'));
  const passed = states.filter((state) => state === 'passed').length;
  const failed = states.filter((state) => state === 'failed').length;
  const skipped = states.length - passed - failed;
  const broken = files.filter(
    (file) =>
      stateOf(file, 'status') !== 'passed' &&
      !listOf(stateOf(file, 'assertionResults')).some((test) => stateOf(test, 'status') === 'failed'),
  ).length;
  if (passed + failed === 0) return nothing('tests');
  // An unhandled error fails the run of vitest, although every test in it passed.
  const unhandled = stateOf(report, 'success') === false && failed + broken === 0 ? 1 : 0;
  const said = [`tests: ${passed} passed, ${failed} failed, in ${files.length} files`];
  if (skipped > 0) said.push(`tests: ${skipped} skipped, each counts as failed`);
  if (broken > 0) said.push(`tests: ${broken} files broke outside a test, each counts as failed`);
  if (unhandled > 0) said.push('tests: an error outside all tests, counts as failed');
  return { passed, failed: failed + skipped + broken + unhandled, said };
}
