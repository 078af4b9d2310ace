// More attacks on the release metadata: names and paths, sizes and times, the clock, keys that leaked, downgrades. Each is
// refused by its code, and nothing on the disk has changed.
import { accept, type ReasonCode } from '@drover/core/reasons';
import { makeRepoKey, signJson, type TufRepo } from '@drover/testkit/tuf-repo';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, DAY, type Device, makeDevice, PATH, payloadOf, START, sha256 } from './attacked-device.ts';

let device: Device;
let repo: TufRepo;

beforeEach(() => {
  device = makeDevice();
  repo = device.repo;
  repo.approve('hub', 'wear', 1, payloadOf('one'));
});
afterEach(() => device.end());

const settle = (): Promise<void> => device.settle();
const expectRefused = (code: ReasonCode, path?: string): Promise<void> => device.expectRefused(code, path);
const copyOf = (name: string): Uint8Array => device.file(name);
const parse = (name: string) =>
  JSON.parse(Buffer.from(copyOf(name)).toString()) as { signed: Record<string, unknown>; signatures: unknown[] };

describe('paths and names', () => {
  it.each([
    '../hub/wear/1.json', 'hub/../wear/1.json', '/hub/wear/1.json', 'hub/wear/1.json/', 'hub/wear/01.json', 'hub//1.json',
    'hub/wear/1', 'root/wear/1.json', 'Hub/wear/1.json', 'hub/wear/1.json\0', '__proto__/wear/1.json', '',
  ])('a hint like %j is refused before it is looked up', async (path) => {
    await settle();
    await expectRefused('metadata_name_invalid', path);
  }); // biome-ignore format: one list

  it('a team that lists a path of another team', async () => {
    repo.approve('acme', 'wear', 1, payloadOf('acme'));
    const model = repo.teams['acme']?.models['wear'];
    if (!model) throw new Error('no model');
    model.entries['hub/wear/7.json'] = { sha256: sha256(payloadOf('evil')), length: 7, release: 7 };
    repo.publishModel('acme', 'wear');
    repo.publish();
    expect(codeOf(await device.client.find('hub/wear/7.json'))).toBe('release_not_approved');
  });

  const delegate = (of: string, roles: unknown[]) => {
    repo.tamper[of] = (signed) => {
      const delegations = signed['delegations'] as { roles: unknown[] };
      delegations.roles = [...roles, ...delegations.roles];
    };
  };
  const roleJson = (name: string, paths: string[]) => ({
    name, keyids: repo.teams['acme']?.role.keys.map(({ keyid }) => keyid), threshold: 1, terminating: true, paths,
  }); // biome-ignore format: one record

  it.each([
    ['acme~wear', ['hub/*/*']],
    ['acme~wear', ['acme/*/*']],
    ['acme~wear', ['acme/wear/*', 'hub/wear/*']],
    ['hub~wear', ['hub/wear/*']],
    ['../acme~wear', ['acme/wear/*']],
    ['root', ['acme/wear/*']],
    ['timestamp', ['acme/wear/*']],
    ['acme~../../x', ['acme/x/*']],
    ['acme~wear', ['acme/+(a|aa)+(a|aa)+(a|aa)b/*']],
  ])('a team that delegates "%s" for %j', async (name, paths) => {
    repo.approve('acme', 'pump', 1, payloadOf('pump'));
    await settle();
    delegate('acme', [roleJson(name, paths)]);
    repo.publishTeam('acme');
    repo.publish();
    await expectRefused('release_path_not_allowed', 'acme/pump/1.json');
  });

  it('targets that list a version themselves', async () => {
    await settle();
    repo.tamper['targets'] = (signed) => {
      signed['targets'] = {
        'hub/wear/5.json': { length: 3, hashes: { sha256: 'ab'.repeat(32) }, custom: { release: 5 } },
      };
    };
    repo.publishTargets();
    repo.publish();
    await expectRefused('release_path_not_allowed', 'hub/wear/5.json');
  });

  it.each([
    ['without SHA-256', { length: 3, hashes: { sha512: 'ab'.repeat(64) }, custom: { release: 5 } }],
    ['with a negative length', { length: -1, hashes: { sha256: 'ab'.repeat(32) }, custom: { release: 5 } }],
    ['without its release', { length: 3, hashes: { sha256: 'ab'.repeat(32) } }],
    ['with a digest that is none', { length: 3, hashes: { sha256: '../../x' }, custom: { release: 5 } }],
  ])('a version %s', async (_what, target) => {
    await settle();
    repo.tamper['hub~wear'] = (signed) => {
      signed['targets'] = { [PATH]: target };
    };
    repo.publishModel('hub', 'wear');
    repo.publish();
    await expectRefused('metadata_malformed');
  });
});

