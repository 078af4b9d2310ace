import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPassword, PASSWORD_MAX } from './password.ts';

describe('a password', () => {
  it.each([
    'short',
    'elevenchars',
    'aaaaaaaaaaaaaaaa',
    'abababababab',
    'password1234',
    'Password123456!',
    'passwordpassword',
    'qwertyuiop[]',
    'qwertyuiopasdf',
    '1234567890123456',
    'abcdefghijklmnop',
    'zyxwvutsrqponm',
    'changeme123456',
    'drover-drover-1',
    'welcome1welcome',
  ])('is not %s', (password) => {
    expect(checkPassword(password, 'alice')).toMatchObject({ code: 'password_weak' });
  });

  it.each([
    'correct horse battery',
    'Blaue Kühe fliegen tief',
    'x7#kQ!2mLp9z',
    'mein pferd heißt gustav',
    '漢字だけでも長ければいいですよね',
  ])('may be %s', (password) => {
    expect(checkPassword(password, 'alice')).toMatchObject({ ok: true });
  });

  it('is not the name with a little more', () => {
    expect(checkPassword('maximilian.m-2024', 'maximilian.m')).toMatchObject({ code: 'password_weak' });
    expect(checkPassword('al is not in this one', 'al')).toMatchObject({ ok: true });
  });

  it('is the same however an accent was typed', () => {
    const composed = checkPassword('crème brûlée à la carte', 'x');
    const apart = checkPassword('crème brûlée à la carte'.normalize('NFD'), 'x');
    expect(composed).toEqual(apart);
  });

  it('is never repeated in what is said about it, and never too long', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 300, unit: 'binary' }), (password) => {
        const checked = checkPassword(password, 'bob');
        if (checked.ok) expect(Array.from(checked.value).length).toBeLessThanOrEqual(PASSWORD_MAX);
        else if (password.trim().length > 3) expect(checked.detail.includes(password)).toBe(false);
      }),
    );
  });
});
