// Checks that the demo's end cannot say ok for something that did not happen.
import { describe, expect, it } from 'vitest';
import { type DemoFacts, judgeDemo, renderSummary } from './checks.ts';
import { isInSync, ratePerSecond, renderLive, renderPlain } from './live-view.ts';

const DIGEST = 'cd'.repeat(32);
const device = (id: string): DemoFacts['devices'][number] => ({
  id, labels: {}, presence: 'online', lastSeenAt: null, joinedAt: 'x', agentVersion: null, runtime: null, generation: 1, reportedGeneration: 1,
  slots: [{ slot: 'default', running: { manifest: DIGEST, model: 'demo', version: 1 }, previous: null, desired: { manifest: DIGEST }, inSync: true, deployment: null }],
}); // biome-ignore format: one object

const quality = {
  labelled: 40,
  coverage: 1,
  accuracy: 0.9,
  majorityBaseline: 0.8,
  precision: 0.7,
  recall: 0.6,
  auc: 0.85,
};
const slot: NonNullable<DemoFacts['slot']> = {
  slot: 'default', manifest: DIGEST, model: 'demo', version: 1, devices: 2, windows: 4, predictions: 40, errors: 0, fromAt: null, toAt: null,
  latency: { p50Us: 20, p99Us: 90, count: 40 }, quality, missing: {},
}; // biome-ignore format: one object

const facts: DemoFacts = {
  says: 'test', rowsInFile: 100, rowsTrained: 60, rowsPlayed: 40, labelsToCome: 40, version: 'demo@1', manifest: DIGEST, committed: 2, agents: 2,
  devices: [device('a'), device('b')], slot, bytesUp: 500, rawBytes: 10_000, unclean: [], peakPerSecond: 8,
  reference: { rows: 40, metrics: { accuracy: 0.9, majorityAccuracy: 0.8, precision: 0.7, recall: 0.6, auc: 0.852, aucInBins: 0.85 } },
}; // biome-ignore format: one object

const failed = (changes: Partial<DemoFacts>): string[] =>
  judgeDemo({ ...facts, ...changes })
    .filter((c) => !c.ok)
    .map((c) => c.name);

describe('judgeDemo', () => {
  it('finds nothing when everything happened', () => {
    expect(failed({})).toEqual([]);
    expect(renderSummary(facts, judgeDemo(facts))).not.toContain('FAILED');
  });

  it.each<[string, Partial<DemoFacts>, string]>([
    ['a row lost before it was dealt', { rowsTrained: 59 }, 'rows add up'],
    ['a device that did not commit', { committed: 1 }, 'committed everywhere'],
    ['a device on another manifest', { devices: [device('a'), { ...device('b'), slots: [] }] }, 'running = signed'],
    ['a prediction counted twice', { slot: { ...slot, predictions: 41 } }, 'every row counted once'],
    ['a prediction lost', { slot: { ...slot, predictions: 39 } }, 'every row counted once'],
    ['a failed prediction', { slot: { ...slot, errors: 1 } }, 'no prediction failed'],
    ['a label that did not come', { slot: { ...slot, quality: { ...quality, labelled: 39 } } }, 'labels arrived'],
    ['another accuracy', { slot: { ...slot, quality: { ...quality, accuracy: 0.901 } } }, 'accuracy recomputed'],
    ['another AUC', { slot: { ...slot, quality: { ...quality, auc: 0.851 } } }, 'auc recomputed'],
    ['no reference', { reference: undefined }, 'quality recomputed'],
    ['a process that crashed at the end', { unclean: ['agent-01 (1)'] }, 'clean end'],
  ])('names %s', (_what, changes, name) => {
    expect(failed(changes)).toEqual([name]);
  });

  it('fails when the hub knows nothing of the version', () => {
    expect(failed({ slot: undefined })).toEqual(
      expect.arrayContaining(['every row counted once', 'no prediction failed', 'labels arrived']),
    );
  });
});

describe('live view', () => {
  const live = {
    elapsedMs: 12_000,
    devices: facts.devices,
    rowsOf: new Map([['a', 20]]),
    rowsToPlay: 40,
    slot,
    perSecond: 3.5,
  };
  it('shows accuracy beside the majority in both forms', () => {
    for (const text of [renderLive(live), renderPlain(live)]) {
      expect(text).toContain('0.9000 (always the majority: 0.8000)');
      expect(text).toContain('3.5/s');
      expect(text).toContain('2/2 online');
    }
  });
  it('says so before any label or window has come', () => {
    expect(renderPlain({ ...live, slot: undefined })).toContain('no label has arrived yet');
  });
  it('does not call an empty slot in sync', () => {
    expect(isInSync({ ...device('a'), slots: [] })).toBe(false);
  });
  it('measures the rate over its samples', () => {
    expect(
      ratePerSecond([
        [0, 0],
        [5000, 10],
        [10_000, 40],
      ]),
    ).toBe(4);
    expect(ratePerSecond([[0, 5]])).toBe(0);
  });
});
