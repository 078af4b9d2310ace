// The agent as it leaves the repository: built into a folder from where no node_modules of this checkout can be found, it
// joins a real hub, installs, predicts, reads a file of rows and goes on without the hub.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deploy, joinAgent, remove, runAgent, scratch, startHub } from '@drover/testkit/fleet';
import { askOffset, readStatus, registerOffset } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltAgent, buildAgent } from '../house/build-agent.ts';

let dir: string;
let built: BuiltAgent;

beforeAll(async () => {
  dir = scratch('built');
  built = await buildAgent(at('here'));
});

afterEach(() => killAll());

afterAll(() => remove(dir));

const at = (...parts: string[]): string => path.join(dir, ...parts);
const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('the built agent', () => {
  it('joins, installs, predicts and goes on without the hub', async () => {
    const hub = await startHub(at('hub'), [], { DROVER_HUB_PROBATION_SECONDS: '0' });
    await joinAgent(hub, at('press-1'), 'press-1', ['--label', 'site=north'], built.entry);
    writeFileSync(at('rows.csv'), 'a;b\n1;1\n2;x\n3;3\n');
    writeFileSync(at('agent.yaml'), `source: csv:${at('rows.csv')}\nruntime: native\n`);
    let agent = await runAgent(at('press-1'), ['--config', at('agent.yaml')], {}, [], built.entry);
    const { version } = await registerOffset(hub, 100);
    expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
    expect(await askOffset(agent)).toBe(100);
    const { taken } = await until('the rows of the file', async () => {
      const { readings } = await readStatus(agent);
      const refused = Object.values(readings.refused).reduce((sum, count) => sum + count, 0);
      return readings.taken + refused === 3 ? readings : undefined;
    });
    expect(taken).toBeGreaterThanOrEqual(2);

    expect(await hub.stop()).toBe(0);
    expect(await agent.stop()).toBe(0);
    agent = await runAgent(at('press-1'), [], {}, [], built.entry);
    expect(await until('a served model without the hub', () => askOffset(agent))).toBe(100);
    expect((await readStatus(agent)).hub.connected).toBe(false);
    expect(await agent.stop()).toBe(0);
  });

  it('is the same each time, and for another platform differs in its libraries only', async () => {
    const again = await buildAgent(at('again'));
    expect([digest(again.entry), again.parts]).toEqual([digest(built.entry), built.parts]);
    const there = process.arch === 'arm64' ? 'x64' : 'arm64';
    const other = await buildAgent(at('other'), `linux-${there}`);
    expect(digest(other.entry)).toBe(digest(built.entry));
    const library = (arch: string): string =>
      at('other/node_modules/onnxruntime-node/bin/napi-v6/linux', arch, 'onnxruntime_binding.node');
    expect([existsSync(library(there)), existsSync(library(process.arch))]).toEqual([true, false]);
    expect(existsSync(at(`other/node_modules/better-sqlite3/prebuilds/linux-${there}.node`))).toBe(true);
    await expect(buildAgent(at('none'), 'linux-mips')).rejects.toThrow('linux-x64, linux-arm64');
  });
});
