import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatClaim, parseClaim, parseDevicesUrl, parseFingerprint } from './claim-string.ts';

const bytes = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });
const claims = fc.record({
  url: fc.constantFrom('https://hub.example:8443', 'https://127.0.0.1:1', 'https://[::1]:8443'),
  caFingerprint: bytes(32).map((b) => Buffer.from(b).toString('hex')),
  code: bytes(16).map((b) => Buffer.from(b).toString('base64url')),
});

describe('a claim string', () => {
  it('is read back as it was written, and needs no quotes in a shell', () => {
    fc.assert(
      fc.property(claims, (claim) => {
        const text = formatClaim(claim);
        expect(text).toMatch(/^[A-Za-z0-9._-]+$/);
        expect(parseClaim(` ${text}\n`)).toEqual({ ok: true, value: claim });
      }),
    );
  });

  it('is refused when it is cut or anything else, and never repeated in the refusal', () => {
    fc.assert(
      fc.property(claims, fc.nat(60), (claim, cut) => {
        const read = parseClaim(formatClaim(claim).slice(0, -1 - cut));
        if (read.ok) throw new Error('a cut claim was read');
        expect(JSON.stringify(read)).not.toContain(claim.code);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseClaim(text).ok).toBe(false);
      }),
    );
    expect(parseClaim(`drover1.${'a'.repeat(100_000)}`)).toMatchObject({ ok: false, code: 'claim_invalid' });
  });

  it('leads to HTTPS without user, path or query only', () => {
    for (const url of ['http://hub:1', 'https://a@hub', 'https://hub/x', 'https://hub?x', 'file:///etc', ''])
      expect(parseDevicesUrl(url).ok).toBe(false);
  });

  it('takes fingerprints as tools print them', () => {
    const hex = 'ab'.repeat(32);
    for (const text of [hex, `sha256:${hex}`, hex.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')])
      expect(parseFingerprint(text)).toEqual({ ok: true, value: hex });
    expect(parseFingerprint('ab').ok).toBe(false);
  });
});
