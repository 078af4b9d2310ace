import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { remove, scratch } from '@drover/testkit/fleet';
import { encodeMessage } from '@drover/wire/encode';
import { LABELS_PER_CMD, PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Cmd } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertDevice } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { pushLabels, splitLabels } from './push-labels.ts';

const label = fc.record({
  predictionId: fc.string({ unit: 'binary', maxLength: 64 }),
  truth: fc.oneof(fc.string({ unit: 'binary', maxLength: 256 }), fc.double({ noNaN: true })),
});

describe('labels', () => {
  it('stay in order and fit the wire, however long they are', () => {
    fc.assert(
      fc.property(fc.array(label, { maxLength: 600 }), (labels) => {
        const parts = splitLabels(labels);
        expect(parts.flat()).toEqual(labels);
        for (const part of parts) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(LABELS_PER_CMD);
          const cmd: Cmd = { id: 'a'.repeat(32), expiresAt: 1, body: { kind: 'pushLabels', labels: part } };
          const bytes = encodeMessage('cmd', cmd, { sentAt: 1, sentMono: 1 });
          expect(bytes.length).toBeLessThanOrEqual(PAYLOAD_BYTES.cmd);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('pushing labels', () => {
  let dir: string;
  let store: Store;
  beforeEach(async () => {
    dir = scratch('labels');
    const opened = openStore(path.join(dir, 'hub.db'), 1);
    if (!opened.ok) throw new Error(opened.detail);
    store = opened.value;
    await store.commit([insertDevice({ id: 'd1', labels: {}, secretHash: '', joinedAt: 1 })]);
  });
  afterEach(async () => {
    await store.close();
    remove(dir);
  });
  const labels = Array.from({ length: 600 }, (_, i) => ({ predictionId: `p${i}`, truth: i % 2 }));

  it('sends one command after the other and says which', async () => {
    const sent: number[] = [];
    const sendCmd = async (_: string, body: Cmd['body']): Promise<Result<string>> => {
      sent.push(body.kind === 'pushLabels' ? body.labels.length : 0);
      return accept(`c${sent.length}`);
    };
    const pushed = await pushLabels({ store, sendCmd, now: () => 5 }, { device: 'd1', labels }, 'ada');
    expect(pushed).toEqual({ ok: true, value: { labels: 600, commands: ['c1', 'c2', 'c3'] } });
    expect(sent).toEqual([256, 256, 88]);
  });

  it('says how many were taken when one is not', async () => {
    let count = 0;
    const sendCmd = async (): Promise<Result<string>> => (count++ === 0 ? accept('c1') : refuse('cmd_limit', 'Full.'));
    expect(await pushLabels({ store, sendCmd, now: () => 5 }, { device: 'd1', labels }, 'ada')).toEqual({
      ok: false,
      code: 'cmd_limit',
      detail: 'Full. 256 of 600 labels were taken; send the others again.',
    });
    expect(await pushLabels({ store, sendCmd, now: () => 5 }, { device: 'nobody', labels }, 'ada')).toMatchObject({
      code: 'device_unknown',
    });
  });
});
