import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { folderSource, webSource } from './metadata-source.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-source-'));
afterAll(() => rmSync(dir, { recursive: true }));
const never = new AbortController().signal;

describe('a folder', () => {
  const source = folderSource(path.join(dir, 'metadata'));
  mkdirSync(path.join(dir, 'metadata'));
  writeFileSync(path.join(dir, 'metadata', 'timestamp.json'), '{"a":1}');
  writeFileSync(path.join(dir, 'outside.json'), '{}');

  it('gives a file, nothing, or the reason why not', async () => {
    const got = await source.fetch('timestamp.json', 100, never);
    expect(got.ok && Buffer.from(got.value ?? []).toString()).toBe('{"a":1}');
    expect(await source.fetch('2.root.json', 100, never)).toEqual({ ok: true, value: undefined });
    expect(await source.fetch('timestamp.json', 6, never)).toMatchObject({ code: 'metadata_too_large' });
    expect(await source.fetch('../outside.json', 100, never)).toMatchObject({ code: 'metadata_name_invalid' });
  });
});

describe('a web server', () => {
  let server: http.Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });
  const serve = async (handler: http.RequestListener): Promise<ReturnType<typeof webSource>> => {
    server = http.createServer(handler);
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return webSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata/`);
  };

  it('gives a file by its name, and nothing for 404', async () => {
    const source = await serve((request, response) => {
      response.statusCode = request.url === '/metadata/7.hub~wear.json' ? 200 : 404;
      response.end('{}');
    });
    expect(await source.fetch('7.hub~wear.json', 100, never)).toMatchObject({ ok: true });
    expect(await source.fetch('8.root.json', 100, never)).toEqual({ ok: true, value: undefined });
  });

  it('that never ends is cut off at the bound', async () => {
    let sent = 0;
    const source = await serve((_request, response) => {
      const more = (): void => {
        while (!response.destroyed) {
          sent += 1024;
          if (!response.write(Buffer.alloc(1024))) return void response.once('drain', more);
        }
      };
      more();
    });
    expect(await source.fetch('timestamp.json', 16 * 1024, never)).toMatchObject({ code: 'metadata_too_large' });
    // What the sockets buffer is all that was sent.
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it('that fails, redirects or answers nothing is unreachable', async () => {
    const failing = await serve((_request, response) => response.writeHead(500).end());
    expect(await failing.fetch('timestamp.json', 100, never)).toMatchObject({ code: 'metadata_unreachable' });
    server?.close();
    const moving = await serve((_request, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect(await moving.fetch('timestamp.json', 100, never)).toMatchObject({ code: 'metadata_unreachable' });
    server?.close();
    const silent = await serve(() => undefined);
    expect(await silent.fetch('timestamp.json', 100, AbortSignal.timeout(50))).toMatchObject({
      code: 'metadata_unreachable',
    });
  });
});
