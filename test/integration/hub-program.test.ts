// The hub as a process: what it says, what it leaves on disk, how it ends, and that a second start goes on.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { makeCertificate } from '@drover/testkit/certificate';
import { type HubProgram, remove, scratch, startHub } from '@drover/testkit/fleet';
import { ENTRY, killAll, start, waitForReady } from '@drover/testkit/program';
import { keepOwnKeys } from '@drover/testkit/secure-hub';
import { until } from '@drover/testkit/until';
import type { Static } from '@drover/wire/http/check';
import type { Dataset, Run } from '@drover/wire/http/runs';
import { afterAll, describe, expect, it } from 'vitest';

const dir = scratch('hub-program');
afterAll(async () => {
  await killAll();
  remove(dir);
});

const FREE = ['--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--devices', '127.0.0.1:0'];
const modeOf = (file: string): number => statSync(file).mode & 0o777;

async function endsWith(args: readonly string[], env: Record<string, string> = {}) {
  const program = start(ENTRY.hub, args, env);
  return { exit: await program.waitForExit(), said: program.output() };
}

describe('a start', () => {
  it('says where things are and the next command, and keeps them to their owner', async () => {
    const data = path.join(dir, 'first');
    const hub = await startHub(data);
    await until('the banner', () => hub.output().includes('Next: npx --no drover status'));
    for (const told of [hub.httpUrl, hub.mqttUrl, data, 'run/token', 'loopback', 'release.pem'])
      expect(hub.output()).toContain(told);
    for (const folder of ['.', 'db', 'keys', 'run', 'blobs', 'jobs'])
      expect(modeOf(path.join(data, folder))).toBe(0o700);
    for (const file of [
      'run/token',
      'run/hub.json',
      'keys/root.pem',
      'keys/release.pem',
      'keys/director.pem',
      'db/hub.db',
    ]) {
      expect(modeOf(path.join(data, file))).toBe(0o600);
    }
    const token = readFileSync(path.join(data, 'run/token'), 'utf8').trim();
    expect(hub.output()).not.toContain(token);
    expect(await hub.stop()).toBe(0);
    expect(existsSync(path.join(data, 'run/hub.json'))).toBe(false);
    expect(hub.output()).not.toContain('"level":50');
  });

  it('goes on where it was: same id, same token, same devices, no new keys', async () => {
    const data = path.join(dir, 'again');
    const one = await startHub(data);
    const token = readFileSync(path.join(data, 'run/token'), 'utf8');
    await one.post('/api/v1/devices', { id: 'd1' });
    const before = await one.get<{ hubId: string }>('/api/v1/status');
    await one.kill();
    const two = await startHub(data);
    expect(await two.get('/api/v1/status')).toMatchObject({ hubId: before.hubId, devices: { total: 1 } });
    expect(readFileSync(path.join(data, 'run/token'), 'utf8')).toBe(token);
    expect(two.output()).not.toContain('made');
    expect(await two.stop()).toBe(0);
  });

  it('refuses a taken port with exit 3, naming port and flag', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await until('the port', () => taken.listening);
    const { port } = taken.address() as net.AddressInfo;
    const flags = ['--http', '--mqtt', '--devices'];
    for (const flag of flags) {
      const where = flags.flatMap((each) => [each, `127.0.0.1:${each === flag ? port : 0}`]);
      const args = ['--dev', '--data', path.join(dir, `taken${flag}`), ...where];
      const { exit, said } = await endsWith(args);
      expect(exit).toBe(3);
      expect(said).toMatch(new RegExp(`port_taken: .*127\\.0\\.0\\.1:${port}.*${flag}`));
    }
    taken.close();
  });

  it('refuses a folder that another hub uses, and takes it when that one was killed', async () => {
    const data = path.join(dir, 'locked');
    const one = await startHub(data);
    const { exit, said } = await endsWith(['--dev', '--data', data, ...FREE]);
    expect(exit).toBe(1);
    expect(said).toContain('data_locked');
    await one.kill();
    const two = await startHub(data);
    expect(await two.stop()).toBe(0);
  });

  it('refuses wrong use with exit 2 and says what is right', async () => {
    const file = path.join(dir, 'hub.yaml');
    writeFileSync(file, 'htpp: 127.0.0.1:1\n');
    const cases: [string[], Record<string, string>, string][] = [
      [['--bogus'], {}, 'config_invalid'],
      [['--dev', '--config', file], {}, 'htpp'],
      [['--dev', '--config', path.join(dir, 'none.yaml')], {}, 'does not exist'],
      [['--dev'], { DROVER_HUB_HTPP: 'x' }, 'DROVER_HUB_HTPP'],
      [['--dev', '--http', '0.0.0.0:0'], {}, 'dev_not_loopback'],
      [[...FREE, '--tls-cert', 'c.pem'], {}, '--tls-key'],
    ];
    for (const [args, env, named] of cases) {
      const { exit, said } = await endsWith(args, env);
      expect([exit, said.includes(named)]).toEqual([2, true]);
    }
  });

  it('shows its settings with their origins and its help without starting', async () => {
    const { exit, said } = await endsWith(['--dev', '--show-config', '--http', '127.0.0.1:9'], {
      DROVER_HUB_MQTT: '127.0.0.1:8',
    });
    expect(exit).toBe(0);
    expect(JSON.parse(said)).toMatchObject({
      config: { http: '127.0.0.1:9' },
      origins: { http: 'flag', mqtt: 'environment', data: 'default' },
    });
    expect((await endsWith(['--help'])).said).toContain('DROVER_HUB_DATA');
  });

  it('refuses a key that others can read', async () => {
    const data = path.join(dir, 'loose');
    mkdirSync(path.join(data, 'keys'), { recursive: true });
    writeFileSync(path.join(data, 'keys/root.pem'), 'x');
    chmodSync(path.join(data, 'keys/root.pem'), 0o644);
    const { exit, said } = await endsWith(['--dev', '--data', data, ...FREE]);
    expect(exit).toBe(1);
    expect(said).toMatch(/key_invalid: .*root\.pem.*600/);
  });
});

