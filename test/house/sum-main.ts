// Prints the last line of CI from the two report files named. It runs whenever it is loaded: a program that asks whether it
// is the main one stays silent, and green, when a launcher imports it.
import { existsSync, readFileSync } from 'node:fs';
import { sumChecks, sumTests } from './sum.ts';

const read = (file: string | undefined): unknown => {
  if (file === undefined || !existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Cut off in the middle of writing: it has not run to its end.
    return undefined;
  }
};

const [checks, tests] = process.argv.slice(2);
const sums = [sumChecks(read(checks)), sumTests(read(tests))];
const passed = sums.reduce((sum, one) => sum + one.passed, 0);
const failed = sums.reduce((sum, one) => sum + one.failed, 0);
for (const line of sums.flatMap((one) => one.said)) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
