// Whatever a power cut or a bad disk leaves of the release metadata, the device finds its releases again, and never with
// less than the root that it was handed.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeRepoKey, TufRepo } from '@drover/testkit/tuf-repo';
import { openReleaseClient } from '@drover/trust/tuf/client';
import { installFactoryRoot } from '@drover/trust/tuf/metadata-folder';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, type Device, makeDevice, PATH, payloadOf, START } from './attacked-device.ts';

let device: Device;

const filesIn = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    return statSync(file).isDirectory() ? filesIn(file) : [file];
  });

beforeEach(async () => {
  device = makeDevice();
  device.repo.approve('hub', 'wear', 1, payloadOf('one'));
  device.repo.publishRoot();
  expect(codeOf(await device.client.find(PATH))).toBe('accepted');
});
afterEach(() => device.end());

const damages: readonly [string, (file: string) => void][] = [
  ['emptied', (file) => truncateSync(file, 0)],
  ['cut in half', (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ['overwritten', (file) => writeFileSync(file, Buffer.alloc(300, 0xa5))],
  ['gone', (file) => rmSync(file)],
];

describe.each(damages)('any one file %s', (_what, damage) => {
  it('leaves a device that finds its releases', async () => {
    const names = filesIn(device.dir).map((file) => path.relative(device.dir, file));
    expect(names.length).toBeGreaterThanOrEqual(9);
    for (const name of names) {
      // A pass may have given the set another number.
      const file = filesIn(device.dir).find((each) => path.basename(each) === path.basename(name));
      if (file === undefined) continue;
      const before = readFileSync(file);
      damage(file);
      expect(codeOf(await device.restart().find(PATH)), name).toBe('accepted');
      expect(device.client.root().version, name).toBe(2);
      if (path.dirname(file) === device.dir) writeFileSync(file, before);
    }
  });
});

describe('a kill', () => {
  it.each([
    ['while the scratch folder fills', () => mkdirSync(path.join(device.dir, 'scratch'))],
    ['before the new set has its name in the pointer', () => mkdirSync(path.join(device.dir, 'set-2'))],
    ['after the pointer, before the old set is gone', () => mkdirSync(path.join(device.dir, 'set-77'))],
    ['while a file was written beside', () => writeFileSync(path.join(device.dir, 'current.new'), 'set-9')],
    ['that lost the set', () => rmSync(path.join(device.dir, 'set-1'), { recursive: true })],
  ])('%s', async (_when, leave) => {
    leave();
    device.restart();
    device.repo.publish();
    expect(codeOf(await device.client.find(PATH))).toBe('accepted');
    expect(readdirSync(device.dir).filter((name) => name.startsWith('set-'))).toHaveLength(1);
    expect(readdirSync(device.dir)).not.toContain('scratch');
  });
});

describe('the root that is handed over', () => {
  it('again changes nothing', async () => {
    const before = device.tree();
    const root = device.repo.files.get('1.root.json');
    if (!root) throw new Error('no root');
    installFactoryRoot(device.dir, root);
    expect(device.tree()).toEqual(before);
  });

  it('of another hub forgets what belongs to the first', async () => {
    const other = new TufRepo({ now: START });
    const root = other.files.get('1.root.json');
    if (!root) throw new Error('no root');
    other.approve('hub', 'wear', 1, payloadOf('other'));
    installFactoryRoot(device.dir, root);
    device.repo = other;
    expect(codeOf(await device.restart().find(PATH))).toBe('accepted');
    expect(device.client.root().version).toBe(1);
  });

  it('is refused when it cannot be used', () => {
    const open = () =>
      openReleaseClient({
        dir: device.dir,
        source: { fetch: () => Promise.reject(new Error('no')) },
        now: () => START,
      });
    rmSync(path.join(device.dir, 'root.json'));
    rmSync(path.join(device.dir, 'factory.root.json'));
    expect(open()).toMatchObject({ ok: false, code: 'root_invalid' });
    const repo = new TufRepo({ now: START });
    repo.signers['root'] = [makeRepoKey()];
    writeFileSync(path.join(device.dir, 'factory.root.json'), repo.publishRoot());
    expect(open()).toMatchObject({ ok: false, code: 'root_invalid' });
  });
});