describe('sizes and times', () => {
  it.each([
    ['2.root.json', 64], ['timestamp.json', 16], ['3.snapshot.json', 512], ['2.hub~wear.json', 384],
  ])('%s beyond its bound', async (name, kib) => {
    await settle();
    repo.approve('hub', 'wear', 2, payloadOf('two'));
    repo.files.set(name, Buffer.alloc(kib * 1024 + 1, 0x20));
    await expectRefused('metadata_too_large');
  }); // biome-ignore format: one list

  it('a timestamp that states a huge length for its snapshot does not raise the bound', async () => {
    await settle();
    repo.tamper['timestamp'] = (signed) => {
      signed['meta'] = { 'snapshot.json': { version: repo.versions.snapshot, length: 2 ** 40 } };
    };
    repo.publish();
    repo.files.set('3.snapshot.json', Buffer.alloc(512 * 1024 + 1, 0x20));
    const bounds: number[] = [];
    device.source = (name, mostBytes) => {
      if (name.endsWith('snapshot.json')) bounds.push(mostBytes);
      return Promise.resolve(accept(repo.files.get(name)));
    };
    await expectRefused('metadata_too_large');
    expect(bounds).toEqual([512 * 1024]);
  });

  it('more versions, models or files than a device reads in good time', async () => {
    await settle();
    const model = repo.teams['hub']?.models['wear'];
    if (!model) throw new Error('no model');
    for (let n = 0; n < 101; n++)
      model.entries[`hub/wear/${n + 2}.json`] = { sha256: 'ab'.repeat(32), length: 1, release: n };
    repo.publishModel('hub', 'wear');
    repo.publish();
    await expectRefused('metadata_too_large');
  });

  it('a file that never comes', async () => {
    await settle();
    device.restart({ timing: { fileMs: 20, passMs: 1000 } });
    device.source = (name) =>
      name === 'timestamp.json' ? new Promise(() => undefined) : Promise.resolve(accept(repo.files.get(name)));
    await expectRefused('metadata_timeout');
  });

  it('many files that each come just in time: the whole pass has its end', async () => {
    for (let n = 0; n < 200; n++) repo.publishRoot();
    device.restart({ timing: { fileMs: 1000, passMs: 30 } });
    let served = 0;
    device.source = (name) =>
      new Promise((resolve) => {
        served += 1;
        setTimeout(() => resolve(accept(repo.files.get(name))), 5);
      });
    const done = await device.client.find(PATH);
    expect(codeOf(done)).toBe('metadata_timeout');
    expect(served).toBeLessThan(100);
  });

  it.each([
    ['nothing at all', ''], ['no JSON', 'x'], ['null', 'null'], ['a list', '[]'], ['no signatures', '{"signed":{"_type":"timestamp"}}'],
    ['another kind', '{"signed":{"_type":"root"},"signatures":[]}'], ['depth', `{"signed":${'['.repeat(6000)}${']'.repeat(6000)},"signatures":[]}`],
  ])('bytes that are %s', async (_what, text) => {
    await settle();
    repo.files.set('timestamp.json', Buffer.from(text));
    await expectRefused('metadata_malformed');
  }); // biome-ignore format: one list

  it('a signed field that nests too deep', async () => {
    await settle();
    let deep: unknown = 1;
    for (let n = 0; n < 3000; n++) deep = [deep];
    // Whoever writes it cannot sign it either: both sides walk the same depth.
    const signed = { ...parse('timestamp.json').signed, version: 9 };
    const { signatures } = JSON.parse(Buffer.from(signJson(signed, repo.timestamp.keys)).toString());
    repo.files.set('timestamp.json', Buffer.from(JSON.stringify({ signed: { ...signed, deep }, signatures })));
    await expectRefused('metadata_unsigned');
  });
});

