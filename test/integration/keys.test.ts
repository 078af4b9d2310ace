// The ceremonies of docs/keys.md with the real command line and a real hub process: first set-up with two of three root
// keys, rotation of every role, recovery after a leak. A client that was handed the first root follows through all of it.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCli } from '@drover/cli/cli';
import { readHubRows } from '@drover/testkit/hub-tables';
import { ENTRY, killAll, type Program, start, waitForReady } from '@drover/testkit/program';
import { openTufClient, type TufClient } from '@drover/testkit/tuf-client';
import { buildOffsetModel } from '@drover/testkit/versions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-keys-'));
const data = path.join(dir, 'hub');
const offline = path.join(dir, 'offline');
const tokenFile = path.join(dir, 'viewer.token');
const SECRETS = { people: 'the people know this', hub: 'the hub reads this one', team: 'acme keeps this safe' };
const secret = (name: keyof typeof SECRETS): string => path.join(dir, `${name}.pass`);
const key = (name: string): string => path.join(offline, `${name}.key`);

interface Ready {
  readonly pid: number;
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly devicesUrl: string;
  readonly caFile: string;
}
let hub: Program & Ready;
let client: TufClient;
const said: string[] = [];

async function startHub(ports: readonly string[] = []): Promise<void> {
  const free = ['--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--devices', '127.0.0.1:0'];
  const flags = ['--data', data, '--passphrase-file', secret('hub'), ...(ports.length > 0 ? ports : free)];
  const program = start(ENTRY.hub, flags);
  hub = Object.assign(program, await waitForReady<Ready>(program, path.join(data, 'run/hub.json'), 60_000));
}

const envOf = (): Record<string, string> => ({
  ...(hub !== undefined && { DROVER_HUB: hub.httpUrl, DROVER_CA_FILE: hub.caFile }),
  HOME: dir,
  DROVER_KEY_PASSPHRASE_FILE: secret('people'),
});

/** One command line of docs/keys.md, as a process. */
async function spawnDrover(...args: string[]): Promise<string> {
  const program = start(ENTRY.cli, args, envOf());
  const exit = await program.waitForExit(120_000);
  said.push(program.output());
  if (exit !== 0) throw new Error(`drover ${args.join(' ')} ended with ${String(exit)}:\n${program.output()}`);
  return program.output();
}

/** The same without the start of a process for each line. */
async function drover(...args: string[]): Promise<{ exit: unknown; output: string }> {
  const parts: string[] = [];
  const write = (text: string): void => void parts.push(text);
  const exit = await runCli(args, {
    env: envOf(), cwd: dir, home: dir, isTerminal: false, width: 0, out: write, err: write,
    readStdin: async () => '', readSecret: async () => undefined, now: Date.now,
  }); // biome-ignore format: one shell
  said.push(parts.join(''));
  return { exit, output: parts.join('') };
}
async function must(...args: string[]): Promise<string> {
  const { exit, output } = await drover(...args);
  if (exit !== 0)
    throw new Error(`drover ${args.join(' ')} ended with ${String(exit)}:\n${output}\n${hub?.output().slice(-2000)}`);
  return output;
}
const keysOf = async (role: string): Promise<string[]> => {
  const { items } = JSON.parse(await must('keys', 'list', '--json')) as {
    items: { role: string; keys: { keyid: string }[] }[];
  };
  return items.find((one) => one.role === role)?.keys.map(({ keyid }) => keyid) ?? [];
};
const finds = (target: string) => client.find(target);

beforeAll(async () => {
  for (const [name, text] of Object.entries(SECRETS))
    writeFileSync(path.join(dir, `${name}.pass`), `${text}\n`, { mode: 0o600 });
  writeFileSync(path.join(dir, 'wear.onnx'), buildOffsetModel(1));
  writeFileSync(path.join(dir, 'wear2.onnx'), buildOffsetModel(2));
});
afterAll(async () => {
  await killAll();
  rmSync(dir, { recursive: true });
});

