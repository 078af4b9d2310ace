import { refuse } from '@drover/core/reasons';
import { until } from '@drover/testkit/until';
import { describe, expect, it } from 'vitest';
import type { LoadedModel } from './bundle.ts';
import type { ServedModel } from './served-model.ts';
import { makeUnderstudies } from './understudies.ts';

const CHAMPION = 'c'.repeat(64);

function setUp(idleMs = 60_000) {
  const pointers = new Map<string, { active: string; previous?: string }>([
    ['s', { active: CHAMPION, previous: 'p1' }],
  ]);
  const broken = new Set<string>();
  const loads: string[] = [];
  const retired: string[] = [];
  const time = { mono: 0 };
  const load = async (digest: string) => {
    loads.push(digest);
    if (broken.has(digest)) return refuse('artifact_size_mismatch', digest);
    return { ok: true as const, value: { digest, manifest: { model: 'm', version: 1 } } as unknown as LoadedModel };
  };
  const admit = (_slot: string, { digest }: LoadedModel) =>
    ({ digest, retire: () => void retired.push(digest) }) as unknown as ServedModel;
  const understudies = makeUnderstudies({
    slots: { read: (slot) => pointers.get(slot) },
    load,
    admit,
    mono: () => time.mono,
    log: () => undefined,
    idleMs,
  });
  return { understudies, pointers, broken, loads, retired, time };
}

describe('understudies', () => {
  it('are loaded once, however many ask at the same time', async () => {
    const { understudies, loads } = setUp();
    const asked = await Promise.all([1, 2, 3].map(() => understudies.of('s', CHAMPION)));
    expect(asked.map((model) => model?.digest)).toEqual(['p1', 'p1', 'p1']);
    expect(loads).toEqual(['p1']);
    await understudies.stop();
  });

  it('are at most one a slot: another previous model takes the place', async () => {
    const { understudies, pointers, loads, retired } = setUp();
    await understudies.of('s', CHAMPION);
    pointers.set('s', { active: CHAMPION, previous: 'p2' });
    expect((await understudies.of('s', CHAMPION))?.digest).toBe('p2');
    expect(loads).toEqual(['p1', 'p2']);
    await until('the first to be freed', () => retired.includes('p1'));
    await understudies.stop();
    expect(retired).toEqual(['p1', 'p2']);
  });

  it('are not there where there is no previous model, or the champion is it', async () => {
    const { understudies, pointers, loads } = setUp();
    expect(await understudies.of('other', CHAMPION)).toBeUndefined();
    expect(await understudies.of('s', 'p1')).toBeUndefined();
    pointers.set('s', { active: CHAMPION });
    expect(await understudies.of('s', CHAMPION)).toBeUndefined();
    expect(loads).toEqual([]);
  });

  it('that cannot be loaded are not tried for each prediction, and again later', async () => {
    const { understudies, broken, loads, time } = setUp();
    broken.add('p1');
    for (let i = 0; i < 50; i++) expect(await understudies.of('s', CHAMPION)).toBeUndefined();
    expect(loads).toHaveLength(1);
    broken.clear();
    time.mono = 61_000;
    await understudies.of('s', CHAMPION);
    expect((await understudies.of('s', CHAMPION))?.digest).toBe('p1');
    await understudies.stop();
  });

  it('are freed when they are not needed for a while, and come again', async () => {
    const { understudies, loads, retired } = setUp(5);
    await understudies.of('s', CHAMPION);
    await until('the end of the wait', () => retired.length === 1);
    expect((await understudies.of('s', CHAMPION))?.digest).toBe('p1');
    expect(loads).toEqual(['p1', 'p1']);
    await understudies.stop();
  });
});
