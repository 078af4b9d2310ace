import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyidOf, makeKey } from '../dsse.ts';
import { type AuditPlace, type AuditRow, BEGINNING, chainAudit, DETAIL_CHARS } from './chain.ts';
import { type AuditCheckpoint, openCheckpoint, readAuditKey, signCheckpoint, writeAuditKey } from './checkpoint.ts';
import { type AuditLine, encodeAuditLine, parseAuditLine, splitLines } from './lines.ts';
import { mergeLogs } from './merge-logs.ts';
import { verifyLog } from './verify-log.ts';

const { signer } = makeKey();
const keys = new Map([[signer.keyid, signer.publicKey]]);
const HUB = '01'.repeat(16);

const makeRows = (count: number, from: AuditPlace = BEGINNING): AuditRow[] => {
  const rows: AuditRow[] = [];
  for (let i = 0; i < count; i++) {
    const detail = { before: i, after: `ä${i}\n` };
    rows.push(
      chainAudit(rows.at(-1) ?? from, { at: 1000 + i, actor: 'ada', action: 'alias.set', subject: `m@${i}`, detail }),
    );
  }
  return rows;
};

const checkpointOf = ({ seq, hash }: AuditPlace, hub = HUB): AuditCheckpoint => ({
  type: 'drover.audit-checkpoint/1',
  hub,
  seq,
  hash,
  at: '2026-03-03T03:03:03.000Z',
});

const own = Buffer.from(signer.publicKey).toString('base64url');

/** A log of `rows` with a checkpoint behind each row number in `at`, as a hub exports it. */
async function makeLog(rows: readonly AuditRow[], at: readonly number[], anchor?: AuditPlace): Promise<string[]> {
  const lines: AuditLine[] = [{ type: 'drover.audit/1', hub: HUB, keys: [own] }];
  const sign = async (place: AuditPlace): Promise<AuditLine> => ({
    type: 'checkpoint',
    envelope: await signCheckpoint(checkpointOf(place), signer),
  });
  if (anchor) lines.push(await sign(anchor));
  for (const row of rows) {
    lines.push({ type: 'row', ...row });
    if (at.includes(row.seq)) lines.push(await sign(row));
  }
  const checkpoints = lines.filter(({ type }) => type === 'checkpoint').length;
  return [...lines, { type: 'end', rows: rows.length, checkpoints } as const].map(encodeAuditLine);
}

const codeOf = async (lines: readonly string[], kept: readonly AuditCheckpoint[] = []): Promise<string> => {
  const found = await verifyLog(lines, { keys, kept });
  return found.ok ? 'ok' : found.code;
};

const rows = makeRows(7);
const log = await makeLog(rows, [3, 7]);

