import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSlotStore } from './slots.ts';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-slots-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('slot pointers', () => {
  it('remember the model before, and going back forgets the one that failed', () => {
    const slots = openSlotStore(dir);
    slots.activate('main', A);
    slots.activate('main', B);
    slots.activate('main', B);
    expect(openSlotStore(dir).read('main')).toEqual({ active: B, previous: A });
    expect(slots.revert('main')).toBe(true);
    expect(openSlotStore(dir).read('main')).toEqual({ active: A });
    expect(slots.revert('main')).toBe(false);
    slots.activate('main', C);
    slots.remove('main');
    expect(openSlotStore(dir).list()).toEqual([]);
  });

  it('survive a file left half-written beside them, and a pointer that was edited into nonsense', () => {
    const slots = openSlotStore(dir);
    slots.activate('main', A);
    writeFileSync(path.join(dir, 'slots/main.json.new'), '{"active":"');
    expect(openSlotStore(dir).read('main')).toEqual({ active: A });
    for (const text of ['{', '"x"', '{"active":"zz"}', 'null']) {
      writeFileSync(path.join(dir, 'slots/main.json'), text);
      expect(openSlotStore(dir).read('main')).toBeUndefined();
    }
    slots.activate('other', B);
    expect(JSON.parse(readFileSync(path.join(dir, 'slots/other.json'), 'utf8'))).toEqual({ active: B });
  });
});
