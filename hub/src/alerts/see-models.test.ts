import type { Change } from '@drover/core/quality/error-drift';
import { describe, expect, it } from 'vitest';
import type { SlotState } from '../db/alert-sources.ts';
import type { WatchedModel } from '../monitoring/watch.ts';
import { seeErrors, seeModelMetric } from './see-models.ts';

const MANIFEST = 'a'.repeat(64);
const slotOf = (device: string, running = MANIFEST): SlotState => ({
  device, slot: 'default', running, deploymentId: null, deploymentManifest: null, state: null, code: null, detail: null,
}); // biome-ignore format: one record
const changeTo = (direction: 'worse' | 'better', low: number): Change =>
  ({
    at: Date.parse('2026-03-01T00:00:00Z'), before: 0.05, after: direction === 'worse' ? 0.2 : 0.01, difference: { low, high: 0.2 },
  }) as unknown as Change; // biome-ignore format: one record

function lookAt(
  own: Readonly<Record<string, readonly Change[]>>,
  ofAll: readonly Change[] = [],
  slots = Object.keys(own).map((id) => slotOf(id)),
) {
  const changes = new Map([['', ofAll], ...Object.entries(own)]);
  const seen = [...seeErrors([{ slot: 'default', manifest: MANIFEST, model: 'wear', kind: 'share', changes }], slots)];
  return Object.fromEntries(
    seen.map(({ device, state, summary }) => [device, summary === '' ? state : `${state}: ${summary}`]),
  );
}

describe('labels that came', () => {
  it('call the devices whose errors rose for sure by what matters, and no others', () => {
    const worse = changeTo('worse', 0.05);
    expect(lookAt({ d1: [worse], d2: [], d3: [changeTo('worse', 0.005)] }, [worse])).toEqual({
      d1: 'bad: error rate 0.05 -> 0.2 since 2026-03-01T00:00:00.000Z',
      d2: 'good',
      d3: 'good',
    });
  });

  it('call all devices where only all together show it', () => {
    expect(lookAt({ d1: [], d2: [] }, [changeTo('worse', 0.05)])).toMatchObject({
      d1: expect.stringMatching(/^bad: .*of all devices together$/) as string,
      d2: expect.stringMatching(/^bad/) as string,
    });
  });

  it('call nobody once it is better again, or another version runs', () => {
    const worse = changeTo('worse', 0.05);
    expect(lookAt({ d1: [worse, changeTo('better', -0.2)] })).toEqual({ d1: 'good' });
    expect(lookAt({ d1: [worse] }, [], [slotOf('d1', 'b'.repeat(64))])).toEqual({});
  });
});

describe('a metric of a model', () => {
  const model = (device: string, value: number | null): WatchedModel =>
    ({
      device,
      slot: 'default',
      manifest: MANIFEST,
      model: 'wear',
      version: 1,
      values: { 'model.error_share': value },
    }) as unknown as WatchedModel;

  it('is bad beyond its limit, and unknown where there is none', () => {
    const limit = { metric: 'model.error_share', above: 0.05, below: null } as const;
    const seen = seeModelMetric([model('d1', 0.2), model('d2', 0.01), model('d3', null)], limit);
    expect(seen.map(({ device, state, summary }) => [device, state, summary])).toEqual([
      ['d1', 'bad', '20 %'],
      ['d2', 'good', '1 %'],
      ['d3', 'unknown', 'not known'],
    ]);
    expect(seen[0]).toMatchObject({
      what: 'model.error_share of wear is above 5 %',
      group: 'wear\ndefault\nmodel.error_share',
    });
  });
});
