// The first command of the README, as a newcomer types it in the checkout: the one CLI answers and names what it can do.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const house = path.resolve(import.meta.dirname, '../..');
const npx = (...args: string[]): string =>
  execFileSync('npx', ['--no', ...args], {
    cwd: house,
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });

// npx takes "--no drover" for an option and its value, and with it the flags up to the next word: "--help" right behind it
// would show the help of npx. "--" says where drover begins; behind a command every flag is drover's own.
describe('npx --no drover', () => {
  it.each([
    ['help', ['drover', 'help']],
    ['-- drover --help', ['--', 'drover', '--help']],
  ])('%s names every command', (_, args) => {
    const help = npx(...args);
    for (const command of ['hub', 'agent', 'device', 'model', 'deploy', 'status', 'predict', 'doctor'])
      expect(help).toMatch(new RegExp(`^ +${command}\\b`, 'm'));
  });

  it.each([
    [['drover', 'frobnicate'], 2, 'frobnicate'],
    [['drover', 'status', '--frobnicate'], 2, 'frobnicate'],
    [['drover', 'status', '--json', '--hub', 'http://127.0.0.1:9'], 4, 'hub_unreachable'],
  ])('%j ends with %i and says why', (args, status, text) => {
    try {
      npx(...args);
    } catch (error) {
      const ended = error as { status: number; stderr: string; stdout: string };
      expect(ended.stderr + ended.stdout).toContain(text);
      expect(ended.status).toBe(status);
      return;
    }
    expect.unreachable('it ended with 0');
  });
});
