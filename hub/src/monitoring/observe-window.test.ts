import { describeDiagnosis } from '@drover/core/drift/describe';
import { NO_DETAIL } from '@drover/core/drift/diagnose';
import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';
import { describe, expect, it } from 'vitest';
import { observe } from './observe-window.ts';

const tools = Array.from({ length: 100 }, (_, n) => (n % 2 ? 'drill' : 'saw'));
const made = buildBaseline([{ name: 'tool', values: tools }], undefined, new Map([['tool', 0.25]]));
if (!made.ok) throw new Error(made.detail);
const reference = bindBaseline(made.value, 'c'.repeat(64));

function seenOf(values: readonly string[], key?: readonly [number, number, number, number]) {
  const window = new WindowSketch(reference, key);
  for (const value of values) {
    window.addRow(new Float32Array(0), 0);
    window.addCategorical(0, value);
  }
  const read = decodeWindow(window.encode(), reference);
  if (!read.ok) throw new Error(read.detail);
  const facts = { baseline: made.ok ? made.value : undefined, reference } as never;
  return [...observe(read.value, facts)].find(({ feature }) => feature === 'tool');
}
const say = (values: readonly string[]): string =>
  describeDiagnosis({ kind: 'categories', ...NO_DETAIL, unseen: seenOf(values)?.unseen });

describe('categories that training never met', () => {
  it('are told apart by how many they are and how frequent one is', () => {
    expect(seenOf(['drill', 'saw'])).toMatchObject({ unseen: undefined, influence: 0.25 });
    expect(seenOf(['drill', 'file', 'file', 'lathe', 'file'])?.unseen).toEqual({ distinct: 2, most: 0.75 });
    expect(say(['file', 'file'])).toBe('one new category');
    expect(say(['file', 'file', 'file', 'lathe'])).toBe('2 new categories, one of them 75 %');
    expect(say(Array.from({ length: 900 }, (_, n) => `serial ${n}`))).toMatch(
      /^about \d{3,4} new categories, one of them 0 %$/,
    );
  });

  it('are the same whatever key their device hashes with, and their bytes are not', () => {
    const values = ['file', 'lathe', 'file'];
    expect(seenOf(values, [1, 2, 3, 4])?.unseen).toEqual(seenOf(values)?.unseen);
    const bytes = (key?: readonly [number, number, number, number]): Uint8Array => {
      const window = new WindowSketch(reference, key);
      for (const value of values) window.addCategorical(0, value);
      return window.encode();
    };
    expect(bytes([1, 2, 3, 4])).not.toEqual(bytes());
    expect(bytes()).toEqual(bytes());
  });

  it('are left out where bytes are few, and such windows are read as before', () => {
    const window = new WindowSketch(reference);
    window.addCategorical(0, 'file');
    const [full, plain] = [window.encode(), window.encode('plain')];
    expect([full[1], plain[1]]).toEqual([3, 1]);
    const read = decodeWindow(plain, reference);
    expect(read.ok && [read.value.categorical[0]?.other, read.value.categorical[0]?.unseen.isEmpty]).toEqual([1, true]);
  });

  it('cannot be more often than there are others', () => {
    const window = new WindowSketch(reference);
    window.addCategorical(0, 'file');
    const bytes = window.encode();
    bytes[bytes.length - 1] = 9;
    expect(decodeWindow(bytes, reference)).toMatchObject({ ok: false, code: 'sketch_malformed' });
  });
});