describe('training and ends', () => {
  const rows = Array.from(
    { length: 20_000 },
    (_, i) => `${(i * 37) % 1009},${(i * 13) % 97},${(i * 37) % 1009 > 500 ? 1 : 0}`,
  );

  async function submit(hub: HubProgram): Promise<Static<typeof Run>> {
    const data = await hub.post<Static<typeof Dataset>>(
      '/api/v1/datasets?name=t',
      Buffer.from(`a,b,y\n${rows.join('\n')}\n`),
    );
    const parameters = { iterations: 3000, learningRate: 0.001, patience: 3000 };
    return hub.post<Static<typeof Run>>('/api/v1/runs', {
      model: 'm',
      dataset: data.sha256,
      roles: { label: 'y' },
      parameters,
    });
  }
  const readRun = (hub: HubProgram, id: string) => hub.get<Static<typeof Run>>(`/api/v1/runs/${id}`);
  const working = (hub: HubProgram, id: string) =>
    until('the run to work', async () => ((await readRun(hub, id)).progress?.step ?? 0) > 0);

  it('ends a run that works with the hub, in time, and marks it', async () => {
    const data = path.join(dir, 'training');
    const hub = await startHub(data);
    const { id } = await submit(hub);
    await working(hub, id);
    expect(await hub.stop()).toBe(0);
    const next = await startHub(data);
    expect(await readRun(next, id)).toMatchObject({ state: 'failed', code: 'hub_restarted' });
    expect(await next.stop()).toBe(0);
  });

  it('finds the trainer that a killed hub left behind and ends it', async () => {
    const data = path.join(dir, 'orphan');
    const hub = await startHub(data);
    const { id } = await submit(hub);
    await working(hub, id);
    const trainer = trainersOf(path.join(data, 'jobs', id));
    expect(trainer).toHaveLength(1);
    await hub.kill();
    const next = await startHub(data);
    expect(await readRun(next, id)).toMatchObject({ state: 'failed', code: 'hub_restarted' });
    await until('the trainer to be gone', () => trainer.every((pid) => !existsSync(`/proc/${pid}`)));
    expect(await next.stop()).toBe(0);
  });
});

/** Ids of the processes whose job folder is `job`. */
function trainersOf(job: string): number[] {
  const environ = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8');
    } catch {
      // It ended meanwhile.
      return '';
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return pids.filter((pid) => environ(pid).split('\0').includes(`DROVER_JOB_DIR=${job}`)).map(Number);
}

describe('outside development', () => {
  const getStatus = (url: string, ca: Buffer) =>
    new Promise((resolve, reject) => {
      https.get(url, { ca }, (response) => resolve(response.resume().statusCode)).once('error', reject);
    });

  it('speaks TLS with the files given to people and its own CA to devices, and refuses a key that others can read', async () => {
    const { cert, key } = makeCertificate(dir);
    const data = path.join(dir, 'tls');
    keepOwnKeys(data);
    const args = ['--data', data, '--tls-cert', cert, '--tls-key', key, ...FREE];
    const program = start(ENTRY.hub, args);
    const ready = await waitForReady<{
      pid: number;
      httpUrl: string;
      mqttUrl: string;
      devicesUrl: string;
      caFile: string;
    }>(program, path.join(data, 'run/hub.json'));
    const urls = [ready.httpUrl, ready.mqttUrl, ready.devicesUrl];
    expect(urls.map((url) => new URL(url).protocol)).toEqual(['https:', 'mqtts:', 'https:']);
    expect(await getStatus(`${ready.httpUrl}/health/ready`, readFileSync(cert))).toBe(200);
    const ca = readFileSync(ready.caFile);
    expect(await getStatus(`${ready.devicesUrl}/d/v1/ca`, ca)).toBe(200);
    // Without a certificate of its own nobody stays at the broker.
    const socket = tls.connect({ host: '127.0.0.1', port: Number(new URL(ready.mqttUrl).port), ca });
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message));
    await until('the end of the connection without a certificate', () => socket.destroyed);
    expect(errors.join()).toMatch(/CERTIFICATE_REQUIRED|ECONNRESET/);
    expect(await program.stop()).toBe(0);
    for (const file of ['keys/ca.pem', 'keys/ca.crt']) expect(modeOf(path.join(data, file))).toBe(0o600);
    chmodSync(key, 0o640);
    const loose = await endsWith(args);
    expect([loose.exit, loose.said.includes('key_invalid')]).toEqual([1, true]);
  });

  it("issues the certificate of the people's listener too when none is given, and keeps its CA", async () => {
    const data = path.join(dir, 'own-ca');
    keepOwnKeys(data);
    const seen: string[] = [];
    for (let i = 0; i < 2; i++) {
      const program = start(ENTRY.hub, ['--data', data, ...FREE]);
      const ready = await waitForReady<{ pid: number; httpUrl: string; caFile: string }>(
        program,
        path.join(data, 'run/hub.json'),
      );
      seen.push(readFileSync(ready.caFile, 'utf8'));
      expect(await getStatus(`${ready.httpUrl}/health/ready`, readFileSync(ready.caFile))).toBe(200);
      expect(await program.stop()).toBe(0);
    }
    expect(seen[0]).toBe(seen[1]);
  });
});
