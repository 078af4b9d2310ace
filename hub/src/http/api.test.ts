import { Buffer } from 'node:buffer';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let hub: InsideHub;
beforeAll(async () => {
  hub = await openInsideHub({ maxBlobMb: 1 });
});
afterAll(() => hub.end());

const problem = (status: number, code: string) => ({ status, json: { status, code } });

describe('the door', () => {
  it('answers health without a token, and everything else with one', async () => {
    expect(await hub.ask('GET', '/health/live', undefined, { authorization: undefined })).toMatchObject({
      status: 200,
    });
    expect(await hub.ask('GET', '/health/ready', undefined, { authorization: undefined })).toMatchObject({
      status: 200,
      json: { status: 'ok', checks: { database: 'ok', disk: 'ok' } },
    });
    for (const route of ['/api/v1/status', '/api/v1/openapi.json', '/metrics', '/api/v1/devices', '/nowhere']) {
      expect(await hub.ask('GET', route, undefined, { authorization: undefined })).toMatchObject(
        problem(401, 'token_refused'),
      );
      expect(await hub.ask('GET', route, undefined, { authorization: 'Bearer wrong' })).toMatchObject(
        problem(401, 'token_refused'),
      );
    }
  });

  it('refuses foreign hosts and pages', async () => {
    expect(await hub.ask('GET', '/health/live', undefined, { host: 'evil.example' })).toMatchObject(
      problem(421, 'host_refused'),
    );
    expect(await hub.ask('GET', '/api/v1/status', undefined, { origin: 'https://evil.example' })).toMatchObject(
      problem(403, 'origin_refused'),
    );
  });

  it('says problems as RFC 9457 with what to do next and the id of the request', async () => {
    const reply = await hub.ask('GET', '/api/v1/models/nothing');
    expect(reply).toMatchObject(problem(404, 'model_unknown'));
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    const { requestId, next, title } = reply.json as Record<string, string>;
    expect(requestId).toBe(reply.headers['x-request-id']);
    expect(next?.length).toBeGreaterThan(5);
    expect(title?.length).toBeGreaterThan(5);
  });

  it.each([
    ['an unknown field', { labels: {}, bogus: 1 }, 'bogus'],
    ['an unknown field deep inside', { labels: { site: { a: 1 } } }, 'site'],
    ['a wrong type', { id: 7 }, 'id'],
    ['an id that is not allowed', { id: '../x' }, 'id'],
    ['too many labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x'])) }, 'labels'],
    ['a list', [], '/'],
  ])('refuses a body with %s and names the place', async (_, body, named) => {
    const reply = await hub.ask('POST', '/api/v1/devices', body);
    expect(reply).toMatchObject(problem(400, 'request_invalid'));
    expect((reply.json as { detail: string }).detail).toContain(named);
  });

  it('refuses bodies that are no JSON, of another type or too large', async () => {
    const json = { 'content-type': 'application/json' };
    const join = (body: Buffer, headers = json) => hub.ask('POST', '/api/v1/devices', body, headers);
    expect(await join(Buffer.from('{'))).toMatchObject(problem(400, 'request_invalid'));
    expect(await join(Buffer.from('{"__proto__":{"a":1}}'))).toMatchObject(problem(400, 'request_invalid'));
    expect(await join(Buffer.from('<a/>'), { 'content-type': 'application/xml' })).toMatchObject(
      problem(415, 'body_type'),
    );
    expect(await join(Buffer.alloc(5 * 1024 * 1024, 0x20))).toMatchObject(problem(413, 'body_too_large'));
  });

  it('says problems for addresses that the router cannot read', async () => {
    for (const route of ['/api/v1/models/%zz', `/api/v1/models/${'a'.repeat(5000)}`]) {
      const reply = await hub.ask('GET', route);
      expect(reply).toMatchObject(problem(400, 'request_invalid'));
      expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('refuses queries that do not fit', async () => {
    expect(await hub.ask('GET', '/api/v1/devices?limit=0')).toMatchObject(problem(400, 'request_invalid'));
    expect(await hub.ask('GET', '/api/v1/devices?limit=x')).toMatchObject(problem(400, 'request_invalid'));
    expect(await hub.ask('GET', '/api/v1/devices?bogus=1')).toMatchObject(problem(400, 'request_invalid'));
    expect(await hub.ask('GET', '/api/v1/devices?cursor=x')).toMatchObject(problem(400, 'request_invalid'));
    expect(await hub.ask('GET', '/api/v1/devices?query=%3D')).toMatchObject({ json: { code: 'query_invalid' } });
    expect(await hub.ask('GET', '/api/v1/summary?since=yesterday')).toMatchObject(problem(400, 'request_invalid'));
    const points = (at: string, device = 'nobody') => ({ points: [{ device, at, value: 1 }] });
    expect(await hub.ask('POST', '/api/v1/kpis/scrap/points', points('noon'))).toMatchObject(
      problem(400, 'request_invalid'),
    );
    expect(await hub.ask('POST', '/api/v1/kpis/scrap/points', points('2026-03-01T00:00:00Z'))).toMatchObject({
      json: { code: 'device_unknown' },
    });
    expect(await hub.ask('GET', '/api/v1/kpis')).toMatchObject({ status: 200, json: { items: [] } });
    for (const query of ['since=yesterday', 'version=0', 'detector=crystal-ball', 'model=No%20Name'])
      expect(await hub.ask('GET', `/api/v1/quality?${query}`)).toMatchObject(problem(400, 'request_invalid'));
    expect(await hub.ask('GET', '/api/v1/quality?model=none&version=1')).toMatchObject({
      status: 200,
      json: { items: [], isCut: false },
    });
  });

  it('describes itself by the schemas that validate', async () => {
    const { json } = await hub.ask('GET', '/api/v1/openapi.json');
    const { openapi, paths } = json as {
      openapi: string;
      paths: Record<string, Record<string, { requestBody?: unknown }>>;
    };
    expect(openapi).toBe('3.1.0');
    expect(paths['/api/v1/devices']?.['post']?.requestBody).toBeDefined();
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/api/v1/models/{model}/versions', '/api/v1/runs', '/api/v1/blobs']),
    );
  });

  it('gives metrics that name no device', async () => {
    const { text } = await hub.ask('GET', '/metrics');
    expect(text).toContain('drover_hub_http_request_seconds_count');
    expect(text).toContain('drover_hub_devices{presence="online"} 0');
    expect(text).not.toContain('device=');
  });
});

