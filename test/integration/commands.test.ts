// The first command of the README, as a newcomer types it in the checkout: the one CLI answers and names what it can do.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const house = path.resolve(import.meta.dirname, '../..');
const npx = (...args: string[]): string =>
  execFileSync('npx', ['--no', ...args], { cwd: house, encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });

describe('npx --no drover', () => {
  it('--help names every command', () => {
    const help = npx('drover', '--help');
    for (const command of ['hub start', 'agent join', 'agent run', 'device', 'model', 'deploy', 'status', 'predict', 'doctor'])
      expect(help).toContain(command);
  });

  it('a command that does not exist ends with 2 and says which', () => {
    try {
      npx('drover', 'frobnicate');
    } catch (error) {
      expect((error as { status: number }).status).toBe(2);
      expect(String((error as { stderr: string }).stderr)).toContain('frobnicate');
      return;
    }
    expect.unreachable('it ended with 0');
  });
});