describe('the clock', () => {
  it('of a hub that ran ahead for a while leaves a count that is no time: what it signs after that holds', async () => {
    await settle();
    // Versions go on from unix seconds of 2090; the end is of now.
    repo.versions.timestamp = Math.floor(Date.parse('2090-01-01T00:00:00Z') / 1000);
    repo.publish();
    for (let looks = 0; looks < 3; looks++) expect(codeOf(await device.client.find(PATH))).toBe('accepted');
    expect(codeOf(await device.restart().find(PATH))).toBe('accepted');
  });

  it('at 1970 works with the time that the build and the signatures know', async () => {
    device.clock = 0;
    expect(codeOf(await device.restart({ builtAt: START - DAY }).find(PATH))).toBe('accepted');
  });

  it('at 2090 refuses, changes nothing, and works when it is set right', async () => {
    await settle();
    device.clock = Date.parse('2090-01-01T00:00:00Z');
    await expectRefused('metadata_expired');
    device.clock = START + 2000;
    expect(codeOf(await device.restart().find(PATH))).toBe('accepted');
  });

  it('set back by 30 days does not make expired metadata good again', async () => {
    // Versions of online roles are the seconds at which they were signed.
    repo.versions.timestamp = Math.floor(START / 1000);
    repo.publishTimestamp();
    const old = copyOf('timestamp.json');
    await settle();
    repo.now = START + 30 * DAY;
    device.clock = repo.now + 1000;
    repo.versions.timestamp = Math.floor(repo.now / 1000);
    repo.publish();
    await settle();
    device.clock = START + 1000;
    device.restart();
    expect(device.client.signedAt()).toBeGreaterThan(START + 29 * DAY);
    repo.files.set('timestamp.json', old);
    await expectRefused('metadata_rollback');
  });

  it('set back does not revive a version whose role has expired meanwhile', async () => {
    repo.valid.team = 10;
    repo.publishTeam('hub');
    repo.publishModel('hub', 'wear');
    repo.publish();
    await settle();
    repo.now = START + 20 * DAY;
    device.clock = repo.now + 1000;
    repo.versions.timestamp = Math.floor(repo.now / 1000);
    repo.publish();
    await expectRefused('metadata_expired');
    await device.client.refresh();
    device.clock = START + 1000;
    device.restart();
    await expectRefused('metadata_expired');
  });
});

describe('leaked online keys', () => {
  it('fast-forwarded to the last version: a new root brings the device back by itself', async () => {
    await settle();
    repo.versions = { ...repo.versions, snapshot: 2 ** 31 - 2, timestamp: 2 ** 31 - 2 };
    repo.valid = { ...repo.valid, snapshot: 9999, timestamp: 9999 };
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('accepted');
    // The stolen key says 2038; the offline keys' word reaches no further than their root.
    expect(device.client.signedAt()).toBe(device.client.root().expiresAt);
    // The operators rotate what was online; versions start low again.
    const before = repo.root.keys;
    repo.timestamp = { keys: [makeRepoKey()], threshold: 1 };
    repo.snapshot = repo.timestamp;
    repo.director = { keys: [makeRepoKey()], threshold: 1 };
    repo.now = START + DAY;
    repo.versions = { ...repo.versions, snapshot: 10, timestamp: 10 };
    repo.valid = { ...repo.valid, snapshot: 7, timestamp: 1 };
    device.clock = repo.now + 1000;
    repo.publishRoot(before);
    repo.publish();
    expect(codeOf(await device.restart().find(PATH))).toBe('accepted');
    expect(device.client.signedAt()).toBeLessThan(START + 2 * DAY);
  });

  it('a training key that bars every release is undone by giving the team another key', async () => {
    await settle();
    const model = repo.teams['hub']?.models['wear'];
    const team = repo.teams['hub'];
    if (!model || !team) throw new Error('no model');
    model.minRelease = 2 ** 40;
    repo.publishModel('hub', 'wear');
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('release_downgrade');
    delete model.minRelease;
    repo.publishModel('hub', 'wear');
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('release_downgrade');
    team.role = { keys: [makeRepoKey()], threshold: 1 };
    repo.publishTargets();
    repo.publishTeam('hub');
    repo.publishModel('hub', 'wear');
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('accepted');
  });
});

describe('downgrades', () => {
  it('below the signed minimum are refused, also after it is lowered or left out again', async () => {
    repo.approve('hub', 'wear', 2, payloadOf('two'));
    const model = repo.teams['hub']?.models['wear'];
    if (!model) throw new Error('no model');
    model.minRelease = 2;
    repo.publishModel('hub', 'wear');
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('release_downgrade');
    expect(codeOf(await device.client.find('hub/wear/2.json'))).toBe('accepted');
    for (const lower of [1, undefined]) {
      if (lower === undefined) delete model.minRelease;
      else model.minRelease = lower;
      repo.publishModel('hub', 'wear');
      repo.publish();
      expect(codeOf(await device.restart().find(PATH))).toBe('release_downgrade');
    }
  });
});

describe('release: person', () => {
  it('as the setting of a device refuses what the hub signed, and takes what a publisher signed', async () => {
    repo.approve('acme', 'wear', 1, payloadOf('acme'));
    device.restart({ release: 'person' });
    expect(codeOf(await device.client.find(PATH))).toBe('release_person_required');
    expect(codeOf(await device.client.find('acme/wear/1.json'))).toBe('accepted');
  });

  it('as the word of the offline targets keys binds every device', async () => {
    await settle();
    repo.person = true;
    repo.publishTargets();
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('release_person_required');
  });
});
