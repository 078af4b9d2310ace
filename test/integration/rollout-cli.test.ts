// The commands of groups and rollouts against a real hub with real agents, as people type them.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runCli } from '@drover/cli/cli';
import {
  type AgentProgram,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { askOffset, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('rollout-cli');
const IDS = ['press-1', 'press-2', 'press-3'];
let hub: HubProgram;
let agents: AgentProgram[];
let tokenFile: string;

async function drover(args: readonly string[], token = tokenFile): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env: { DROVER_HUB: hub.httpUrl, DROVER_TOKEN_FILE: token },
    cwd: dir,
    home: dir,
    isTerminal: false,
    width: 0,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    readStdin: async () => '',
    readSecret: async () => undefined,
    now: Date.now,
  });
  const said = process.exitCode === undefined ? code : Number(process.exitCode);
  process.exitCode = undefined;
  return { code: said, out, err };
}

/** The file of a token with these roles. */
async function tokenOf(name: string, roles: string[]): Promise<string> {
  const { token } = await hub.post<{ token: string }>('/api/v1/tokens', { name, roles });
  const file = path.join(dir, `${name}.token`);
  writeFileSync(file, token, { mode: 0o600 });
  return file;
}

const write = (name: string, plan: object, version = 1): void =>
  writeFileSync(path.join(dir, name), JSON.stringify({ model: 'offset', version, group: 'presses', plan }));
const newest = async (): Promise<Rollout> => {
  const { items } = await hub.get<{ items: Rollout[] }>('/api/v1/rollouts?limit=1');
  const [one] = items;
  if (!one) throw new Error('there is no rollout');
  return one;
};

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], { DROVER_HUB_PROBATION_SECONDS: '0' });
  tokenFile = path.join(hub.data, 'run/token');
  for (const [i, id] of IDS.entries())
    await joinAgent(hub, path.join(dir, id), id, ['--label', 'kind=press', '--label', `line=l${i}`]);
  agents = await Promise.all(
    IDS.map((id) => runAgent(path.join(dir, id), ['--hold-file', path.join(dir, `${id}.hold`)])),
  );
  await registerOffset(hub, 100);
  await registerOffset(hub, 200);
  await Promise.all(IDS.map((id) => waitOnline(hub, id)));
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

const answers = () => Promise.all(agents.map((agent) => askOffset(agent)));

