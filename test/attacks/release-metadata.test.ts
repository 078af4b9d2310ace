// Attacks on the release metadata (TUF 1.0.34 §1.5.2 and beyond), against the client that devices run: each is refused by its
// code, and nothing on the disk has changed.
import type { ReasonCode } from '@drover/core/reasons';
import { makeRepoKey, type TufRepo } from '@drover/testkit/tuf-repo';
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

describe('without an attack', () => {
  it('finds a release, says what vouches for it, and works with what it holds after a restart', async () => {
    const found = await device.client.find(PATH);
    expect(found).toEqual({
      ok: true,
      value: {
        team: 'hub', model: 'wear', version: 1, path: PATH, release: 1, minRelease: 0, role: 'hub~wear',
        length: payloadOf('one').length, sha256: sha256(payloadOf('one')),
        versions: { root: 1, timestamp: 2, snapshot: 2, targets: 1, hub: 1, 'hub~wear': 1 },
      },
    }); // biome-ignore format: one record
    device.asked.length = 0;
    expect(codeOf(await device.restart().find(PATH))).toBe('accepted');
    // Only a newer root and the timestamp are asked for: the rest is held.
    expect(device.asked).toEqual(['2.root.json', 'timestamp.json']);
    const held = device.tree();
    await device.client.refresh();
    expect(device.tree()).toEqual(held);
  });

  it('says of a version that is not in it, or no longer, that it is not approved', async () => {
    await settle();
    expect(codeOf(await device.client.find('hub/wear/2.json'))).toBe('release_not_approved');
    expect(codeOf(await device.client.find('hub/other/1.json'))).toBe('release_not_approved');
    expect(codeOf(await device.client.find('stranger/wear/1.json'))).toBe('release_not_approved');
    repo.withdraw('hub', 'wear', 1);
    expect(codeOf(await device.client.find(PATH))).toBe('release_not_approved');
  });

  it('finds several in one pass, each with its own answer', async () => {
    repo.approve('acme', 'wear', 1, payloadOf('acme'));
    const done = await device.client.findAll([PATH, 'acme/wear/1.json', 'acme/wear/9.json']);
    expect(done.ok && done.value.map(codeOf)).toEqual(['accepted', 'accepted', 'release_not_approved']);
  });
});

describe('rollback', () => {
  it('of the timestamp', async () => {
    const old = copyOf('timestamp.json');
    repo.publish();
    await settle();
    repo.files.set('timestamp.json', old);
    await expectRefused('metadata_rollback');
  });

  it('of the snapshot in a newer timestamp', async () => {
    repo.publish();
    await settle();
    repo.versions.snapshot -= 1;
    repo.publishTimestamp();
    await expectRefused('metadata_rollback');
  });

  it('of targets in a newer snapshot', async () => {
    repo.publishTargets();
    repo.publish();
    await settle();
    repo.versions.targets -= 1;
    repo.publish();
    await expectRefused('metadata_rollback');
  });

  it('of a model role in a newer snapshot', async () => {
    repo.approve('hub', 'wear', 2, payloadOf('two'));
    await settle();
    const model = repo.teams['hub']?.models['wear'];
    if (!model) throw new Error('no model');
    model.version -= 1;
    repo.publish();
    await expectRefused('metadata_rollback');
  });

  it('by leaving a role out of a newer snapshot', async () => {
    await settle();
    repo.tamper['snapshot'] = (signed) => delete (signed['meta'] as Record<string, unknown>)['hub~wear.json'];
    repo.publish();
    await expectRefused('metadata_rollback');
  });
});

describe('freeze', () => {
  it('is noticed when the timestamp that is shown again and again expires', async () => {
    await settle();
    device.clock = START + 2 * DAY;
    await expectRefused('metadata_frozen');
    // What was kept back comes after all: all is well again.
    repo.now = device.clock - 1000;
    repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('accepted');
  });

  it('with an expired timestamp for a device that knows none', async () => {
    device.clock = START + 2 * DAY;
    await expectRefused('metadata_frozen');
  });
});

describe('mix and match', () => {
  it('a snapshot of another day, although signed', async () => {
    await settle();
    const one = copyOf('2.snapshot.json');
    repo.publish();
    repo.files.set('3.snapshot.json', one);
    await expectRefused('metadata_mismatch');
  });

  it('a model role of another version than the snapshot says', async () => {
    await settle();
    const old = copyOf('1.hub~wear.json');
    repo.approve('hub', 'wear', 2, payloadOf('two'));
    repo.files.set('2.hub~wear.json', old);
    await expectRefused('metadata_mismatch');
  });

  it('a role of one model under the name of another', async () => {
    repo.approve('hub', 'other', 1, payloadOf('other'));
    repo.files.set('1.hub~wear.json', copyOf('1.hub~other.json'));
    // Signed by a key that may sign both: the path is what is missing.
    const before = await device.client.find(PATH);
    expect(codeOf(before)).toBe('release_not_approved');
  });

  it('a delegation that the snapshot does not know', async () => {
    await settle();
    repo.tamper['snapshot'] = (signed) => delete (signed['meta'] as Record<string, unknown>)['acme~new.json'];
    repo.approve('acme', 'new', 1, payloadOf('new'));
    await expectRefused('metadata_mismatch', 'acme/new/1.json');
  });
});

