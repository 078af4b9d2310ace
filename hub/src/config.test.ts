import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLoopback, splitAddress } from './address.ts';
import { describeSettings, parseCommandLine, resolveConfig, SETTINGS } from './config.ts';

function resolve(argv: readonly string[], env: Record<string, string> = {}, file?: unknown) {
  const command = parseCommandLine(argv);
  return command.ok ? resolveConfig({ given: command.value.given, env, file }) : command;
}

describe('configuration', () => {
  it('takes a flag over the environment, the environment over the file, the file over the default, and says which', () => {
    const env = { DROVER_HUB_HTTP: '127.0.0.1:2', DROVER_HUB_MQTT: '127.0.0.1:22' };
    const file = { http: '127.0.0.1:3', mqtt: '127.0.0.1:33', windowSeconds: 5 };
    expect(resolve(['--dev', '--http', '127.0.0.1:1'], env, file)).toMatchObject({
      ok: true,
      value: {
        config: { dev: true, http: '127.0.0.1:1', mqtt: '127.0.0.1:22', windowSeconds: 5, logLevel: 'info' },
        origins: { dev: 'flag', http: 'flag', mqtt: 'environment', windowSeconds: 'file', logLevel: 'default' },
      },
    });
  });

  it('reads numbers, lists and yes or no from text, and takes the file as it is typed', () => {
    const env = {
      DROVER_HUB_DEV: '1',
      DROVER_HUB_WINDOW_SECONDS: '7',
      DROVER_HUB_ALLOW_HOSTS: 'a.example, b.example:81',
    };
    expect(resolve([], env)).toMatchObject({
      value: { config: { dev: true, windowSeconds: 7, allowHosts: ['a.example', 'b.example:81'] } },
    });
    expect(resolve(['--dev', '--allow-host', 'a', '--allow-host', 'b'])).toMatchObject({
      value: { config: { allowHosts: ['a', 'b'] } },
    });
    expect(resolve([], {}, { dev: 'true' })).toMatchObject({ code: 'config_invalid' });
  });

  it.each([
    ['an unknown flag', ['--dev', '--bogus'], {}, undefined, '--bogus'],
    ['an unknown variable', ['--dev'], { DROVER_HUB_HTPP: 'x' }, undefined, 'DROVER_HUB_HTPP'],
    ['an unknown key of the file', ['--dev'], {}, { htpp: 'x' }, 'htpp'],
    ['a file that is no mapping', ['--dev'], {}, ['x'], 'mapping'],
    ['an address without a port', ['--dev', '--http', 'localhost'], {}, undefined, '--http'],
    ['a port that does not exist', ['--dev', '--http', '127.0.0.1:70000'], {}, undefined, '70000'],
    ['a number out of range', ['--dev', '--window-seconds', '0'], {}, undefined, '--window-seconds'],
    ['words after the flags', ['--dev', 'start'], {}, undefined, 'start'],
  ])('refuses %s and names it', (_, argv, env, file, named) => {
    const refused = resolve(argv, env as Record<string, string>, file);
    expect(refused).toMatchObject({ ok: false, code: 'config_invalid' });
    expect(refused.ok ? '' : refused.detail).toContain(named);
  });

  it('keeps development mode on loopback and wants TLS without it', () => {
    expect(resolve(['--dev', '--mqtt', '0.0.0.0:1883'])).toMatchObject({ code: 'dev_not_loopback' });
    expect(resolve(['--dev', '--http', '192.168.1.5:80'])).toMatchObject({ code: 'dev_not_loopback' });
    expect(resolve([])).toMatchObject({ ok: true });
    expect(resolve(['--tls-cert', 'c.pem'])).toMatchObject({ code: 'config_invalid' });
    expect(resolve(['--ca-key', 'k.pem'])).toMatchObject({ code: 'config_invalid' });
    expect(resolve(['--tls-cert', 'c.pem', '--tls-key', 'k.pem', '--http', '0.0.0.0:443'])).toMatchObject({ ok: true });
  });

  it('knows loopback when it sees it', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '[::1]']) expect(isLoopback(host)).toBe(true);
    for (const host of ['0.0.0.0', '[::]', '127.0.0.1.evil.example', 'localhost.example'])
      expect(isLoopback(host)).toBe(false);
    expect(splitAddress('[::1]:8080')).toEqual({ host: '[::1]', port: 8080 });
  });

  it('never throws, whatever the file holds', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom(...Object.keys(SETTINGS)), fc.jsonValue()),
        (any, keyed) => {
          for (const file of [any, keyed]) expect(typeof resolve(['--dev'], {}, file).ok).toBe('boolean');
        },
      ),
    );
  });

  it('describes every setting', () => {
    const help = describeSettings();
    for (const { flag, env } of Object.values(SETTINGS)) {
      expect(help).toContain(`--${flag}`);
      expect(help).toContain(env);
    }
  });
});
