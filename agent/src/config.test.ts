import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAddress, parseConfig } from './config.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-config-'));
const csv = path.join(dir, 'rows.csv');
writeFileSync(csv, 'a,b\n1,2\n');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const yaml = (text: string): string => {
  const file = path.join(dir, `${text.length}.yaml`);
  writeFileSync(file, text);
  return file;
};

describe('parseConfig', () => {
  it('takes a flag before a variable before a file before the default', async () => {
    const file = yaml('http: 127.0.0.1:1\nsocket: /tmp/x.sock\nruntime: wasm\nslots: [a, b]\n');
    const env = { DROVER_AGENT_HTTP: '127.0.0.1:2', DROVER_AGENT_RUNTIME: 'native', DROVER_LOG_LEVEL: 'warn' };
    expect(await parseConfig(['run', '--config', file, '--http', '127.0.0.1:3'], env)).toMatchObject({
      ok: true,
      value: {
        http: { port: 3 },
        runtime: 'native',
        socket: '/tmp/x.sock',
        slots: ['a', 'b'],
        logLevel: 'warn',
        slot: 'default',
      },
    });
    expect(await parseConfig(['run'], {})).toMatchObject({
      value: { http: { host: '127.0.0.1', port: 0 }, runtime: 'auto' },
    });
    expect(await parseConfig(['run', '--socket', '/tmp/a'], {})).toMatchObject({
      value: { http: undefined, socket: '/tmp/a' },
    });
  });

  it('reads sources', async () => {
    const sourceOf = async (text: string) => parseConfig(['run', '--source', text], {});
    expect(await sourceOf(`csv:${csv}`)).toMatchObject({ value: { source: { kind: 'csv', file: csv } } });
    expect(await sourceOf('stdin')).toMatchObject({ value: { source: { kind: 'stdin' } } });
    expect(await sourceOf('mqtt:plant/press')).toMatchObject({
      value: { source: { url: 'mqtt://127.0.0.1:1883', topic: 'plant/press' } },
    });
    expect(await sourceOf('mqtt://gw:1884/plant/+')).toMatchObject({
      value: { source: { url: 'mqtt://gw:1884', topic: 'plant/+' } },
    });
  });

  it('refuses what it does not know, by code', async () => {
    const wrong: string[][] = [
      ['walk'], ['run', '--nonsense'], ['run', '--http', 'nowhere'], ['run', '--source', 'csv:/not/there'], ['run', '--source', 'ftp:x'],
      ['run', '--rate', '-1'], ['run', '--runtime', 'gpu'], ['run', '--slots', 'A B'], ['run', '--log-level', 'loud'], ['run', '--reconnect-max', '86400'],
      ['run', '--config', yaml('htpp: x\n')], ['run', '--config', yaml('- a\n- b\n- cc\n')], ['run', '--config', path.join(dir, 'none.yaml')],
      ['join', '--hub', 'nowhere'], ['join', '--label', 'novalue'],
    ]; // biome-ignore format: one list
    for (const args of wrong)
      expect([args, await parseConfig(args, {})]).toMatchObject([args, { code: 'agent_config_invalid' }]);
    expect(await parseConfig(['join', '--id', 'Bad Id'], {})).toMatchObject({ code: 'device_id_invalid' });
    expect(await parseConfig(['join', '--label', 'site=a=b', '--id', 'x'], { DROVER_HUB: 'http://h:1' })).toMatchObject(
      {
        value: { hubUrl: 'http://h:1', id: 'x', labels: { site: 'a=b' } },
      },
    );
  });

  it('never throws, whatever the arguments', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string()),
        async (args) => typeof (await parseConfig(['run', ...args], {})).ok === 'boolean',
      ),
    );
    expect(parseAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
    expect(parseAddress(':80')).toEqual({ host: '127.0.0.1', port: 80 });
    expect(parseAddress('h:99999')).toBeUndefined();
  });
});
