import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSender, listHosts } from './auth.ts';

const hosts = listHosts(
  { host: '127.0.0.1', port: 8080, isLoopback: true },
  ['hub.example', 'proxy.example:443'],
  'http',
);
const rules = { hosts, scheme: 'http' as const };
const good = { host: '127.0.0.1:8080', origin: undefined };

describe('who may ask', () => {
  it('answers under the names it knows', () => {
    for (const host of ['127.0.0.1:8080', 'localhost:8080', '[::1]:8080', 'HUB.example:8080', 'proxy.example:443']) {
      expect(checkSender({ ...good, host }, rules)).toMatchObject({ ok: true });
    }
    for (const host of [undefined, '', '127.0.0.1', '127.0.0.1:80', 'hub.example', 'rebound.example:8080']) {
      expect(checkSender({ ...good, host }, rules)).toMatchObject({ code: 'host_refused' });
    }
  });

  it('takes its own pages only, and says whether a page was named', () => {
    expect(checkSender(good, rules)).toEqual({ ok: true, value: false });
    expect(checkSender({ ...good, origin: 'http://127.0.0.1:8080' }, rules)).toEqual({ ok: true, value: true });
    for (const origin of ['https://evil.example', 'null', 'http://localhost:8080', 'https://127.0.0.1:8080', '']) {
      expect(checkSender({ ...good, origin }, rules)).toMatchObject({ code: 'origin_refused' });
    }
  });

  it('leaves the default port out where browsers do', () => {
    expect(listHosts({ host: 'hub.example', port: 443, isLoopback: false }, [], 'https')).toEqual(
      new Set(['hub.example:443', 'hub.example']),
    );
  });

  it('never throws on headers', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (host, origin) => {
        expect(checkSender({ host, origin }, rules).ok).toBe(false);
      }),
    );
  });
});
