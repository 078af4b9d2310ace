// Runs `drover demo` as a newcomer does, with few agents, and checks what it says and what it leaves behind.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const DROVER = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-demo-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Data directories of demos; Node keeps its compile cache beside them. */
const listLeft = (): string[] => readdirSync(dir).filter((name) => name.startsWith('drover-demo-'));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the demo with its temporary directories below `dir`; `onOut` sees what was printed so far. */
function runDemo(args: readonly string[], onOut?: (out: string, pid: number) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [DROVER, 'demo', ...args], { env: { ...process.env, TMPDIR: dir } });
    let out = '';
    let err = '';
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString();
      if (child.pid !== undefined) onOut?.(out, child.pid);
    });
    child.stderr.on('data', (part: Buffer) => (err += part.toString()));
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code, out, err }));
  });
}

describe('drover demo', () => {
  it('plays the built-in fleet, and every check holds', async () => {
    const { code, out, err } = await runDemo(['--agents', '3', '--seconds', '8', '--label-delay-ms', '2000', '--json']);
    expect(err).toBe('');
    const result = JSON.parse(out) as { ok: boolean; checks: { name: string; ok: boolean; says: string }[] };
    expect(result.checks.filter((check) => !check.ok)).toEqual([]);
    expect(result.checks.map((check) => check.name)).toEqual(
      expect.arrayContaining([
        'every row counted once',
        'running = signed',
        'labels arrived',
        'accuracy recomputed',
        'auc recomputed',
        'clean end',
      ]),
    );
    expect(code).toBe(0);
    expect(listLeft()).toEqual([]);
  });

  it('names the step that did not happen, and leaves nothing behind', async () => {
    const file = path.join(dir, 'rows.csv');
    writeFileSync(file, `x,y\n${Array.from({ length: 60 }, (_, i) => `${i % 7},0`).join('\n')}\n`);
    const { code, err } = await runDemo(['--data', file, '--label', 'y', '--agents', '2', '--seconds', '5']);
    expect(code).toBe(1);
    expect(err).toContain('Step "Train on the hub" did not happen');
    expect(err).toContain('[data_one_class]');
    expect(listLeft()).toEqual([]);
  });

  it('ends its processes and removes its directory when it is interrupted', async () => {
    let hub: string | undefined;
    const { code, err } = await runDemo(['--agents', '2', '--seconds', '30'], (out, pid) => {
      const found = /Start a hub: (http\S+)/.exec(out)?.[1];
      if (found === undefined || hub !== undefined) return;
      hub = found;
      process.kill(pid, 'SIGINT');
    });
    expect(code).toBe(130);
    expect(err).toContain('[interrupted]');
    expect(listLeft()).toEqual([]);
    await expect(fetch(`${hub}/health/live`)).rejects.toThrow('fetch failed');
  });
});
