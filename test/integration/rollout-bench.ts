// Sets up what tests of rollouts share: versions of a model "pump", what a device was told, what it reports. Never asserts.
import { randomBytes } from 'node:crypto';
import { encodeDocument, type Manifest, PAYLOAD_TYPES, parseDesiredDoc } from '@drover/trust/documents';
import { digestOf, makeKey, signPayload } from '@drover/trust/dsse';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { Desired, SlotReport } from '@drover/wire/messages';
import { ensureModel, insertVersion, setAlias } from '../../hub/src/db/models.ts';
import type { Side, TestDevice } from './mqtt-bench.ts';

export const release = makeKey().signer;
export const director = makeKey().signer;
export const policy = { windowMs: 5000, windowEpochAt: 0, probationMs: 0 };

/** Registers a version of "pump" whose model is `bytes` random bytes. */
export async function register(
  side: Side,
  version: number,
  bytes = 100,
  opset = 21,
): Promise<{ manifest: string; blob: string; content: Buffer }> {
  const content = randomBytes(bytes);
  async function* stream() {
    yield content;
  }
  const put = await side.blobs.put(stream(), 1e9);
  if (!put.ok) throw new Error(put.detail);
  const document: Manifest = {
    type: 'drover.manifest/1',
    project: 'default',
    model: 'pump',
    version,
    createdAt: '2026-01-01T00:00:00Z',
    release: version,
    blobs: { model: put.value },
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    features: [{ name: 'load', kind: 'numeric', input: 'x', index: 0 }],
    runtime: { irVersion: 10, opset, mlOpset: 3 },
    lineage: { source: 'uploaded' },
  };
  const payload = encodeDocument(document);
  const manifest = digestOf(payload);
  const envelope = encodeSignedEnvelope(await signPayload(PAYLOAD_TYPES.manifest, payload, [release]));
  const done = await side.store.commit([
    ensureModel({ name: 'pump', project: 'default', createdAt: 1 }),
    insertVersion({
      model: 'pump', version, manifest, envelope, documentJson: JSON.stringify(document), source: 'uploaded', sizeBytes: bytes,
      run: null, metricsJson: '{}', createdAt: 1,
    }), // biome-ignore format: one row
    setAlias({ model: 'pump', alias: 'champion', version, updatedAt: 1 }),
  ]);
  if (!done.ok) throw new Error('the version was not registered');
  return { manifest, blob: put.value.sha256, content };
}

export const newest = (device: TestDevice): Desired | undefined => device.all('desired').at(-1);

export function readDocument(device: TestDevice) {
  const desired = newest(device);
  if (!desired) throw new Error('no desired document came');
  const parsed = parseDesiredDoc(desired.document.payload);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

/** Reports through both channels what a device does that carries out its wish. */
export function report(device: TestDevice, revision: number, slot: SlotReport, seq = revision): void {
  const d = slot.deployment;
  if (!d) throw new Error('there is nothing to report');
  const { generation } = readDocument(device);
  device.up(seq, [
    {
      kind: 'deployment',
      deploymentId: d.deploymentId,
      slot: slot.slot,
      manifest: d.manifest,
      state: d.state,
      revision,
      generation,
    },
  ]);
  device.send('state', {
    bootId: device.hello.bootId,
    revision: seq,
    generation,
    slots: [slot],
    health: {
      rssBytes: 1,
      cpuRatio: 0,
      diskFreeBytes: 1,
      uptimeMs: 1,
      outboxEntries: 0,
      outboxBytes: 0,
      outboxDropped: 0,
    },
  });
}

export const slotReport = (deploymentId: string, manifest: string, state: 'downloading' | 'activating' | 'committed' | 'failed', revision: number, running?: string): SlotReport => ({
  slot: 'default',
  ...(running && { running }),
  deployment: { deploymentId, manifest, state, revision, enteredAt: 1 },
}); // biome-ignore format: one row