describe('an exported audit log', () => {
  it('verifies, from its first row or from a checkpoint on', async () => {
    expect(await verifyLog(log, { keys, kept: [checkpointOf(rows[4] as AuditRow)] })).toEqual({
      ok: true,
      value: {
        hub: HUB, firstSeq: 1, lastSeq: 7, lastHash: rows[6]?.hash, rows: 7, checkpoints: 2, keyids: [signer.keyid],
        areKeysOwn: false, compared: 1, notCompared: 0,
      },
    }); // biome-ignore format: one object
    const part = await makeLog(rows.slice(3), [7], rows[2]);
    expect(await verifyLog(part, { keys: new Map(), kept: [checkpointOf(rows[0] as AuditRow)] })).toMatchObject({
      ok: true,
      value: { firstSeq: 4, lastSeq: 7, areKeysOwn: true, notCompared: 1 },
    });
    expect(await codeOf(await makeLog([], []))).toBe('ok');
  });

  it('shows every change of a single byte', async () => {
    const whole = Buffer.from(log.join(''));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bad = Buffer.from(whole);
        bad[at] = (bad[at] ?? 0) ^ flip;
        const found = await verifyLog(splitLines([bad]), { keys, kept: [] });
        expect(found.ok).toBe(false);
      }),
      { numRuns: 1500 },
    );
  });

  it('shows every line that was removed, doubled, moved or swapped', async () => {
    for (let i = 0; i < log.length; i++) {
      expect(await codeOf(log.toSpliced(i, 1))).not.toBe('ok');
      expect(await codeOf(log.toSpliced(i, 0, log[i] ?? ''))).not.toBe('ok');
      expect(await codeOf(log.slice(0, i))).not.toBe('ok');
      for (let j = 0; j < log.length; j++) {
        if (i === j) continue;
        const [line = ''] = log.slice(i, i + 1);
        const moved = log.toSpliced(i, 1).toSpliced(j, 0, line);
        expect(await codeOf(moved)).not.toBe('ok');
      }
    }
  });

  it('shows bytes that were cut off or put in anywhere', async () => {
    const whole = Buffer.from(log.join(''));
    const at = fc.nat(whole.length - 1);
    await fc.assert(
      fc.asyncProperty(
        at,
        fc.integer({ min: 1, max: 400 }),
        fc.uint8Array({ maxLength: 20 }),
        async (from, cut, put) => {
          const bad = Buffer.concat([whole.subarray(0, from), put, whole.subarray(from + cut)]);
          if (bad.equals(whole)) return;
          expect((await verifyLog(splitLines([bad]), { keys, kept: [] })).ok).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('shows that rows were written anew with right hashes, by the checkpoints', async () => {
    const forged = makeRows(7).map((row) => ({ ...row }));
    const again: AuditRow[] = [];
    for (const row of forged)
      again.push(chainAudit(again.at(-1), { ...row, actor: row.seq === 2 ? 'eve' : row.actor, detail: {} }));
    const rowsOnly = await makeLog(again, []);
    const [, , , , cp = ''] = log;
    expect(parseAuditLine(cp, 1)).toMatchObject({ ok: true, value: { type: 'checkpoint' } });
    expect(await codeOf(rowsOnly.toSpliced(4, 0, cp))).toBe('audit_checkpoint_mismatch');
    // Signed anew by a thief of the key: only what was kept elsewhere shows it.
    const resigned = await makeLog(again, [3, 7]);
    expect(await codeOf(resigned)).toBe('ok');
    expect(await codeOf(resigned, [checkpointOf(rows[2] as AuditRow)])).toBe('audit_checkpoint_mismatch');
  });

  it('shows that it was cut, by a checkpoint that was kept', async () => {
    const short = await makeLog(rows.slice(0, 3), [3]);
    expect(await codeOf(short)).toBe('ok');
    expect(await codeOf(short, [checkpointOf(rows[6] as AuditRow)])).toBe('audit_truncated');
    expect(await codeOf(log, [checkpointOf(rows[6] as AuditRow, '02'.repeat(16))])).toBe('audit_checkpoint_mismatch');
    expect(await codeOf(await makeLog(rows, [3]))).toBe('audit_uncovered');
  });

  it('is not believed under another key, nor with a checkpoint that somebody else signed', async () => {
    const other = makeKey().signer;
    const found = await verifyLog(log, { keys: new Map([[other.keyid, other.publicKey]]), kept: [] });
    expect(found).toMatchObject({ code: 'audit_signature_invalid' });
    const forged = await signCheckpoint(checkpointOf(rows[6] as AuditRow), other);
    expect(openCheckpoint(forged, keys)).toMatchObject({ code: 'audit_signature_invalid' });
    const renamed = { ...forged, signatures: forged.signatures.map(({ sig }) => ({ keyid: signer.keyid, sig })) };
    expect(openCheckpoint(renamed, keys)).toMatchObject({ code: 'audit_signature_invalid' });
  });

  it('keeps its key as PEM', () => {
    const read = readAuditKey(writeAuditKey(signer.publicKey));
    expect(read).toMatchObject({ ok: true, value: { keyid: keyidOf(signer.publicKey) } });
    expect(readAuditKey('x')).toMatchObject({ code: 'key_invalid' });
  });

  it('keeps a detail that is too long as its digest', () => {
    const row = chainAudit(undefined, {
      at: 1,
      actor: 'a',
      action: 'b',
      subject: 'c',
      detail: 'x'.repeat(DETAIL_CHARS),
    });
    expect(JSON.parse(row.detailJson)).toMatchObject({ tooLong: DETAIL_CHARS + 2 });
  });
});

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('lines', () => {
  it('come out of any cutting of the bytes as they went in', async () => {
    const whole = Buffer.from(log.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const parts = at.slice(1).map((to, i) => whole.subarray(at[i], to));
        expect(await collect(splitLines(parts))).toEqual(log);
      }),
    );
  });

  it('of any content never throw', () => {
    fc.assert(fc.property(fc.string(), (text) => !parseAuditLine(text, 1).ok));
    fc.assert(fc.property(fc.json(), (text) => !parseAuditLine(`${text}\n`, 1).ok));
  });

  it('without an end are not gathered without bound', async () => {
    const chunk = Buffer.alloc(256 * 1024, 0x78);
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        taken++;
        yield chunk;
      }
    }
    expect(await collect(splitLines(endless()))).toEqual(['']);
    expect(taken).toBeLessThan(8);
  });
});

describe('merging exports', () => {
  const merged = async (a: readonly string[], b: readonly string[]): Promise<string[] | string> => {
    const out: string[] = [];
    const done = await mergeLogs(a, b, (line) => void out.push(line));
    return done.ok ? out : done.code;
  };
  /** Exports of one log: each a range that starts at the beginning or at a checkpoint. */
  const long = makeRows(12);
  const marks = [3, 6, 9, 12];
  const cut = async (from: number, to: number): Promise<string[]> =>
    makeLog(long.slice(from, to), marks, from === 0 ? undefined : long[from - 1]);

  it('is idempotent, has no order, and gives what one export would have given', async () => {
    const ends = fc.constantFrom(0, 3, 6, 9).chain((from) =>
      fc.tuple(
        fc.constant(from),
        fc.constantFrom(3, 6, 9, 12).filter((to) => to > from),
      ),
    );
    await fc.assert(
      fc.asyncProperty(ends, ends, async ([a, b], [c, d]) => {
        const [one, two] = [await cut(a, b), await cut(c, d)];
        expect(await merged(one, one)).toEqual(one);
        const both = await merged(one, two);
        expect(await merged(two, one)).toEqual(both);
        if (typeof both === 'string') {
          expect(both).toBe('audit_merge_conflict');
          expect(b < c || d < a).toBe(true);
          return;
        }
        expect(both).toEqual(await cut(Math.min(a, c), Math.max(b, d)));
        expect(await merged(both, two)).toEqual(both);
        expect(await codeOf(both)).toBe('ok');
      }),
    );
  });

  it('refuses exports that contradict each other, of another hub, or torn', async () => {
    const one = await cut(0, 6);
    const forged = await makeLog(
      makeRows(6).map((r) => ({ ...r, actor: 'eve' })),
      [6],
    );
    expect(await merged(one, forged)).toBe('audit_merge_conflict');
    expect(await merged(one, one.slice(0, -1))).toBe('audit_incomplete');
    expect(await merged(one, [...one, one[1] ?? ''])).toBe('audit_line_invalid');
    const other = [encodeAuditLine({ type: 'drover.audit/1', hub: '02'.repeat(16), keys: [] }), ...one.slice(1)];
    expect(await merged(one, other)).toBe('audit_merge_conflict');
  });
});