describe('drover group and rollout', () => {
  it('name a query, say what a plan would do, and do it', async () => {
    expect(await drover(['group', 'set', 'presses', '--query', 'kind = press', '--note', 'all of them'])).toMatchObject(
      { code: 0 },
    );
    expect((await drover(['group', 'list'])).out).toMatch(/presses\s+3\s+3\s+kind = press/);
    expect((await drover(['group', 'devices', 'presses'])).out).toBe(`${IDS.join('\n')}\n`);
    expect(await drover(['group', 'set', 'bad', '--query', 'kind ='])).toMatchObject({ code: 1 });
    write('one.json', {
      stages: [
        { name: 'canary', count: 1 },
        { name: 'rest', percent: 100 },
      ],
      maxInFlight: 1,
    });
    const plan = await drover(['rollout', 'plan', 'one.json']);
    expect(plan.out).toMatch(/offset@1 to 3 devices\. Nothing was started\./);
    expect(plan.out).toMatch(/Over in about \d+m, \d+m at most: simulated with 0 % of devices away/);
    expect(plan.out).toMatch(/canary\s+1\s+1\s+0\s+0\s+0\s+[\d.]+ .?B\s+1 nothing/);
    const started = await drover(['rollout', 'start', 'one.json', '--wait', '--timeout', '60s']);
    expect(started).toMatchObject({ code: 0 });
    expect(started.err).toContain('stage 1 of 2 "canary"');
    expect(started.out).toMatch(/state\s+completed/);
    expect(await answers()).toEqual([100, 100, 100]);
    expect((await drover(['device', 'why', 'press-2'])).out).toMatch(
      /default: runs offset@1\. Rollout .* gave it this: committed since/,
    );
  });

  it('pause, say why a device waits, and bring everyone back', async () => {
    write(
      'two.json',
      {
        stages: [
          { name: 'canary', query: 'line = l0', soak: '1h' },
          { name: 'rest', percent: 100 },
        ],
      },
      2,
    );
    expect(await drover(['rollout', 'start', 'two.json'])).toMatchObject({ code: 0 });
    const { id } = await newest();
    await until('the canary is watched', async () => (await newest()).phase === 'soaking', 60_000);
    await until('it answers by the new one', async () => (await answers())[0] === 200);
    expect((await drover(['device', 'why', 'press-3'])).out).toContain('It is in stage "rest", which has not begun.');
    expect((await drover(['rollout', 'pause', id, '--because', 'audit'])).out).toMatch(/state\s+paused \(operator\)/);
    expect((await drover(['rollout', 'watch', id])).code).toBe(1);
    expect((await drover(['rollout', 'resume', id])).out).toMatch(/state\s+running/);
    expect((await drover(['group', 'delete', 'presses'])).err).toContain('group_in_use');
    expect((await drover(['rollout', 'rollback', id, '--because', 'it answers worse'])).code).toBe(0);
    await until('it is over', async () => (await newest()).state === 'rolled_back', 60_000);
    expect(await answers()).toEqual([100, 100, 100]);
    const shown = (await drover(['rollout', 'show', id])).out;
    expect(shown).toMatch(/press-1\s+\S+\s+back/);
    expect(shown).toMatch(/local\s+rolling_back\s+it answers worse/);
    expect((await drover(['rollout', 'rollback', id])).err).toContain('rollout_ended');
  });

  it('wait for people who did not make it', async () => {
    write('three.json', { stages: [{ name: 'all', percent: 100 }], approvals: 2 }, 2);
    expect((await drover(['rollout', 'start', 'three.json', '--wait'])).code).toBe(1);
    const { id } = await newest();
    const { planHash } = await hub.get<{ planHash: string }>(`/api/v1/rollouts/${id}`);
    expect((await drover(['rollout', 'show', id])).out).toContain(`drover rollout approve ${id} --plan ${planHash}`);
    const [operator, bob, eve] = [
      await tokenOf('olga', ['operator']),
      await tokenOf('bob', ['approver']),
      await tokenOf('eve', ['approver']),
    ];
    const approve = (file: string) => drover(['rollout', 'approve', id, '--plan', planHash], file);
    expect((await approve(tokenFile)).err).toContain('approval_own');
    expect((await approve(operator)).err).toContain('role_missing');
    expect((await approve(bob)).out).toMatch(/approvals\s+1 of 2/);
    expect((await approve(eve)).code).toBe(0);
    await until('it is over', async () => (await newest()).state === 'completed', 60_000);
    expect(await answers()).toEqual([200, 200, 200]);
  });

  it('bring the bytes before a maintenance window and switch inside of it', async () => {
    const opens = new Date(Date.now() + 2 * 3_600_000);
    const start = `${String(opens.getUTCHours()).padStart(2, '0')}:${String(opens.getUTCMinutes()).padStart(2, '0')}`;
    write('night.json', { stages: [{ name: 'all', percent: 100 }], windows: [{ start, duration: '30m' }] }, 1);
    expect((await drover(['rollout', 'start', 'night.json'])).code).toBe(0);
    const { id } = await newest();
    await until('everyone waits for it', async () => (await newest()).counts['staged'] === 3, 60_000);
    expect((await drover(['device', 'why', 'press-1'])).out).toContain(
      `waits for the maintenance window, which opens at ${opens.toISOString().slice(0, 16)}`,
    );
    expect(await answers()).toEqual([200, 200, 200]);
    expect((await drover(['rollout', 'abort', id])).out).toMatch(/state\s+aborted/);
    write('day.json', { stages: [{ name: 'all', percent: 100 }] }, 1);
    expect((await drover(['rollout', 'start', 'day.json', '--wait', '--timeout', '60s'])).code).toBe(0);
    expect(await answers()).toEqual([100, 100, 100]);
  });

  it('leave a device alone that somebody on site holds, for as long as they do', async () => {
    const hold = path.join(dir, 'press-2.hold');
    writeFileSync(hold, '');
    write('held.json', { stages: [{ name: 'all', percent: 100 }] }, 2);
    expect((await drover(['rollout', 'start', 'held.json'])).code).toBe(0);
    await until('the others have it', async () => (await newest()).counts['committed'] === 2, 60_000);
    await until('it is held', async () => (await newest()).counts['deferred'] === 1, 60_000);
    expect((await drover(['device', 'why', 'press-2'])).out).toContain('Somebody on site holds it');
    expect(await answers()).toEqual([200, 100, 200]);
    rmSync(hold);
    await until('it goes on', async () => (await newest()).state === 'completed', 60_000);
    expect(await answers()).toEqual([200, 200, 200]);
  });

  it('refuse what cannot be meant, with the place', async () => {
    const refusals: [object, string][] = [
      [{ stages: [{ name: 'a', percent: 50 }] }, 'stages[0]: the last stage has to be percent: 100.'],
      [{ stages: [{ name: 'a', percent: 100 }], maxInFligth: 5 }, 'maxInFligth'],
      [
        {
          stages: [
            { name: 'a', query: 'site = mars' },
            { name: 'b', percent: 100 },
          ],
        },
        '"a" finds none of the 3 targets',
      ],
      [{ stages: [{ name: 'a', percent: 100, soak: 'long' }] }, 'soak'],
      [
        {
          stages: [{ name: 'a', percent: 100 }],
          windows: [{ start: '22:00', duration: '4h', timeZone: 'Mars/Olympus' }],
        },
        'windows[0].timeZone: "Mars/Olympus"',
      ],
    ];
    for (const [plan, says] of refusals) {
      write('bad.json', plan);
      const { code, err } = await drover(['rollout', 'start', 'bad.json']);
      expect(code).toBeGreaterThan(0);
      expect(err).toContain(says);
    }
    expect((await drover(['rollout', 'start', 'nothing.json'])).err).toContain('cannot be read (ENOENT)');
  });

  it('simulate the same file without a hub', async () => {
    write('two.json', {
      stages: [
        { name: 'canary', percent: 10, soak: '1h' },
        { name: 'rest', percent: 100 },
      ],
      maxInFlight: 20,
      onFail: 'rollback',
    });
    const sound = await drover(['simulate', 'two.json', '--fleet', '100', '--runs', '5', '--offline', '0']);
    expect(sound.out).toMatch(/ended completed\s+5/);
    const bad = await drover([
      'simulate',
      'two.json',
      '--fleet',
      '100',
      '--runs',
      '5',
      '--harm',
      'install=80',
      '--offline',
      '0',
      '--json',
    ]);
    const { states, runs } = JSON.parse(bad.out) as { states: Record<string, number>; runs: { exposed: number }[] };
    expect(states).toEqual({ rolled_back: 5 });
    expect(Math.max(...runs.map(({ exposed }) => exposed))).toBeLessThanOrEqual(10);
    expect((await drover(['simulate', '--harm', 'x=2'])).code).toBe(2);
  });
});
