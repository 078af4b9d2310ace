// `drover doctor`: observes, judges, prints. Changes nothing.
import type { Command } from 'commander';
import { type Finding, judge } from '../doctor/findings.ts';
import { observe } from '../doctor/observe.ts';
import { EXIT } from '../failure.ts';
import { usesColor } from '../shell.ts';
import { toPrintable } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, locateHub, present } from './common.ts';

const MARK = { fail: 'FAIL', warn: 'WARN', ok: 'ok  ' } as const;
const COLOR = { fail: '31', warn: '33', ok: '32' } as const;

function renderFindings(cli: Cli, findings: readonly Finding[]): string {
  const paint = (finding: Finding): string =>
    usesColor(cli.shell) ? `\u001b[${COLOR[finding.level]}m${MARK[finding.level]}\u001b[0m` : MARK[finding.level];
  const lines = findings.map(
    (f) =>
      `${paint(f)}  ${f.check.padEnd(8)}  ${toPrintable(f.says)}${f.fix === '' ? '' : `\n      fix: ${toPrintable(f.fix)}`}`,
  );
  const bad = findings.filter((f) => f.level !== 'ok').length;
  return `${lines.join('\n')}\n${bad === 0 ? 'Nothing to do.' : `${bad} of ${findings.length} checks ask for something.`}\n`;
}

export function addDoctorCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('doctor').summary('find out what is wrong and how to mend it'))
    .description('Checks Node, the way to the hub, its token and its mode, ports, disk, clock, and whether agents run what they should. The worst comes first, each with the command that mends it.')
    .option('--data <dir>', 'data directory of the local hub')
    .addHelpText('after', '\nExit codes: 0 nothing failed (warnings are allowed), 1 something failed.')
    .addHelpText('after', '\nExamples:\n  drover doctor\n  drover doctor --hub https://hub.example:8080 --ca-file ./ca.crt')
    .action(async (options: ConnectionOptions & { data?: string }) => {
      const findings = judge(await observe(locateHub(cli, options), cli.fetcher, cli.shell.now));
      present(cli, options, { items: findings }, () => renderFindings(cli, findings));
      if (findings.some((f) => f.level === 'fail')) process.exitCode = EXIT.failed;
    }); // biome-ignore format: one chain
}