describe('wrong keys', () => {
  it.each(['timestamp', 'snapshot', 'targets', 'hub', 'hub~wear'])('for %s', async (role) => {
    await settle();
    repo.signers[role] = [makeRepoKey()];
    if (role === 'targets') repo.publishTargets();
    if (role === 'hub') repo.publishTeam('hub');
    if (role === 'hub~wear') repo.publishModel('hub', 'wear');
    repo.publish();
    await expectRefused('metadata_unsigned');
  });

  it('for a root, and it is the same with the keys of the new root only', async () => {
    await settle();
    const old = repo.root;
    repo.root = { keys: [makeRepoKey()], threshold: 1 };
    repo.publishRoot();
    await expectRefused('metadata_unsigned');
    repo.root = old;
  });

  it('a root that is signed below the threshold, or twice by one key', async () => {
    await settle();
    const [one] = repo.root.keys;
    if (!one) throw new Error('no key');
    repo.signers['root'] = [one];
    repo.publishRoot();
    await expectRefused('metadata_unsigned');
    const { signed, signatures } = parse('2.root.json');
    repo.files.set('2.root.json', Buffer.from(JSON.stringify({ signed, signatures: [...signatures, ...signatures] })));
    await expectRefused('metadata_malformed');
  });

  it('a role with a threshold of two that one key signed', async () => {
    const second = makeRepoKey();
    const team = repo.teams['acme'];
    if (!team) throw new Error('no team');
    team.role = { keys: [...team.role.keys, second], threshold: 2 };
    repo.publishTargets();
    await settle();
    repo.signers['acme~pump'] = [second];
    repo.approve('acme', 'pump', 1, payloadOf('pump'));
    await expectRefused('metadata_unsigned', 'acme/pump/1.json');
    delete repo.signers['acme~pump'];
    repo.publishModel('acme', 'pump');
    repo.publish();
    expect(codeOf(await device.client.find('acme/pump/1.json'))).toBe('accepted');
  });

  it('signed bytes that were changed afterwards', async () => {
    await settle();
    repo.publish();
    const { signed, signatures } = parse('timestamp.json');
    signed['expires'] = '2099-01-01T00:00:00Z';
    repo.files.set('timestamp.json', Buffer.from(JSON.stringify({ signed, signatures })));
    await expectRefused('metadata_unsigned');
  });
});

describe('roots', () => {
  it('a version that skips one', async () => {
    await settle();
    repo.versions.root = 2;
    repo.publishRoot();
    repo.files.set('2.root.json', copyOf('3.root.json'));
    repo.files.delete('3.root.json');
    await expectRefused('metadata_mismatch');
  });

  it('are followed one by one, and a newer one is kept although the rest is refused', async () => {
    await settle();
    repo.publishRoot();
    repo.publishRoot();
    const good = copyOf('timestamp.json');
    repo.files.set('timestamp.json', Buffer.from('{}'));
    expect(codeOf(await device.client.find(PATH))).toBe('metadata_malformed');
    expect(device.client.root().version).toBe(3);
    expect(device.restart().root().version).toBe(3);
    repo.files.set('timestamp.json', good);
    expect(codeOf(await device.client.find(PATH))).toBe('accepted');
  });

  it('an old timestamp key after its rotation', async () => {
    await settle();
    const stolen = repo.timestamp;
    repo.timestamp = { keys: [makeRepoKey()], threshold: 1 };
    repo.snapshot = repo.timestamp;
    repo.publishRoot();
    repo.publish();
    await settle();
    repo.signers = { timestamp: stolen.keys, snapshot: stolen.keys };
    repo.publish();
    await expectRefused('metadata_unsigned');
  });
});

describe('expired', () => {
  it('root', async () => {
    repo.valid.root = 10;
    repo.publishRoot();
    await settle();
    device.clock = START + 11 * DAY;
    repo.now = device.clock;
    repo.publish();
    await expectRefused('metadata_expired');
    repo.publishRoot();
    expect(codeOf(await device.client.find(PATH))).toBe('accepted');
  });

  it.each(['targets', 'hub', 'hub~wear'])('%s', async (role) => {
    repo.valid = { ...repo.valid, targets: 10, team: 10 };
    if (role === 'targets') repo.publishTargets();
    if (role === 'hub') repo.publishTeam('hub');
    if (role === 'hub~wear') repo.publishModel('hub', 'wear');
    repo.publish();
    await settle();
    device.clock = START + 11 * DAY;
    repo.now = device.clock;
    repo.publish();
    await expectRefused('metadata_expired');
  });

  it('snapshot under a fresh timestamp', async () => {
    await settle();
    device.clock = START + 8 * DAY;
    repo.now = device.clock;
    repo.publishTimestamp();
    await expectRefused('metadata_expired');
  });
});
