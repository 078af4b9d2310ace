// Checks that the completion scripts parse in their shells and offer what the command tree has.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { buildProgram } from './cli.ts';
import { SHELLS, writeCompletion } from './completion.ts';
import type { Shell } from './shell.ts';

const shell: Shell = {
  env: {},
  cwd: '/',
  home: '/',
  isTerminal: false,
  width: 0,
  out: () => undefined,
  err: () => undefined,
  readStdin: async () => '',
  readSecret: async () => undefined,
  now: () => 0,
};
const program = buildProgram({ shell, fetcher: fetch });

/** What bash offers after the given words, by running the script. */
function complete(words: readonly string[]): string[] {
  const script = `${writeCompletion(program, 'bash')}
compopt() { :; }
COMP_WORDS=(${words.map((w) => `'${w}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _drover; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const done = spawnSync('bash', ['--norc'], { input: script, encoding: 'utf8' });
  expect(done.stderr).toBe('');
  return done.stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it('for bash parses', () => {
    const parsed = spawnSync('bash', ['-n'], { input: writeCompletion(program, 'bash'), encoding: 'utf8' });
    expect(parsed.stderr).toBe('');
    expect(parsed.status).toBe(0);
  });

  it('in bash offers nouns, verbs, options and choices', () => {
    expect(complete(['drover', 'de'])).toEqual(['demo', 'device', 'deploy']);
    expect(complete(['drover', 'device', ''])).toEqual(expect.arrayContaining(['list', 'show', 'remove']));
    expect(complete(['drover', 'model', 'register', '--vec'])).toEqual(['--vectors']);
    expect(complete(['drover', 'agent', 'run', '--runtime', 'n'])).toEqual(['native']);
    expect(complete(['drover', 'rollout', 'li'])).toEqual(['list']);
    expect(complete(['drover', 'device', 'list', '--lim'])).toEqual(['--limit']);
  });

  it.each(SHELLS)('for %s knows every command and every option', (name) => {
    const script = writeCompletion(program, name);
    const walk = (command: typeof program): void => {
      for (const sub of command.commands) {
        expect(script).toContain(sub.name());
        for (const option of sub.options)
          if (option.long) expect(script).toContain(option.long.slice(name === 'fish' ? 2 : 0));
        walk(sub);
      }
    };
    walk(program);
  });
});

describe('help', () => {
  it('ends with an example for each command that does something', () => {
    const bare: string[] = [];
    const walk = (command: typeof program, name: readonly string[]): void => {
      let text = '';
      command.configureOutput({ writeOut: (part) => (text += part) });
      command.outputHelp();
      if (command.commands.length === 0 && !/Examples?:/.test(text)) bare.push(name.join(' '));
      for (const sub of command.commands) walk(sub, [...name, sub.name()]);
    };
    walk(program, []);
    expect(bare).toEqual([]);
  });
});
