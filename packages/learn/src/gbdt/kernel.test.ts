import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe('the committed kernel', () => {
  it('is what its source compiles to', () => {
    const build = fileURLToPath(new URL('../../kernel/build.js', import.meta.url));
    const run = spawnSync(process.execPath, [build, '--check'], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
  });
});
