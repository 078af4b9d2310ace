// `npm run check [NAME ...] [--json=FILE]`: runs the checks of the house, one line each; ends with 1 when one failed or
// did not really run.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { checkLockFile } from './lock-file.ts';
import { checkPeopleDocs } from './people-docs.ts';
import { checkReasonDocs } from './reason-docs.ts';
import { type Check, exitCodeOf, formatSum, formatVerdict, runChecks } from './report.ts';
import { makeTextChecks } from './text-rules.ts';
import { TOOL_CHECKS } from './tools.ts';
import { checkWireSnapshot } from './wire-snapshot.ts';

const CHECKS: readonly Check[] = [
  ...TOOL_CHECKS,
  { name: 'reason codes', run: checkReasonDocs },
  { name: 'roles', run: checkPeopleDocs },
  { name: 'wire contract', run: checkWireSnapshot },
  { name: 'lock file', run: checkLockFile },
  ...makeTextChecks(),
];

const args = process.argv.slice(2);
const report = args.find((word) => word.startsWith('--json='))?.slice('--json='.length);
const wanted = args.filter((word) => !word.startsWith('--'));
const chosen =
  wanted.length === 0 ? CHECKS : CHECKS.filter((check) => wanted.some((word) => check.name.includes(word)));
const verdicts = await runChecks(
  chosen,
  Math.min(4, availableParallelism()),
  performance.now.bind(performance),
  (verdict) => process.stdout.write(`${formatVerdict(verdict)}\n`),
);
process.stdout.write(`${formatSum(verdicts)}\n`);
if (report) writeFileSync(report, JSON.stringify(verdicts));
process.exitCode = exitCodeOf(verdicts);