describe('devices', () => {
  it('join with a secret that is shown once and kept as a hash', async () => {
    const reply = await hub.ask('POST', '/api/v1/devices', { id: 'press-1', labels: { site: 'north' } });
    expect(reply).toMatchObject({ status: 201, json: { device: 'press-1', hubId: hub.hubId } });
    const { secret } = reply.json as { secret: string };
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    const shown = await hub.ask('GET', '/api/v1/devices/press-1');
    expect(shown).toMatchObject({ status: 200, json: { id: 'press-1', presence: 'never', slots: [], health: null } });
    expect(shown.text).not.toContain(secret);
  });

  it('are not taken over by a second join, unless it says rejoin', async () => {
    await hub.ask('POST', '/api/v1/devices', { id: 'press-2' });
    expect(await hub.ask('POST', '/api/v1/devices', { id: 'press-2' })).toMatchObject(problem(409, 'device_id_taken'));
    expect(await hub.ask('POST', '/api/v1/devices', { id: 'press-2', rejoin: true })).toMatchObject({ status: 201 });
  });

  it('get an id of their own when none is given', async () => {
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await hub.ask('POST', '/api/v1/devices', {})).json as { device: string }),
    );
    expect(new Set(ids.map(({ device }) => device)).size).toBe(3);
  });

  it('are listed in pages and by label query', async () => {
    for (let i = 0; i < 5; i++)
      await hub.ask('POST', '/api/v1/devices', { id: `page-${i}`, labels: { line: i < 3 ? 'a' : 'b' } });
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await hub.ask('GET', `/api/v1/devices?limit=2&query=${encodeURIComponent('line = a')}${cursor}`);
      const { items, nextCursor } = json as { items: { id: string }[]; nextCursor: string | null };
      seen.push(...items.map(({ id }) => id));
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(['page-0', 'page-1', 'page-2']);
  });

  it('are relabelled and removed', async () => {
    await hub.ask('POST', '/api/v1/devices', { id: 'gone' });
    expect(await hub.ask('PUT', '/api/v1/devices/gone/labels', { a: 'b' })).toMatchObject({
      json: { labels: { a: 'b' } },
    });
    expect(await hub.ask('DELETE', '/api/v1/devices/gone')).toMatchObject({ status: 204, text: '' });
    expect(await hub.ask('GET', '/api/v1/devices/gone')).toMatchObject(problem(404, 'device_unknown'));
    expect(await hub.ask('DELETE', '/api/v1/devices/gone')).toMatchObject(problem(404, 'device_unknown'));
    expect(await hub.ask('PUT', '/api/v1/devices/gone/labels', {})).toMatchObject(problem(404, 'device_unknown'));
  });
});

describe('uploads', () => {
  it('are kept under their digest and given back', async () => {
    const bytes = Buffer.from('some bytes');
    const put = await hub.ask('POST', '/api/v1/blobs', bytes);
    expect(put).toMatchObject({ status: 201, json: { size: bytes.length } });
    const { sha256 } = put.json as { sha256: string };
    expect((await hub.ask('GET', `/api/v1/blobs/${sha256}`)).text).toBe('some bytes');
    expect(await hub.ask('GET', `/api/v1/blobs/${'0'.repeat(64)}`)).toMatchObject(problem(404, 'artifact_unknown'));
    expect(await hub.ask('GET', '/api/v1/blobs/..%2f..%2fkeys')).toMatchObject(problem(400, 'request_invalid'));
  });

  it('above the limit are refused, whether they say their length or not', async () => {
    const large = Buffer.alloc(1024 * 1024 + 1);
    expect(await hub.ask('POST', '/api/v1/blobs', large)).toMatchObject({ status: 413 });
    const chunked = { 'content-length': undefined, 'transfer-encoding': 'chunked' };
    expect(await hub.ask('POST', '/api/v1/blobs', large, chunked)).toMatchObject({ status: 413 });
  });

  it('of data sets have a name and bytes', async () => {
    const csv = { 'content-type': 'text/csv' };
    const data = await hub.ask('POST', '/api/v1/datasets?name=pumps', Buffer.from('a,b\n1,2\n'), csv);
    expect(data).toMatchObject({ status: 201, json: { name: 'pumps', size: 8 } });
    expect(await hub.ask('GET', '/api/v1/datasets')).toMatchObject({ json: { items: [{ name: 'pumps' }] } });
    expect(await hub.ask('POST', '/api/v1/datasets', Buffer.from('a'), csv)).toMatchObject(
      problem(400, 'request_invalid'),
    );
    expect(await hub.ask('POST', '/api/v1/datasets?name=x', Buffer.alloc(0), csv)).toMatchObject({
      json: { code: 'data_empty' },
    });
  });
});