describe('the first set-up', () => {
  it('is asked for: outside development a hub makes no keys of its own', async () => {
    const bare = start(ENTRY.hub, ['--data', path.join(dir, 'bare'), '--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0']);
    expect(await bare.waitForExit(60_000)).toBe(1);
    expect(bare.output()).toMatch(/keys_not_installed: .*drover keys init/);
    expect(existsSync(path.join(dir, 'bare'))).toBe(false);
  });

  it('makes two of three root keys, the keys of the hub, and the files that name them', async () => {
    await must('keys', 'make', 'acme', '--out', path.join(dir, 'acme.key'), '--passphrase-file', secret('team'));
    await spawnDrover(
      'keys', 'init', '--out', offline, '--data', data, '--root-keys', '3', '--root-threshold', '2',
      '--team', `acme=${path.join(dir, 'acme.key.pub')}`, '--hub-passphrase-file', secret('hub'),
    ); // biome-ignore format: one command
    expect(readdirSync(offline).toSorted()).toEqual([
      '1.root.json', '1.targets.json', 'root-1.key', 'root-2.key', 'root-3.key', 'targets-1.key',
    ]); // biome-ignore format: one list
    const files = [
      ...readdirSync(offline).map((name) => path.join(offline, name)),
      ...readdirSync(path.join(data, 'keys')).map((name) => path.join(data, 'keys', name)),
    ];
    for (const file of files.filter((name) => name.endsWith('.key'))) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, 'utf8')).toContain('"aes-256-gcm"');
    }
    expect(readFileSync(path.join(offline, '1.root.json'), 'utf8')).toContain('"threshold": 2');
    expect(await must('keys', 'show', key('root-2'))).toContain('encrypted');
    await startHub();
    const code = /setup +(\S+) \(once/.exec(hub.output())?.[1] ?? 'none';
    await must('setup', code, '--name', 'alice', '--password-file', secret('people'));
    await must('token', 'create', 'devices', '--roles', 'viewer', '--out', tokenFile);
    client = await openTufClient(
      path.join(dir, 'client'),
      hub,
      tokenFile,
      readFileSync(path.join(offline, '1.root.json')),
    );
    expect(await must('doctor', '--data', data)).toContain('release');
  });

  it('registers a model that the team signs and that a client of the first root finds', async () => {
    const acme = ['--key', path.join(dir, 'acme.key'), '--passphrase-file', secret('team')];
    const output = await must('model', 'register', path.join(dir, 'wear.onnx'), '--name', 'wear', ...acme);
    expect(output).toContain('wear@1');
    expect(await finds('acme/wear/1.json')).toBe(true);
    const stranger = await drover(
      'model',
      'register',
      path.join(dir, 'wear2.onnx'),
      '--name',
      'wear',
      '--key',
      key('root-1'),
    );
    expect(stranger.output).toContain('[team_unknown]');
  });
});

describe('rotation', () => {
  it('of root: a lost key goes, a new one comes, and below the threshold nothing is installed', async () => {
    await must('keys', 'rotate', 'root', '--dir', offline, '--drop', key('root-3'), '--key', key('root-1'));
    const early = await drover('keys', 'install', '--dir', offline);
    expect(early.output).toMatch(/MISSING 1 of 2/);
    expect(await must('keys', 'sign', path.join(offline, '2.root.json'), '--key', key('root-2'))).not.toContain(
      'MISSING',
    );
    await must('keys', 'install', '--dir', offline);
    expect(await keysOf('root')).toHaveLength(3);
    expect(await finds('acme/wear/1.json')).toBe(true);
  });

  it('of targets', async () => {
    const before = await keysOf('targets');
    await must('keys', 'rotate', 'targets', '--dir', offline, '--key', key('root-1'), '--key', key('root-2'));
    await must('keys', 'install', '--dir', offline);
    expect(await keysOf('targets')).not.toEqual(before);
    expect(await finds('acme/wear/1.json')).toBe(true);
  });

  it.each(['online', 'director'])('of %s', async (role) => {
    const asked = role === 'online' ? 'timestamp' : role;
    const before = await keysOf(asked);
    const roots = ['--key', key('root-1'), '--key', key('root-2')];
    await must(
      'keys',
      'rotate',
      role,
      '--dir',
      offline,
      '--data',
      data,
      '--hub-passphrase-file',
      secret('hub'),
      ...roots,
    );
    await must('keys', 'install', '--dir', offline);
    expect(await keysOf(asked)).not.toEqual(before);
    expect(await finds('acme/wear/1.json')).toBe(true);
  });

  it('of training', async () => {
    const before = await keysOf('hub');
    await must(
      'keys',
      'rotate',
      'training',
      '--dir',
      offline,
      '--data',
      data,
      '--hub-passphrase-file',
      secret('hub'),
      '--key',
      key('targets-2'),
    );
    await must('keys', 'install', '--dir', offline);
    expect(await keysOf('hub')).not.toEqual(before);
    expect(await finds('acme/wear/1.json')).toBe(true);
  });

  it('of a publisher team: its roles are signed by the new key', async () => {
    await must('keys', 'make', 'acme', '--out', path.join(dir, 'acme-2.key'));
    const acme = ['--key', path.join(dir, 'acme.key'), '--new-key', path.join(dir, 'acme-2.key')];
    // Each key has its own passphrase: the old one of the team is given again under that of the people.
    const root = ['--root', path.join(offline, '1.root.json')];
    const wrong = await drover('keys', 'team', 'rotate', 'acme', '--dir', offline, '--key', key('targets-2'), ...acme);
    expect(wrong.output).toContain('[passphrase_wrong]');
    await must(
      'keys',
      'team',
      'rotate',
      'acme',
      '--dir',
      offline,
      '--key',
      key('targets-2'),
      '--new-key',
      path.join(dir, 'acme-2.key'),
      ...root,
    );
    await must('keys', 'install', '--dir', offline);
    expect(await finds('acme/wear/1.json')).toBe(true);
    const old = await drover(
      'model',
      'withdraw',
      'wear@1',
      '--key',
      path.join(dir, 'acme.key'),
      '--passphrase-file',
      secret('team'),
    );
    expect(old.output).toContain('[team_unknown]');
    await must(
      'model',
      'register',
      path.join(dir, 'wear2.onnx'),
      '--name',
      'wear',
      '--key',
      path.join(dir, 'acme-2.key'),
      '--min-release',
      '2',
    );
    await must('model', 'withdraw', 'wear@1', '--key', path.join(dir, 'acme-2.key'));
    expect([await finds('acme/wear/1.json'), await finds('acme/wear/2.json')]).toEqual([false, true]);
    await must('keys', 'renew', 'acme', '--key', path.join(dir, 'acme-2.key'));
    expect(await finds('acme/wear/2.json')).toBe(true);
  });

  it('of the teams themselves: one is added and taken away', async () => {
    const sign = ['--dir', offline, '--key', key('targets-2')];
    await must('keys', 'team', 'add', 'beta', ...sign, '--new', path.join(dir, 'acme.key.pub'));
    await must('keys', 'install', '--dir', offline);
    expect(await keysOf('beta')).toHaveLength(1);
    const beta = ['--key', path.join(dir, 'acme.key'), '--passphrase-file', secret('team')];
    await must('model', 'release', 'wear@2', ...beta);
    expect(await finds('beta/wear/2.json')).toBe(true);
    await must('keys', 'team', 'remove', 'beta', ...sign);
    await must('keys', 'install', '--dir', offline);
    expect([await finds('beta/wear/2.json'), await finds('acme/wear/2.json')]).toEqual([false, true]);
  });

  it('of the time alone: root and targets are renewed', async () => {
    await must('keys', 'renew', 'root', '--dir', offline, '--key', key('root-1'), '--key', key('root-2'));
    await must('keys', 'renew', 'targets', '--dir', offline, '--key', key('targets-2'));
    await must('keys', 'install', '--dir', offline);
    expect(await finds('acme/wear/2.json')).toBe(true);
  });
});

