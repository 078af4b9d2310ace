import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openHasher, parsePhc, writePhc } from './password-hash.ts';

const hasher = openHasher({ running: 2, waiting: 8 });
const must = <T>(result: { ok: true; value: T } | { ok: false; code: string }): T => {
  if (!result.ok) throw new Error(result.code);
  return result.value;
};

describe('a password hash', () => {
  it('fits its password only, and is another one each time', async () => {
    const [one, two] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
    expect(must(one)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(must(one)).not.toBe(must(two));
    expect(must(await hasher.verify('correct horse', must(one)))).toEqual({ isRight: true, isStale: false });
    expect(must(await hasher.verify('correct horsf', must(one)))).toMatchObject({ isRight: false });
  });

  it('is worked on as long for nobody as for somebody, and never fits', async () => {
    for (const stored of [undefined, null, '', 'x', '$argon2id$v=19$m=1,t=1,p=1$AAAAAAAAAAA$x'])
      expect(must(await hasher.verify('', stored))).toMatchObject({ isRight: false });
  });

  it('says when it was made with other parameters', async () => {
    const held = parsePhc(must(await hasher.hash('x')));
    if (held === undefined) throw new Error('our own hash is unreadable');
    const weaker = openHasher({ running: 1, waiting: 0 });
    expect(must(await weaker.verify('x', writePhc({ ...held, memory: 8192 })))).toMatchObject({ isStale: true });
  });

  it('is refused when too many wait, and everybody gets through afterwards', async () => {
    const few = openHasher({ running: 1, waiting: 1 });
    const results = await Promise.all([few.hash('a'), few.hash('b'), few.hash('c')]);
    expect(results.map((result) => (result.ok ? 'done' : result.code))).toEqual(['done', 'done', 'sign_in_busy']);
    expect((await few.hash('d')).ok).toBe(true);
  });

  it('never asks for more than the hub gives, whatever a row holds', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (memory, passes, parallelism) => {
        const hash = 'A'.repeat(43);
        const parsed = parsePhc(
          `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$AAAAAAAAAAAAAAAAAAAAAA$${hash}`,
        );
        if (parsed === undefined) return;
        expect(parsed.memory).toBeLessThanOrEqual(262_144);
        expect(parsed.passes).toBeLessThanOrEqual(16);
        expect(parsed.parallelism).toBeLessThanOrEqual(4);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => parsePhc(text) === undefined));
  });
});
