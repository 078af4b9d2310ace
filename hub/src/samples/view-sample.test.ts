import type { Manifest } from '@drover/trust/documents';
import { describe, expect, it } from 'vitest';
import { viewSample, writeFloats } from './view-sample.ts';

const row = {
  id: 1, device: 'd', predictionId: 'p', slot: 's', manifest: 'a'.repeat(64), at: 0, why: 'novel', score: 4.5,
  numbers: writeFloats([1.5, Number.NaN, Number.POSITIVE_INFINITY]), textsJson: '["day",""]', withheldJson: '["c"]',
  classIndex: 1, scores: writeFloats([0.25, 0.75]), receivedAt: 1,
}; // biome-ignore format: one record
const features = [
  ...['a', 'b', 'c'].map((name) => ({ name, kind: 'numeric' })),
  ...['shift', '__proto__'].map((name) => ({ name, kind: 'categorical' })),
];
const manifest = {
  model: 'm',
  version: 3,
  features,
  task: { kind: 'classification', classes: ['no', 'yes'] },
} as unknown as Manifest;

describe('a captured row', () => {
  it('is shown under the names of its manifest, without what is withheld', () => {
    const view = viewSample(row, manifest);
    expect(view).toMatchObject({
      model: 'm',
      version: 3,
      label: 'yes',
      probabilities: { no: 0.25, yes: 0.75 },
      withheld: ['c'],
    });
    expect(Object.entries(view.fields)).toEqual([['a', 1.5], ['b', null], ['shift', 'day'], ['__proto__', null]]); // biome-ignore format: pairs
    expect(JSON.parse(JSON.stringify(view))).toMatchObject({ fields: { a: 1.5 } });
  });

  it('is shown by place where the hub does not hold the version', () => {
    const view = viewSample({ ...row, withheldJson: '[]' }, undefined);
    expect(view).toMatchObject({ model: null, version: null, label: 'class1' });
    expect(view.fields).toEqual({
      numeric0: 1.5,
      numeric1: null,
      numeric2: null,
      categorical0: 'day',
      categorical1: null,
    });
  });

  it('is shown whatever a device wrote into it', () => {
    const view = viewSample(
      { ...row, at: Number.MAX_SAFE_INTEGER, classIndex: 7, numbers: new Uint8Array(9), withheldJson: '["x"]' },
      manifest,
    );
    expect(view).toMatchObject({ at: '+275760-09-13T00:00:00.000Z', label: '7' });
    expect(viewSample({ ...row, classIndex: -9, scores: new Uint8Array(0) }, manifest)).toMatchObject({ value: null });
  });

  it('of a regression has a value', () => {
    expect(viewSample({ ...row, classIndex: -1, scores: writeFloats([7]) }, undefined)).toMatchObject({ value: 7 });
    expect(viewSample({ ...row, classIndex: -1, scores: writeFloats([Number.NaN]) }, undefined)).toMatchObject({
      value: null,
    });
  });
});