describe('recovery', () => {
  it('after the keys of the hub leaked: new ones, everything signed anew, and clients follow by themselves', async () => {
    const before = {
      online: await keysOf('timestamp'),
      director: await keysOf('director'),
      training: await keysOf('hub'),
    };
    await must(
      'keys', 'recover', '--dir', offline, '--data', data, '--hub-passphrase-file', secret('hub'),
      '--key', key('root-1'), '--key', key('root-2'), '--key', key('targets-2'),
    ); // biome-ignore format: one command
    await must('keys', 'install', '--dir', offline);
    expect(await keysOf('timestamp')).not.toEqual(before.online);
    expect(await keysOf('director')).not.toEqual(before.director);
    expect(await keysOf('hub')).not.toEqual(before.training);
    expect(await finds('acme/wear/2.json')).toBe(true);
  });

  it('goes on after the hub was started again, with a folder that was lost and fetched', async () => {
    await hub.stop();
    const { httpUrl, mqttUrl, devicesUrl } = hub;
    const at = (flag: string, url: string): string[] => [flag, new URL(url).host];
    await startHub([...at('--http', httpUrl), ...at('--mqtt', mqttUrl), ...at('--devices', devicesUrl)]);
    client = client.moveTo(hub);
    expect(await finds('acme/wear/2.json')).toBe(true);
    const fetched = path.join(dir, 'fetched');
    mkdirSync(fetched);
    await must('keys', 'fetch', '--dir', fetched);
    expect(readdirSync(fetched).filter((name) => name.endsWith('.root.json')).length).toBeGreaterThan(4);
    await must('keys', 'renew', 'root', '--dir', fetched, '--key', key('root-1'), '--key', key('root-2'));
  });

  it('left no secret in any output, log or audit row', () => {
    const audit = readHubRows<{ detailJson: string; actor: string }>(data, 'SELECT actor, detailJson FROM audit');
    expect(audit.length).toBeGreaterThan(8);
    const everything = [...said, hub.output(), ...audit.map(({ detailJson }) => detailJson)].join('\n');
    for (const text of [...Object.values(SECRETS), 'PRIVATE KEY', '"sealed"']) expect(everything).not.toContain(text);
  });
});
