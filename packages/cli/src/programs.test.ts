// Checks that what was typed reaches the program behind a command, and nothing that was not.
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { toArguments } from './programs.ts';

function parse(args: readonly string[]): string[] {
  const command = new Command('run')
    .option('--dev', 'x')
    .option('--data <dir>', 'x')
    .option('--rate <n>', 'x', Number, 5)
    .option('--label <l>', 'x', (text, previous: string[] | undefined) => [...(previous ?? []), text]);
  command.parse(args, { from: 'user' });
  return toArguments(command);
}

describe('toArguments', () => {
  it('passes flags, values and repeated options on', () => {
    expect(parse(['--dev', '--label', 'a=1', '--data', '-x y', '--label', 'b=2'])).toEqual([
      '--dev',
      '--data=-x y',
      '--label=a=1',
      '--label=b=2',
    ]);
  });
  it('leaves defaults to the program', () => {
    expect(parse([])).toEqual([]);
    expect(parse(['--rate', '5'])).toEqual(['--rate=5']);
  });
});
