// Checks that many features that move at once on a device are one thing, and that one or two are not.
import { EMPTY_BOOK, look } from '@drover/core/alerts/look';
import { DEFAULT_RULES } from '@drover/core/alerts/rule';
import { describe, expect, it } from 'vitest';
import type { SlotState } from '../db/alert-sources.ts';
import type { FeatureDrift } from '../monitoring/drift.ts';
import { seeDrift } from './see-drift.ts';

const MANIFEST = 'a'.repeat(64);
const one = (device: string, feature: string, verdict: FeatureDrift['verdict']): FeatureDrift => ({
  device, slot: 'default', manifest: MANIFEST, model: 'wear', version: 1, feature, verdict, windows: 100, at: 1000, diagnosis: undefined,
  needed: 0, evidence: 1, ...(verdict === 'material' ? { aspect: 'level' as const, change: 2, leastChange: 1 } : { aspect: undefined, change: 0, leastChange: 0 }),
}); // biome-ignore format: one record
const slots = ['d1', 'd2', 'd3', 'd4'].map(
  (device) => ({ device, slot: 'default', running: MANIFEST }) as unknown as SlotState,
);
/** By device the features that moved, of six. */
const fleet = (moved: Readonly<Record<string, number>>, extra: readonly FeatureDrift[] = []): FeatureDrift[] => [
  ...Object.entries(moved).flatMap(([device, count]) =>
    Array.from({ length: 6 }, (_, i) => one(device, `f${i}`, i < count ? 'material' : 'ok')),
  ),
  ...extra,
];
const see = (all: readonly FeatureDrift[], known: readonly string[] = []) => [
  ...seeDrift(all, slots, 0, new Set(known)),
];
const groupsOf = (all: readonly FeatureDrift[], known: readonly string[] = []): string[] => [
  ...new Set(see(all, known).flatMap(({ state, group }) => (state === 'bad' ? [group.split('\n')[2] ?? ''] : []))),
];

describe('drift as signals', () => {
  it('is a group for each feature where few move, and one where half of them and at least three do', () => {
    expect(groupsOf(fleet({ d1: 0, d2: 0 }))).toEqual([]);
    expect(groupsOf(fleet({ d1: 2, d2: 0 }))).toEqual(['f0', 'f1']);
    expect(groupsOf(fleet({ d1: 3, d2: 0 }))).toEqual(['*']);
    expect(groupsOf(fleet({ d1: 6, d2: 1 }))).toEqual(['*', 'f0']);
    // What the model answers is not one of them, and keeps its own.
    const answer = one('d1', '(output)', 'material');
    expect(groupsOf(fleet({ d1: 2 }, [answer]))).toEqual(['f0', 'f1', '(output)']);
    expect(groupsOf(fleet({ d1: 3 }, [answer]))).toEqual(['*', '(output)']);
  });

  it('keeps its group while alerts are not over, and says how many devices could have moved', () => {
    const known = ['d1/default/f0', 'd1/default/f1', 'd1/default/f2'];
    expect(groupsOf(fleet({ d1: 1, d2: 0 }), known)).toEqual(['*']);
    expect(groupsOf(fleet({ d1: 1, d2: 0 }))).toEqual(['f0']);
    const seen = see(fleet({ d1: 4, d2: 0, d3: 1, d4: 0 }));
    const ofMany = seen.filter(({ group }) => group.endsWith('*'));
    expect(new Set(ofMany.filter(({ state }) => state === 'bad').map(({ device }) => device))).toEqual(new Set(['d1']));
    expect(ofMany.filter(({ state }) => state === 'good').map(({ device }) => device)).toEqual(['d2', 'd3', 'd4']);
    expect(see(fleet({ d1: 4 }).map((drift) => ({ ...drift, manifest: 'b'.repeat(64) })))).toEqual([]);
  });

  it('makes one incident of what began as several', () => {
    let ids = 0;
    let book = EMPTY_BOOK;
    const at = (moved: number, now: number) => {
      const known = new Set([...book.alerts.keys()].map((key) => key.slice(key.indexOf('\n') + 1)));
      const signals = [...seeDrift(fleet({ d1: moved, d2: 0 }), slots, 0, known)]
        .filter(({ state, subject }) => state === 'bad' || known.has(subject))
        .map((signal) => ({ ...signal, rule: 'drift' }));
      const labels = {};
      const done = look(book, signals, {
        rules: DEFAULT_RULES, silences: [], factors: new Map(), labelsOf: () => labels, tiers: 1, now, newId: () => String(++ids),
        watchedBy: () => ['d1', 'd2'].map((device) => ({ device, labels })),
      }); // biome-ignore format: one record
      book = done.book;
      return done.notices.map(({ kind, incident }) => `${kind} ${incident.title}`);
    };
    expect(at(1, 1)).toEqual(['opened f0 of wear moved from what is usual: d1 (level +2.00 IQR)']);
    expect(at(5, 2)).toEqual([
      expect.stringMatching(/^resolved f0 of wear/),
      'opened many features of wear moved at once, look at what feeds them: d1 (f0 level +2.00 IQR)',
    ]);
    expect(book.incidents.size).toBe(1);
    expect(at(5, 3)).toEqual([]);
    // Those that are well again stay in it until their alerts are over.
    expect(at(1, 4)).toEqual([]);
    expect(at(0, 4 + 3_600_000)).toEqual([]);
    expect(at(0, 5 + 2 * 3_600_000)).toEqual([expect.stringMatching(/^resolved many features of wear/)]);
    expect(book.alerts.size).toBe(0);
  });
});
