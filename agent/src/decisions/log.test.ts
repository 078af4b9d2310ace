import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDecisionStore } from '../store/decision-store.ts';
import { type DecisionContext, type DecisionLog, openDecisionLog } from './log.ts';

const BOOT = 'b'.repeat(32);
const OF: DecisionContext = { slot: 's', manifest: 'a'.repeat(64), runtime: 'native', runtimeVersion: '1' };
const LIMIT = 1024 * 1024;
let dir: string;
let damaged = 0;
const open = (bootId = BOOT, policy: 'inputs' | 'digests' = 'inputs', bytes = LIMIT): DecisionLog =>
  openDecisionLog({
    bootId, policy, now: () => 7, entryBytes: bytes >> 3,
    open: () => openDecisionStore(dir, { bytes, entries: 20_000 }, () => void (damaged += 1)),
  }); // biome-ignore format: one record

const note = (log: DecisionLog, number: number, of = OF): void =>
  log.row(
    of,
    number,
    Float32Array.of(number, Number.NaN),
    ['t'],
    { ok: true, classIndex: -1, probabilities: new Float32Array(0), value: number / 3 },
    false,
    'model',
    undefined,
  );

beforeEach(() => {
  damaged = 0;
  dir = mkdtempSync(path.join(tmpdir(), 'drover-decisions-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the decision log', () => {
  it('keeps the newest within its bytes, forgets the oldest, and finds what it keeps after a restart', () => {
    const log = open();
    for (let number = 1; number <= 60_000; number++) note(log, number);
    expect(log.find(`${BOOT}-1`)).toMatchObject({ ok: false, code: 'decision_unknown' });
    expect(log.find(`${BOOT}-60000`)).toMatchObject({
      ok: true,
      value: { number: 60_000, of: OF, output: { value: 20_000 } },
    });
    const { bytes, entries, lost } = log.counts();
    expect(bytes).toBeLessThanOrEqual(LIMIT);
    expect(entries).toBeGreaterThan(LIMIT / 100);
    expect(lost).toBe(0);
    log.close();
    const size = readdirSync(path.join(dir, 'db')).reduce(
      (sum, name) => sum + statSync(path.join(dir, 'db', name)).size,
      0,
    );
    expect(size).toBeLessThan(2 * LIMIT);
    const again = open('c'.repeat(32));
    expect(again.find(`${BOOT}-59999`)).toMatchObject({ ok: true, value: { number: 59_999 } });
    expect(again.counts()).toMatchObject({ entries });
    again.close();
  });

  it('tells models and processes apart that share a batch', () => {
    const log = open();
    const other = { ...OF, slot: 'other' };
    note(log, 1);
    note(log, 2, other);
    note(log, 3);
    expect([1, 2, 3].map((n) => log.find(`${BOOT}-${n}`))).toMatchObject([
      { value: { of: OF } },
      { value: { of: other } },
      { value: { of: OF } },
    ]);
    for (const id of ['', 'x', `${BOOT}-0`, `${BOOT}-4`, `${BOOT}-1e3`, `${'c'.repeat(32)}-1`])
      expect(log.find(id)).toMatchObject({ ok: false });
    log.close();
  });

  it('keeps one entry for a call of many rows, and digests of what is too large', () => {
    const log = open();
    const tensor = (length: number) =>
      ({ x: { dtype: 'float32', data: new Float32Array(length).fill(1), dims: [length] } }) as const;
    log.tensors(OF, 1, 5, tensor(5), tensor(5));
    log.tensors(OF, 6, 3, tensor(40_000), tensor(3));
    expect(log.find(`${BOOT}-4`)).toMatchObject({ value: { number: 1, rows: 5, input: { kind: 'tensors' } } });
    expect(log.find(`${BOOT}-8`)).toMatchObject({
      value: { number: 6, input: { kind: 'digest' }, output: { kind: 'tensors' } },
    });
    log.close();
  });

  it('keeps no input where the policy says digests, and equal inputs have equal digests', () => {
    const log = open(BOOT, 'digests');
    const row = (number: number, x: number): void =>
      log.row(OF, number, Float32Array.of(x), ['secret'], undefined, false, 'none', 'run_failed');
    row(1, 5);
    row(2, 5);
    row(3, 6);
    const [a, b, c] = [1, 2, 3]
      .map((n) => log.find(`${BOOT}-${n}`))
      .map((found) => (found.ok && found.value.input.kind === 'digest' ? found.value.input.sha256 : ''));
    expect(a).toMatch(/^[0-9a-f]{64}$/);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
    log.close();
  });

  it('begins anew when its file is damaged', () => {
    const log = open();
    note(log, 1);
    log.close();
    writeFileSync(path.join(dir, 'db', 'decisions.db'), Buffer.alloc(8192, 'x'));
    const again = open();
    note(again, 2);
    expect(again.find(`${BOOT}-2`)).toMatchObject({ ok: true });
    expect(damaged).toBe(1);
    again.close();
  });
});
