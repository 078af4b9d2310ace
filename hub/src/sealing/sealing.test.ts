// The one ciphertext of an artifact: made once however many ask, and made anew when its bytes are gone.
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { makeSealingKey, rawPublicKey } from '@drover/trust/sealed/hpke';
import { afterAll, expect, it } from 'vitest';
import { openFolderStore } from '../blobs/folder-store.ts';
import { insertDevice, updateDevice } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import { openSealing } from './sealing.ts';

const dir = scratch('sealing');
afterAll(() => remove(dir));

it('makes one ciphertext for all, and another only when that one is gone', async () => {
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  const store = opened.value;
  const blobs = await openFolderStore(path.join(dir, 'blobs'), 1e9);
  const sealingKey = Buffer.from(rawPublicKey(makeSealingKey())).toString('base64url');
  await store.commit([
    insertDevice({ id: 'd1', labels: {}, secretHash: 'x', joinedAt: 1 }),
    updateDevice('d1', { capabilitiesJson: JSON.stringify({ sealingKey }) }),
  ]);
  async function* stream() {
    yield Buffer.from('the weights');
  }
  const put = await blobs.put(stream(), 1000);
  if (!put.ok) throw new Error(put.detail);
  const sealing = openSealing({ store, blobs, hubKey: randomBytes(32), now: () => 2 });
  const offer = async (): Promise<string> => {
    const offered = await sealing.offer('d1', put.value);
    if (!offered.ok) throw new Error(`${offered.code}: ${offered.detail}`);
    return offered.value.digest;
  };
  const files = () =>
    readdirSync(path.join(dir, 'blobs', 'sha256'), { recursive: true }).filter((name) => String(name).length > 10)
      .length;
  const [first, ...others] = await Promise.all([offer(), offer(), offer()]);
  expect(others).toEqual([first, first]);
  expect(files()).toBe(2);
  await blobs.remove(first ?? '');
  const second = await offer();
  expect(second).not.toBe(first);
  expect([await blobs.has(second), await offer(), files()]).toEqual([true, second, 2]);
  await store.close();
});
