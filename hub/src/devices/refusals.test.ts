// That a person sees why a device takes nothing: a refusal of the whole document is in no state of any deployment.
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterAll, expect, it } from 'vitest';
import { insertDevice, openSession, readDevice, storeState } from '../db/devices.ts';
import type { DeploymentRow } from '../db/rollouts.ts';
import { openStore } from '../db/sqlite-store.ts';
import { viewDeployments } from '../rollouts/rollout-views.ts';
import { viewDeviceDetail } from './device-views.ts';

const dir = scratch('refusals');
afterAll(() => remove(dir));
const REFUSAL = { code: 'release_not_approved', detail: '"hub/wear/3.json".' };

it('shows the refusal of a device, and with each of its deployments that are open', async () => {
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  const store = opened.value;
  const boot = { sessionId: 's', bootId: 'b', outboxId: 'o', agentVersion: '1', capabilitiesJson: '{}' };
  const report = (desiredCode: string | null, stateRevision: number) =>
    storeState({
      id: 'd1', bootId: 'b', stateRevision, reportedGeneration: 1, healthJson: 'null',
      desiredCode, desiredDetail: desiredCode && REFUSAL.detail, lastSeenAt: 2,
    }); // biome-ignore format: one record
  await store.commit([
    insertDevice({ id: 'd1', labels: {}, secretHash: 'x', joinedAt: 1 }),
    openSession({ id: 'd1', ...boot, reportedGeneration: 1, lastSeenAt: 1 }),
    report(REFUSAL.code, 1),
  ]);
  const row = (state: DeploymentRow['state']): DeploymentRow => ({
    id: state, rollout: 'r', device: 'd1', slot: 'default', manifest: 'm', state, revision: 1, code: null, detail: null,
    createdAt: 1, updatedAt: 1, deviceState: null, deviceRevision: 0, deviceCode: null, deviceDetail: null,
    stage: 0, attempt: 1, purpose: 'install', admittedAt: 1, beforeManifest: null,
  }); // biome-ignore format: one record
  const look = async () => {
    const device = await readDevice(store, 'd1');
    if (!device) throw new Error('no device');
    const detail = await viewDeviceDetail(store, device, 3);
    const deployments = await viewDeployments(store, [row('offered'), row('committed')]);
    return [detail.desiredRefusal, ...deployments.map(({ desiredRefusal }) => desiredRefusal)];
  };
  expect(await look()).toEqual([REFUSAL, REFUSAL, undefined]);
  await store.commit([report(null, 2)]);
  expect(await look()).toEqual([null, undefined, undefined]);
  await store.close();
});
