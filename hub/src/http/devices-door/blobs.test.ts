// Artifacts at the listener for devices: who gets which bytes, in which ranges, and in whose turn.
import type { Digest } from '@drover/core/ids';
import { CHUNK_BYTES } from '@drover/wire/limits';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { addDeviceBlobRoutes, readRange } from './blobs.ts';
import { buildDevicesServer, type DevicesServer } from './server.ts';

const content = Buffer.alloc(CHUNK_BYTES * 2 + 500);
for (let i = 0; i < content.length; i += 83) content[i] = (i / 83) & 255;
const DIGEST = 'a'.repeat(64) as Digest;
const OTHER = 'b'.repeat(64) as Digest;
const GONE = 'c'.repeat(64) as Digest;

let server: DevicesServer;
let base: string;
let waitMs = 0;
const blobs = {
  size: async (digest: Digest) => (digest === DIGEST ? content.length : undefined),
} as BlobStore;

beforeAll(async () => {
  server = await buildDevicesServer({
    log: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
    tls: undefined,
    now: Date.now,
    admitCertificate: async () => undefined,
    admitSecret: async (_device, secret) =>
      secret === 'right' ? undefined : { ok: false, code: 'device_secret_wrong', detail: '' },
    observe: () => undefined,
    routes: [
      (to) =>
        addDeviceBlobRoutes(to, {
          blobs,
          entitled: async () => new Set([DIGEST, GONE]),
          takeTurn: () => waitMs,
          readChunk: async (_, index) => content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
        }),
    ],
  });
  base = await server.api.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.api.close());

const get = (digest: string, range?: string, secret = 'right'): Promise<Response> =>
  fetch(`${base}/d/v1/blobs/${digest}`, {
    headers: {
      authorization: `Basic ${Buffer.from(`d1:${secret}`).toString('base64')}`,
      ...(range !== undefined && { range }),
    },
  });
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

describe('artifacts for devices', () => {
  it('come whole or by range, and say which', async () => {
    const whole = await get(DIGEST);
    expect([whole.status, (await bytesOf(whole)).equals(content)]).toEqual([200, true]);
    for (const [from, to] of [
      [0, 0],
      [CHUNK_BYTES - 3, CHUNK_BYTES + 7],
      [5, content.length - 1],
      [CHUNK_BYTES, content.length + 900],
    ] as const) {
      const part = await get(DIGEST, `bytes=${from}-${to}`);
      const last = Math.min(to, content.length - 1);
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${from}-${last}/${content.length}`,
      ]);
      expect((await bytesOf(part)).equals(content.subarray(from, last + 1))).toBe(true);
    }
    const outside = await get(DIGEST, `bytes=${content.length}-`);
    expect([outside.status, outside.headers.get('content-range')]).toEqual([416, `bytes */${content.length}`]);
  });

  it('are for the device that shows who it is and whose document names them', async () => {
    expect((await get(DIGEST, undefined, 'wrong')).status).toBe(401);
    expect(await (await get(OTHER)).json()).toMatchObject({ code: 'artifact_not_entitled' });
    expect(await (await get(GONE)).json()).toMatchObject({ code: 'artifact_unknown' });
    expect((await get('zz')).status).toBe(400);
  });

  it('wait for the turn of the device', async () => {
    waitMs = 1500;
    const busy = await get(DIGEST);
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '2']);
    waitMs = 0;
  });
});

describe('a range header', () => {
  it('never leads outside the blob', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
        ),
        fc.nat(5000),
        (header, size) => {
          const span = readRange(header, size);
          if (!span) return;
          expect(span.from).toBeGreaterThanOrEqual(0);
          expect(span.end).toBeLessThanOrEqual(size);
          if (span.isPart) expect(span.from).toBeLessThan(span.end);
        },
      ),
    );
  });
});
