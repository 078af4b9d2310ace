import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRequest, hashToken, listHosts } from './auth.ts';

const token = 'a'.repeat(43);
const hosts = listHosts(
  { host: '127.0.0.1', port: 8080, isLoopback: true },
  ['hub.example', 'proxy.example:443'],
  'http',
);
const rules = { hosts, tokenHash: hashToken(token), scheme: 'http' as const };
const good = { host: '127.0.0.1:8080', origin: undefined, authorization: `Bearer ${token}`, isOpen: false };

describe('who may ask', () => {
  it('lets the token in, and nobody else', () => {
    expect(checkRequest(good, rules)).toMatchObject({ ok: true });
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      `Bearer ${token}x`,
      `Basic ${token}`,
      token,
      `Bearer  ${token}`,
    ]) {
      expect(checkRequest({ ...good, authorization }, rules)).toMatchObject({ code: 'token_refused' });
    }
  });

  it('answers open routes without a token but not under a foreign name', () => {
    const open = { ...good, authorization: undefined, isOpen: true };
    expect(checkRequest(open, rules)).toMatchObject({ ok: true });
    expect(checkRequest({ ...open, host: 'evil.example:8080' }, rules)).toMatchObject({ code: 'host_refused' });
  });

  it('knows the names it answers for', () => {
    for (const host of ['localhost:8080', '[::1]:8080', 'HUB.example:8080', 'proxy.example:443']) {
      expect(checkRequest({ ...good, host }, rules)).toMatchObject({ ok: true });
    }
    for (const host of [undefined, '', '127.0.0.1', '127.0.0.1:80', 'hub.example', 'rebound.example:8080']) {
      expect(checkRequest({ ...good, host }, rules)).toMatchObject({ code: 'host_refused' });
    }
  });

  it('takes its own pages only', () => {
    expect(checkRequest({ ...good, origin: 'http://127.0.0.1:8080' }, rules)).toMatchObject({ ok: true });
    for (const origin of ['https://evil.example', 'null', 'http://localhost:8080', 'https://127.0.0.1:8080']) {
      expect(checkRequest({ ...good, origin }, rules)).toMatchObject({ code: 'origin_refused' });
    }
  });

  it('leaves the default port out where browsers do', () => {
    expect(listHosts({ host: 'hub.example', port: 443, isLoopback: false }, [], 'https')).toEqual(
      new Set(['hub.example:443', 'hub.example']),
    );
  });

  it('never throws on headers', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (host, origin, authorization) => {
        expect(checkRequest({ host, origin, authorization, isOpen: false }, rules).ok).toBe(false);
      }),
    );
  });
});
