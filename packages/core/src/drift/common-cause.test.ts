// Checks what devices that moved are said to have in common.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCommonCause, type Located } from './common-cause.ts';

const device = (i: number, hasMoved: boolean, labels: Record<string, string> = {}): Located => ({
  device: `d${i}`,
  labels: { site: `s${i % 5}`, firmware: i % 2 === 0 ? '2.2' : '2.3', ...labels },
  hasMoved,
});

describe('what moved devices have in common', () => {
  it('is the label that explains most', () => {
    const fleet = Array.from({ length: 200 }, (_, i) => device(i, i % 2 === 1 && i % 3 !== 0));
    expect(findCommonCause(fleet)).toMatchObject({
      kind: 'group',
      label: { key: 'firmware', value: '2.3' },
      judged: 100,
    });
    const site = Array.from({ length: 200 }, (_, i) => device(i, i % 5 === 4));
    expect(findCommonCause(site)).toMatchObject({
      kind: 'group',
      label: { key: 'site', value: 's4' },
      moved: 40,
      judged: 40,
    });
  });

  it('is the fleet where many moved and no label explains it, and nothing where few did', () => {
    const many = Array.from({ length: 100 }, (_, i) => device(i, Math.floor(i / 10) % 2 === 0));
    expect(findCommonCause(many)).toMatchObject({ kind: 'fleet', label: undefined, moved: 50, judged: 100 });
    const few = Array.from({ length: 100 }, (_, i) => device(i, i === 7 || i === 8));
    expect(findCommonCause(few)).toMatchObject({ kind: 'devices', moved: 2 });
    expect(findCommonCause([])).toMatchObject({ kind: 'devices', moved: 0, judged: 0 });
  });

  it('is rarely found where there is none', () => {
    let found = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.boolean()), { minLength: 30, maxLength: 80 }), (rows) => {
        const fleet = rows.map(([site, hasMoved], i) => ({ device: `d${i}`, labels: { site: `s${site}` }, hasMoved }));
        const cause = findCommonCause(fleet);
        if (cause.kind === 'group') found++;
        expect(cause.moved).toBeLessThanOrEqual(cause.judged);
        expect(cause.p >= 0 && cause.p <= 1).toBe(true);
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(found).toBeLessThan(6);
  });
});
