import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csrfOf, hashCode, isSameSecret, isSecret, makeCode, makeSecret, normaliseCode, PREFIX } from './secrets.ts';

describe('secrets', () => {
  it('hold 256 random bits and say what they are', () => {
    const made = Array.from({ length: 100 }, () => makeSecret(PREFIX.apiToken));
    expect(new Set(made).size).toBe(100);
    for (const secret of made) {
      expect(isSecret(secret, PREFIX.apiToken)).toBe(true);
      expect(isSecret(secret, PREFIX.cliSession)).toBe(false);
      expect(isSecret(secret)).toBe(false);
    }
  });

  it('are the same only when they are', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => isSameSecret(a, b) === (a === b)));
  });

  it('have a CSRF token of their own, which is not their hash', () => {
    const [a, b] = [makeSecret(), makeSecret()];
    expect(csrfOf(a)).toBe(csrfOf(a));
    expect(csrfOf(a)).not.toBe(csrfOf(b));
  });

  it('as codes may be typed as people type', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), (groups) => {
        const code = makeCode(groups);
        expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4})*$/);
        expect(hashCode(` ${code.toLowerCase().replaceAll('-', ' ')}`)).toBe(hashCode(code));
      }),
    );
    expect(normaliseCode('o0-Il1')).toBe('00111');
  });
});
