// Owns how the secrets of people look and how they are kept: 256 random bits each, at rest only their SHA-256. Never
// stores or logs one.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a bearer secret is stands in its first letters, also for tools that look for secrets in public places. */
export const PREFIX = { apiToken: 'drv_', cliSession: 'drs_' } as const;

const SECRET = /^[A-Za-z0-9_-]{43}$/;

export const makeSecret = (prefix = ''): string => `${prefix}${randomBytes(32).toString('base64url')}`;

/** A plain hash is enough for 256 random bits: there is nothing to guess. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

export const isSecret = (text: string, prefix = ''): boolean =>
  text.startsWith(prefix) && SECRET.test(text.slice(prefix.length));

/** Compares digests, so that neither content nor length shows in the time taken. */
export const isSameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

/** The CSRF token of a session: bound to its secret, of which it shows nothing. */
export const csrfOf = (sessionSecret: string): string =>
  createHmac('sha256', sessionSecret).update('drover csrf 1').digest('base64url');

/** Crockford's base 32: no I, L, O, U, so that a code can be read out. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Random letters in groups of four: `groups` × 20 bits. */
export function makeCode(groups: number): string {
  // 256 is a multiple of 32: no letter comes more often.
  const letters = Array.from(randomBytes(groups * 4), (byte) => ALPHABET[byte % 32]).join('');
  return (letters.match(/.{4}/g) ?? []).join('-');
}

/** A code as it was meant, however it was typed. */
export const normaliseCode = (text: string): string =>
  text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');

export const hashCode = (code: string): string => hashSecret(`code ${normaliseCode(code)}`);
