// The way of a device into the fleet and through the years, with real programs: three doors, renewal, sleep, kill -9.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentProgram, remove, runAgent, scratch } from '@drover/testkit/fleet';
import { readStatus } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { askTls, claimOf, codeOf, enrolBody, type SecureHub, startSecureHub } from '@drover/testkit/secure-hub';
import { until } from '@drover/testkit/until';
import { keyHashOf, makeP256, spkiOf } from '@drover/trust/pki/p256';
import { fingerprintOf } from '@drover/trust/pki/peer';
import type { DeviceDetail } from '@drover/wire/http/devices';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CRASH = path.join(import.meta.dirname, '../../packages/testkit/src/crash-preload.ts');
const CLOCK = path.join(import.meta.dirname, '../../packages/testkit/src/clock-preload.ts');
interface BatchToken {
  readonly token: string;
  readonly caFingerprint: string;
}
const dir = scratch('enrolment');
let hub: SecureHub;
beforeAll(async () => {
  hub = await startSecureHub(path.join(dir, 'hub'));
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

async function join(args: readonly string[]): Promise<{ exit: number | NodeJS.Signals; said: string }> {
  const program = start(ENTRY.agent, ['join', ...args]);
  return { exit: await program.waitForExit(60_000), said: program.output() };
}
const readDevice = (id: string) => hub.get<DeviceDetail>(`/api/v1/devices/${id}`);

/** Joins by claim and gives the data directory. */
async function joinByClaim(id: string, at: SecureHub = hub): Promise<string> {
  const data = path.join(dir, `agent-${id}`);
  const { exit, said } = await join(['--claim', await claimOf(at, { id }), '--data', data]);
  if (exit !== 0) throw new Error(said);
  return data;
}
interface IdentityFile {
  readonly version: number;
  readonly device: string;
  readonly certificate: string;
  readonly keyFile: string;
  readonly devicesUrl: string;
}
const readIdentity = (data: string): IdentityFile =>
  JSON.parse(readFileSync(path.join(data, 'identity.json'), 'utf8')) as IdentityFile;
const readKey = (data: string): string => readFileSync(path.join(data, 'keys', readIdentity(data).keyFile), 'utf8');
const serialOf = (data: string): string => new X509Certificate(readIdentity(data).certificate).serialNumber;
const isConnected = async (agent: AgentProgram): Promise<boolean> => (await readStatus(agent)).hub.connected;
const waitConnected = (agent: AgentProgram) => until('the agent to be connected', () => isConnected(agent), 60_000);

describe('a claim', () => {
  it('lets one device in, which runs with its certificate', async () => {
    const data = path.join(dir, 'press-1');
    const claim = await claimOf(hub, { id: 'press-1', labels: { site: 'north' } });
    const { exit, said } = await join(['--claim', claim, '--data', data]);
    expect([exit, said]).toEqual([0, expect.stringContaining('Joined as "press-1"')]);
    expect(readIdentity(data)).toMatchObject({ version: 2, device: 'press-1', devicesUrl: hub.devicesUrl });
    for (const file of ['identity.json', `keys/${readIdentity(data).keyFile}`])
      expect(statSync(path.join(data, file)).mode & 0o777).toBe(0o600);
    const agent = await runAgent(data);
    await waitConnected(agent);
    expect(await readDevice('press-1')).toMatchObject({
      presence: 'online',
      labels: { site: 'north' },
      identity: { state: 'valid', door: 'claim' },
    });
    expect(await agent.stop()).toBe(0);
    // A second device cannot use it, and neither says a word of the code.
    const second = await join(['--claim', claim, '--data', path.join(dir, 'press-1b')]);
    expect([second.exit, second.said]).toEqual([1, expect.stringContaining('claim_used')]);
    for (const text of [said, second.said, hub.output(), agent.output()]) expect(text).not.toContain(codeOf(claim));
  });

  it('is used up once, whenever the join is killed: the same command goes on with the same key', async () => {
    const data = path.join(dir, 'killed');
    const claim = await claimOf(hub, { id: 'killed-1' });
    let key: string | undefined;
    let ended = false;
    for (let write = 1; write <= 40 && !ended; write++) {
      const crash = path.join(dir, `crash-${write}`);
      writeFileSync(crash, String(write));
      const program = start(ENTRY.agent, ['join', '--claim', claim, '--data', data], { DROVER_CRASH_FILE: crash }, [
        '--import',
        CRASH,
      ]);
      const exit = await program.waitForExit(60_000);
      // Killed after its last write it had ended, and only could not say so.
      ended = exit === 0 || program.output().includes('already holds an identity');
      if (!ended) expect([exit, program.output()]).toEqual(['SIGKILL', '']);
      // The key that the hub knows is never lost: one file from the moment it has its name.
      const keys = existsSync(path.join(data, 'keys'))
        ? readdirSync(path.join(data, 'keys')).filter((name) => /^[0-9a-f]{16}\.key$/.test(name))
        : [];
      if (key !== undefined) expect(keys).toContain(key);
      else if (existsSync(path.join(data, 'joining'))) key = readFileSync(path.join(data, 'joining'), 'utf8').trim();
    }
    expect([ended, readIdentity(data).keyFile]).toEqual([true, key]);
    const agent = await runAgent(data);
    await waitConnected(agent);
    expect(await agent.stop()).toBe(0);
  }, 300_000);
});

describe('a batch token', () => {
  const tokenFile = (name: string, token: string): string => {
    const file = path.join(dir, name);
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    return file;
  };

  it('leads to a person, who lets the device in while it asks', async () => {
    const { token, caFingerprint } = await hub.post<BatchToken>('/api/v1/batch-tokens', {
      uses: 5,
      labels: { line: '4' },
    });
    const data = path.join(dir, 'batch-1');
    const args = [
      '--batch-token-file', tokenFile('token', token), '--devices-url', hub.devicesUrl, '--ca-fingerprint', caFingerprint,
      '--hardware', 'SN-1', '--id', 'batch-1', '--data', data,
    ]; // biome-ignore format: pairs
    const early = await join([...args, '--wait', '0']);
    expect([early.exit, early.said]).toEqual([4, expect.stringContaining('enrolment_pending')]);
    const program = start(ENTRY.agent, ['join', ...args]);
    const { items } = await hub.get<{ items: { id: string; device: string }[] }>('/api/v1/enrolments');
    const waiting = items.filter(({ device }) => device === 'batch-1');
    // Asked twice by the same key: it waits once.
    expect(waiting).toHaveLength(1);
    await hub.post(`/api/v1/enrolments/${waiting[0]?.id}/approve`, {});
    expect([await program.waitForExit(60_000), program.output()]).toEqual([
      0,
      expect.stringContaining('Joined as "batch-1"'),
    ]);
    expect(await readDevice('batch-1')).toMatchObject({
      labels: { line: '4' },
      identity: { door: 'batch', hardware: 'SN-1' },
    });
  });

  it('needs nobody for hardware and a key that were announced', async () => {
    const { token } = await hub.post<BatchToken>('/api/v1/batch-tokens', { uses: 1 });
    const key = makeP256();
    const keyFingerprint = keyHashOf(spkiOf(key));
    await hub.post('/api/v1/preauthorizations', { hardware: 'SN-2', keyFingerprint, id: 'batch-2' });
    const body = await enrolBody(key, { kind: 'batch', token }, { hardware: 'SN-2' });
    const answer = await askTls(hub.devicesUrl, { ca: hub.ca }, 'POST', '/d/v1/enrol', body);
    expect(answer).toMatchObject({ status: 200, body: { device: 'batch-2' } });
  });
});

describe('a factory certificate', () => {
  it('lets devices of a registered maker in, by a chain, and nobody who only has seen the certificate', async () => {
    const sh = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
    writeFileSync(
      path.join(dir, 'sub.ext'),
      'basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign\n',
    );
    // The maker's own tools: a root, an intermediate, a device with an RSA key, all by OpenSSL.
    sh(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'maker.key',
      '-out',
      'maker.pem',
      '-days',
      '30',
      '-subj',
      '/CN=Maker root',
      '-addext',
      'keyUsage=critical,keyCertSign',
    );
    sh(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-384',
      '-nodes',
      '-keyout',
      'sub.key',
      '-out',
      'sub.csr',
      '-subj',
      '/CN=Maker line 1',
    );
    sh(
      'x509',
      '-req',
      '-in',
      'sub.csr',
      '-CA',
      'maker.pem',
      '-CAkey',
      'maker.key',
      '-days',
      '30',
      '-extfile',
      'sub.ext',
      '-out',
      'sub.pem',
    );
    sh(
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'unit.key',
      '-out',
      'unit.csr',
      '-subj',
      '/O=Maker/serialNumber=UNIT-9',
    );
    sh('x509', '-req', '-in', 'unit.csr', '-CA', 'sub.pem', '-CAkey', 'sub.key', '-days', '30', '-out', 'unit.pem');
    const chain = path.join(dir, 'chain.pem');
    writeFileSync(
      chain,
      readFileSync(path.join(dir, 'unit.pem'), 'utf8') + readFileSync(path.join(dir, 'sub.pem'), 'utf8'),
    );
    chmodSync(path.join(dir, 'unit.key'), 0o600);
    const caFingerprint = fingerprintOf(new X509Certificate(hub.ca));
    const args = [
      '--factory-cert', chain, '--factory-key', path.join(dir, 'unit.key'), '--devices-url', hub.devicesUrl,
      '--ca-fingerprint', caFingerprint, '--id', 'unit-9', '--data', path.join(dir, 'unit-9'),
    ]; // biome-ignore format: pairs
    const before = await join(args);
    expect([before.exit, before.said]).toEqual([1, expect.stringContaining('factory_certificate_invalid')]);
    const certificate = readFileSync(path.join(dir, 'maker.pem'), 'utf8').trim();
    await hub.post('/api/v1/factory-cas', { name: 'maker', certificate, labels: { maker: 'm' } });
    // The certificate alone is public: without its key it is nothing.
    const stolen = args.map((arg) => (arg.endsWith('unit.key') ? path.join(dir, 'sub.key') : arg));
    chmodSync(path.join(dir, 'sub.key'), 0o600);
    expect((await join(stolen)).said).toContain('factory_certificate_invalid');
    expect((await join(args)).said).toContain('Joined as "unit-9"');
    expect(await readDevice('unit-9')).toMatchObject({
      labels: { maker: 'm' },
      identity: { door: 'factory', hardware: 'UNIT-9' },
    });
    // The same unit with a new key: a copy, or a new disk. A person looks.
    const again = await join([...args.with(-1, path.join(dir, 'unit-9b')), '--wait', '0']);
    expect([again.exit, again.said]).toEqual([4, expect.stringContaining('known_hardware')]);
  });
});

describe('the years', () => {
  let short: SecureHub;
  const sleeping: string[] = [];
  beforeAll(async () => {
    // 17 s: renewal is due after some 10 s.
    short = await startSecureHub(path.join(dir, 'short'), ['--device-cert-days', '0.0002']);
    // Their certificates end while the others are looked at.
    for (const id of ['slept-1', 'slept-2']) sleeping.push(await joinByClaim(id, short));
  });
  const untilExpired = (certificate: string) =>
    until(
      'the end of the certificate',
      () => new X509Certificate(certificate).validToDate.getTime() < Date.now(),
      60_000,
    );

  it('renew the certificate of a running agent before it ends, with a short gap and the same key', async () => {
    const data = await joinByClaim('long-1', short);
    const { keyFile } = readIdentity(data);
    const first = serialOf(data);
    const agent = await runAgent(data);
    await waitConnected(agent);
    await until('a second certificate', () => serialOf(data) !== first, 60_000);
    const second = serialOf(data);
    await until('a third one', () => serialOf(data) !== second, 60_000);
    await waitConnected(agent);
    expect(readIdentity(data).keyFile).toBe(keyFile);
    expect(agent.output()).not.toContain('could not be renewed');
    expect(await agent.stop()).toBe(0);
  }, 180_000);

  it('bring a device back that slept longer than its certificate', async () => {
    const data = sleeping[0] ?? '';
    const { certificate } = readIdentity(data);
    await untilExpired(certificate);
    const refused = await askTls(
      short.devicesUrl,
      { ca: short.ca, cert: certificate, key: readKey(data) },
      'POST',
      '/d/v1/renew',
      {},
    );
    expect(refused).toMatchObject({ status: 401, body: { code: 'device_certificate_expired' } });
    const agent = await runAgent(data);
    await waitConnected(agent);
    expect(await agent.stop()).toBe(0);
  }, 180_000);

  it('bring it back when its clock stands in 1970 and so knows of no end', async () => {
    const data = sleeping[1] ?? '';
    const { certificate } = readIdentity(data);
    await untilExpired(certificate);
    const agent = await runAgent(data, [], { DROVER_CLOCK_OFFSET_MS: String(-Date.now()) }, ['--import', CLOCK]);
    await waitConnected(agent);
    expect(await agent.stop()).toBe(0);
  }, 180_000);

  it('do no harm to a device whose clock stands in 2090: one renewal, no storm, and the key stays', async () => {
    const data = await joinByClaim('ahead-1');
    const { keyFile } = readIdentity(data);
    const agent = await runAgent(data, [], { DROVER_CLOCK_OFFSET_MS: String(Date.UTC(2090, 0, 1) - Date.now()) }, [
      '--import',
      CLOCK,
    ]);
    await waitConnected(agent);
    await until('what its clock asks for', () => agent.output().includes('the certificate was renewed'));
    await waitConnected(agent);
    expect(agent.output().split('the certificate was renewed')).toHaveLength(2);
    expect(readIdentity(data).keyFile).toBe(keyFile);
    expect(await agent.stop()).toBe(0);
  });

  it('leave key and certificate whole when the agent is killed at any write of a renewal', async () => {
    const data = await joinByClaim('long-2', short);
    const { keyFile } = readIdentity(data);
    for (let write = 1; write <= 4; write++) {
      const crash = path.join(dir, `renewal-${write}`);
      const before = serialOf(data);
      const agent = await runAgent(data, [], { DROVER_CRASH_FILE: crash }, ['--import', CRASH]);
      await waitConnected(agent);
      await until(
        'the moment before a renewal',
        () =>
          new X509Certificate(readIdentity(data).certificate).validToDate.getTime() - Date.now() < 8_000 ||
          serialOf(data) !== before,
        60_000,
      );
      writeFileSync(crash, String(write));
      await until('the kill or a renewal', () => agent.exit() !== undefined || serialOf(data) !== before, 60_000);
      await agent.kill();
      expect(readIdentity(data)).toMatchObject({ version: 2, device: 'long-2', keyFile });
      expect(() => serialOf(data)).not.toThrow();
    }
    const last = await runAgent(data);
    await waitConnected(last);
    expect(await last.stop()).toBe(0);
  }, 400_000);
});

describe('a revoked device', () => {
  it('is out at once, and comes back by a claim for its id with a new key that a person approves', async () => {
    const data = await joinByClaim('back-1');
    const agent = await runAgent(data);
    await waitConnected(agent);
    await hub.post('/api/v1/devices/back-1/revoke', {});
    await until('the session to end', async () => !(await isConnected(agent)));
    expect(await readDevice('back-1')).toMatchObject({ identity: { state: 'revoked' } });
    expect(await agent.stop()).toBe(0);
    const claim = await claimOf(hub, { id: 'back-1' });
    const same = await join(['--claim', claim, '--data', data, '--rejoin']);
    expect([same.exit, same.said]).toEqual([1, expect.stringContaining('device_revoked')]);
    const program = start(ENTRY.agent, ['join', '--claim', claim, '--data', data, '--rejoin', '--new-key']);
    const waiting = await until('the enrolment', async () => {
      const { items } = await hub.get<{ items: { id: string; device: string; why: string }[] }>('/api/v1/enrolments');
      return items.find(({ device, why }) => device === 'back-1' && why === 'known_id');
    });
    await hub.post(`/api/v1/enrolments/${waiting.id}/approve`, {});
    expect(await program.waitForExit(60_000)).toBe(0);
    const again = await runAgent(data);
    await waitConnected(again);
    expect(await again.stop()).toBe(0);
    // One key of an identity is left on the device, and the one that opens what it holds sealed.
    expect(readdirSync(path.join(data, 'keys'))).toEqual([readIdentity(data).keyFile, 'sealing.pem']);
  });
});
