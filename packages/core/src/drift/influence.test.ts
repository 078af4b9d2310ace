import { describe, expect, it } from 'vitest';
import { weigh } from './influence.ts';
import { DRIFT_SETTINGS, type FeatureVerdict } from './verdict.ts';

const moved = (aspect: FeatureVerdict['aspect'], leastChange: number): FeatureVerdict => ({
  verdict: 'material', needed: 0, aspect, change: leastChange, leastChange, evidence: 1,
}); // biome-ignore format: one record
const after = (verdict: FeatureVerdict, influence: number | undefined) => weigh(verdict, influence, DRIFT_SETTINGS);

describe('a change of a feature', () => {
  it('that the model does not use does not matter, however far it goes', () => {
    expect(after(moved('level', 50), 0)).toMatchObject({ verdict: 'immaterial', hardlyUsed: true, aspect: 'level' });
    expect(after(moved('unusable', -0.5), 0)).toMatchObject({ verdict: 'immaterial' });
  });

  it('that the model uses a little matters once it goes far', () => {
    expect(after(moved('level', 0.2), 0.0005).verdict).toBe('immaterial');
    expect(after(moved('level', -0.4), 0.0005)).toEqual(moved('level', -0.4));
    expect(after(moved('level', 0.2), 0.05)).toEqual(moved('level', 0.2));
  });

  it('is left as it was found where nothing is known of its use, where a sensor failed, or where it did not matter before', () => {
    expect(after(moved('level', 0.2), undefined)).toEqual(moved('level', 0.2));
    expect(after(moved('stuck', 1), 0)).toEqual(moved('stuck', 1));
    const small: FeatureVerdict = { ...moved('level', 0.1), verdict: 'immaterial' };
    expect(after(small, 0)).toEqual(small);
  });
});
