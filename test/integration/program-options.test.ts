// Checks that every setting of the hub and every flag of the agent can be typed at `drover`: the command line declares the
// programs' options a second time, because it imports neither, and one that is missing there is refused as unknown.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { USAGE } from '../../agent/src/config.ts';
import { SETTINGS } from '../../hub/src/config.ts';

const CLI = new URL('../../packages/cli/src/main.ts', import.meta.url).pathname;

function helpOf(...command: string[]): Set<string> {
  const { stdout } = spawnSync(process.execPath, [CLI, ...command, '--help'], { encoding: 'utf8' });
  return new Set([...stdout.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, flag = '']) => flag));
}

/** The flags of one command in the usage of the agent, which its own tests hold to what it parses. */
function flagsOf(command: string): string[] {
  const flags: string[] = [];
  let isMine = false;
  for (const line of USAGE.split('\n')) {
    const named = /^ {2}agent (\w+)/.exec(line)?.[1];
    if (named !== undefined) isMine = named === command;
    else if (!line.startsWith('   ')) isMine = false;
    if (isMine) flags.push(...[...line.matchAll(/--([a-z-]+)/g)].map(([, flag = '']) => flag));
  }
  return [...new Set(flags)];
}

describe('what the programs take', () => {
  it('is taken by "drover hub start"', () => {
    const taken = helpOf('hub', 'start');
    expect(
      Object.values(SETTINGS)
        .map(({ flag }) => flag)
        .filter((flag) => !taken.has(flag)),
    ).toEqual([]);
  });

  it.each(['join', 'run'])('is taken by "drover agent %s"', (command) => {
    const taken = helpOf('agent', command);
    const flags = flagsOf(command);
    expect(flags.length).toBeGreaterThan(5);
    expect(flags.filter((flag) => !taken.has(flag))).toEqual([]);
  });
});
