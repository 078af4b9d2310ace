// Checks alerts with a real database: what a look stores, what people do, what is sent, and what a crash leaves.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type AlertRule, DEFAULT_RULES } from '@drover/core/alerts/rule';
import { remove, scratch } from '@drover/testkit/fleet';
import { until } from '@drover/testkit/until';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listDueNotices, listIncidents, listNotices, writeRule } from '../db/alerts.ts';
import { listAudit } from '../db/audit.ts';
import { insertDevice } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import { query, type Store, sqlOf } from '../db/store.ts';
import { type AlertBookkeeper, openAlertBook } from './book.ts';
import { isSignedBody } from './cloud-event.ts';
import { openDesk } from './desk.ts';
import { type Sender, startSender } from './sender.ts';
import { openWebhook } from './webhook.ts';

const log = pino({ level: 'silent' });
const SECRET = Buffer.from('a secret that only two know');
const MINUTE = 60_000;

let dir: string;
let store: Store;
let now: number;
let ids: number;
let senders: Sender[];
let servers: Server[];

beforeEach(async () => {
  dir = scratch('alerts');
  now = Date.parse('2026-03-01T00:00:00Z');
  ids = 0;
  senders = [];
  servers = [];
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  await store.commit(
    ['d1', 'd2', 'd3', 'd4'].map((id) =>
      insertDevice({ id, labels: { site: id < 'd3' ? 'north' : 'south' }, secretHash: '', joinedAt: 1 }),
    ),
  );
  await store.commit([
    writeRule(
      {
        id: 'offline',
        source: 'offline',
        severity: 'warning',
        where: '',
        holdSeconds: 600,
        clearSeconds: 0,
        escalateMinutes: 30,
        isEnabled: true,
        limit: null,
      },
      1,
    ),
  ]);
});
afterEach(async () => {
  for (const sender of senders) await sender.stop();
  for (const server of servers) server.close();
  await store.close();
  remove(dir);
});

const newId = (): string => (++ids).toString(16).padStart(32, '0');

async function open(tiers = 1): Promise<AlertBookkeeper> {
  return openAlertBook({
    store, readDrift: async () => [], readFacts: async () => ({ model: null, version: null, baseline: undefined, reference: undefined }),
    watch: { models: async () => [], errors: async () => [] },
    now: () => now, staleMs: MINUTE, hubId: 'f'.repeat(32), newId, log, tiers, wake: () => undefined,
  }); // biome-ignore format: one record
}

async function be(device: string, presence: 'online' | 'offline'): Promise<void> {
  await store.commit([
    { query: query(sqlOf.updateTable('devices').set({ presence, lastSeenAt: now }).where('id', '=', device)) },
  ]);
}

interface Got {
  readonly body: string;
  readonly signature: string;
  readonly type: string;
}

/** A receiver that answers with `status`. */
async function receive(status: () => number): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      got.push({
        body,
        signature: String(request.headers['drover-signature']),
        type: String(request.headers['content-type']),
      });
      response.writeHead(status(), { location: 'http://127.0.0.1:9/' }).end('x'.repeat(10_000));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

function send(url: string, secret: Buffer | undefined = SECRET): Sender {
  const clock = (): number => now;
  const channels = [openWebhook({ url, secret, now: clock })];
  const sender = startSender({
    store,
    channels,
    now: clock,
    random: () => 0,
    log,
    retry: { baseMs: 1000, capMs: 4000 },
  });
  senders.push(sender);
  return sender;
}

describe('an alert book', () => {
  it('fires after its hold, is taken on, goes on after a crash, and is over', async () => {
    await be('d1', 'offline');
    let book = await open();
    await book.look();
    expect(await listIncidents(store, true, 10)).toEqual([]);
    now += 10 * MINUTE;
    // The hub died in between: what is pending is in the database.
    book = await open();
    await book.look();
    const [incident] = await listIncidents(store, true, 10);
    expect(incident).toMatchObject({
      state: 'open',
      devices: 1,
      title: expect.stringMatching(/^offline: d1 \(last seen 2026/) as string,
    });
    expect(await book.acknowledge('0'.repeat(32), 'ada')).toMatchObject({ code: 'incident_unknown' });
    expect(await book.acknowledge(incident?.id ?? '', 'ada')).toMatchObject({ ok: true });
    book = await open();
    now += 60 * MINUTE;
    await book.look();
    expect(await listNotices(store, 10)).toMatchObject([{ kind: 'opened', state: 'queued' }]);
    await be('d1', 'online');
    await book.look();
    expect(await listIncidents(store, false, 10)).toMatchObject([{ state: 'resolved', acknowledgedBy: 'ada' }]);
    expect((await listNotices(store, 10)).map(({ kind }) => kind).toSorted()).toEqual(['opened', 'resolved']);
    expect(await book.acknowledge(incident?.id ?? '', 'ada')).toMatchObject({ code: 'incident_over' });
    const rows = await listAudit(store, { limit: 10 });
    expect(rows.map(({ action, actor }) => [action, actor])).toEqual([['incident.acknowledge', 'ada']]);
  });

  it('stores a look whole or not at all', async () => {
    await be('d1', 'offline');
    const book = await open();
    await book.look();
    now += 10 * MINUTE;
    // An incident of the same id is in the way: nothing of the look may stay.
    ids = 100;
    await store.commit([
      {
        query: query(
          sqlOf.insertInto('notices').values({
            id: (102).toString(16).padStart(32, '0'),
            incident: null,
            kind: 'test',
            tier: 0,
            bodyJson: '{}',
            state: 'sent',
            attempts: 1,
            nextAt: 0,
            error: null,
            createdAt: 0,
          }),
        ),
      },
    ]);
    await expect(book.look()).rejects.toThrow('not stored');
    expect(await listIncidents(store, true, 10)).toEqual([]);
    await book.look();
    expect(await listIncidents(store, true, 10)).toHaveLength(1);
    expect(await listDueNotices(store, now, 10)).toHaveLength(1);
  });

  it('lets people change rules, silence, and say what was noise; each with its row', async () => {
    const book = await open();
    const desk = openDesk({ store, book, now: () => now, newId, tiers: 1, wake: () => undefined });
    expect((await desk.rules()).items.map(({ id }) => id)).toEqual([
      'drift',
      'quality',
      'offline',
      'deployment',
      'enrolment',
      'disk',
      'losses',
      'certificate',
    ]);
    expect(await desk.removeRule('drift', 'ada')).toMatchObject({ code: 'alert_rule_unknown' });
    expect(await desk.removeRule('offline', 'ada')).toMatchObject({ ok: true });
    expect((await desk.rules()).items[2]).toMatchObject({ id: 'offline', holdSeconds: 900 });
    const line = {
      id: 'north',
      source: 'offline',
      severity: 'critical',
      where: 'site=north',
      holdSeconds: 0,
      clearSeconds: 0,
      escalateMinutes: 0,
      isEnabled: true,
      limit: null,
    } as const;
    expect(await desk.setRule({ ...line, where: 'site=' }, 'ada')).toMatchObject({ ok: false });
    expect(await desk.setRule(line, 'ada')).toMatchObject({ ok: true });
    const soon = new Date(now + 60 * MINUTE).toISOString();
    expect(await desk.silence({ endsAt: 'soon', reason: 'x' }, 'ada')).toMatchObject({ code: 'request_invalid' });
    expect(await desk.silence({ endsAt: '2026-02-01T00:00:00Z', reason: 'x' }, 'ada')).toMatchObject({
      code: 'request_invalid',
    });
    expect(await desk.silence({ endsAt: soon, rule: 'nothing', reason: 'x' }, 'ada')).toMatchObject({
      code: 'alert_rule_unknown',
    });
    const made = await desk.silence({ endsAt: soon, where: 'site=north', reason: 'works' }, 'ada');
    for (const device of ['d1', 'd2', 'd3']) await be(device, 'offline');
    await book.look();
    expect((await desk.incidents(true, 10)).map(({ rule, severity }) => [rule, severity])).toEqual([
      ['north', 'critical'],
    ]);
    expect((await desk.notices()).items).toEqual([]);
    expect(await desk.endSilence(made.ok ? made.value.id : '', 'ada')).toMatchObject({ ok: true });
    expect(await desk.silences()).toEqual([]);
    await book.look();
    expect((await desk.notices()).items).toMatchObject([{ kind: 'opened', channel: 1 }]);
    const [incident] = await desk.incidents(true, 10);
    expect(await desk.incident(incident?.id ?? '')).toMatchObject({
      value: { alerts: [{ device: 'd1' }, { device: 'd2' }] },
    });
    expect(await desk.feedback(incident?.id ?? '', 'noise', 'ada')).toMatchObject({ value: { feedback: 'noise' } });
    expect((await desk.rules()).tuned).toEqual([{ rule: 'north', group: '', factor: 2 }]);
    expect((await listAudit(store, { limit: 20 })).map(({ action }) => action)).toEqual([
      'alert-rule.remove', 'alert-rule.set', 'silence.add', 'silence.end', 'incident.feedback',
    ]); // biome-ignore format: one list
  });
});

describe('a rule of a metric', () => {
  const health = (diskFreeBytes: number) => ({
    rssBytes: 1,
    cpuRatio: 0,
    diskFreeBytes,
    uptimeMs: 1,
    outboxEntries: 0,
    outboxBytes: 0,
    outboxDropped: 0,
  });
  async function report(device: string, free: number | null): Promise<void> {
    const healthJson = free === null ? null : JSON.stringify(health(free));
    await store.commit([
      {
        query: query(
          sqlOf
            .updateTable('devices')
            .set({ healthJson, presence: 'online', lastSeenAt: now })
            .where('id', '=', device),
        ),
      },
    ]);
  }

  it('watches what a device reads of its machine too', async () => {
    const book = await open();
    const desk = openDesk({ store, book, now: () => now, newId, tiers: 1, wake: () => undefined });
    const [drift] = DEFAULT_RULES as readonly [AlertRule, ...AlertRule[]];
    const hot = {
      ...drift,
      id: 'hot',
      source: 'metric' as const,
      limit: { metric: 'device.temperature' as const, above: 80, below: null },
    };
    expect(await desk.setRule(hot, 'ada')).toMatchObject({ ok: true });
    const healthJson = JSON.stringify({ ...health(5e9), readings: [{ name: 'temperature', value: 91.25 }] });
    await store.commit([{ query: query(sqlOf.updateTable('devices').set({ healthJson }).where('id', '=', 'd1')) }]);
    await book.look();
    expect(await listIncidents(store, true, 10)).toMatchObject([
      { rule: 'hot', title: 'device.temperature is above 80 °C: d1 (91.3 °C)' },
    ]);
  });

  it('fires beyond its limit, knows what it does not know, and is over within it', async () => {
    const book = await open();
    await report('d1', 100e6);
    await report('d2', 5e9);
    await report('d3', null);
    await book.look();
    expect(await listIncidents(store, true, 10)).toEqual([]);
    now += 5 * MINUTE;
    await book.look();
    expect(await listIncidents(store, true, 10)).toMatchObject([
      {
        rule: 'disk',
        severity: 'critical',
        devices: 1,
        title: 'device.disk_free is below 200 MB: d1 (100 MB)',
        cause: { moved: 1, judged: 2 },
      },
    ]);
    await report('d1', null);
    await book.look();
    expect(
      (await openDesk({ store, book, now: () => now, newId, tiers: 1, wake: () => undefined }).alerts('d1', 9)).map(
        ({ state }) => state,
      ),
    ).toEqual(['no_data']);
    await report('d1', 5e9);
    await book.look();
    now += 5 * MINUTE;
    await book.look();
    expect(await listIncidents(store, true, 10)).toEqual([]);
  });

  it('needs a limit, and no other rule has one', async () => {
    const book = await open();
    const desk = openDesk({ store, book, now: () => now, newId, tiers: 1, wake: () => undefined });
    const rule = {
      id: 'cpu',
      source: 'metric',
      severity: 'info',
      where: '',
      holdSeconds: 0,
      clearSeconds: 0,
      escalateMinutes: 0,
      isEnabled: true,
    } as const;
    expect(await desk.setRule({ ...rule, limit: null }, 'ada')).toMatchObject({ code: 'request_invalid' });
    expect(
      await desk.setRule({ ...rule, limit: { metric: 'device.cpu', above: null, below: null } }, 'ada'),
    ).toMatchObject({ code: 'request_invalid' });
    expect(
      await desk.setRule({ ...rule, source: 'drift', limit: { metric: 'device.cpu', above: 1, below: null } }, 'ada'),
    ).toMatchObject({ code: 'request_invalid' });
    expect(
      await desk.setRule({ ...rule, limit: { metric: 'device.cpu', above: 0.5, below: null } }, 'ada'),
    ).toMatchObject({ ok: true });
  });
});

describe('what is to be said', () => {
  it('arrives signed, again with the same id after a crash and a refusal, and is given up in the end', async () => {
    await be('d1', 'offline');
    const book = await open();
    await book.look();
    now += 10 * MINUTE;
    // The hub dies right after the commit: nothing was sent.
    await book.look();
    let status = 503;
    const { url, got } = await receive(() => status);
    const sender = send(url);
    sender.wake();
    await until('the first try', () => got.length === 1);
    await until('its result', async () => (await listNotices(store, 1))[0]?.attempts === 1);
    expect(await listNotices(store, 1)).toMatchObject([{ state: 'queued', error: 'HTTP 503' }]);
    sender.wake();
    await sender.stop();
    expect(got).toHaveLength(1);
    // A redirect is no taking: it could lead anywhere.
    status = 302;
    now += MINUTE;
    const second = send(url);
    second.wake();
    await until('the second try', async () => (await listNotices(store, 1))[0]?.attempts === 2);
    status = 204;
    now += MINUTE;
    second.wake();
    await until('the third', async () => (await listNotices(store, 1))[0]?.state === 'sent');
    expect(got).toHaveLength(3);
    const [first, , third] = got as [Got, Got, Got];
    expect(third.body).toBe(first.body);
    expect(first.type).toContain('application/cloudevents+json');
    expect(JSON.parse(first.body)).toMatchObject({
      specversion: '1.0', type: 'drover.incident.opened.v1', source: `/drover/hubs/${'f'.repeat(32)}`, data: { rule: 'offline', devices: 1 },
    }); // biome-ignore format: one record
    expect(isSignedBody(SECRET, third.body, third.signature, now, 300)).toBe(true);
    expect(isSignedBody(SECRET, `${third.body} `, third.signature, now, 300)).toBe(false);
    expect(isSignedBody(Buffer.from('another'), third.body, third.signature, now, 300)).toBe(false);
    expect(isSignedBody(SECRET, third.body, third.signature, now + 3_600_000, 300)).toBe(false);
    expect(isSignedBody(SECRET, third.body, 'nonsense', now, 300)).toBe(false);
  });

  it('reaches the second channel while the first hangs', async () => {
    const book = await open(2);
    let held = 0;
    const hanging = createServer(() => void (held += 1));
    servers.push(hanging);
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const { url, got } = await receive(() => 204);
    const channels = [`http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`, url].map((one) =>
      openWebhook({ url: one, secret: SECRET, now: () => now }),
    );
    expect(await book.test('ada')).toBe(2);
    const sender = startSender({ store, channels, now: () => now, random: () => 0, log });
    senders.push(sender);
    sender.wake();
    await until('the second channel', () => got.length === 1 && held === 1);
    await until('its result', async () =>
      (await listNotices(store, 9)).some(({ tier, state }) => tier === 1 && state === 'sent'),
    );
    expect((await listNotices(store, 9)).find(({ tier }) => tier === 0)).toMatchObject({
      state: 'queued',
      attempts: 0,
    });
    await sender.stop();
    hanging.closeAllConnections();
  });

  it('is given up after many tries, shown, and tried again when a person says so', async () => {
    const book = await open();
    const desk = openDesk({ store, book, now: () => now, newId, tiers: 1, wake: () => undefined });
    expect(await desk.test('ada')).toBe(1);
    const sender = send('http://127.0.0.1:9/', undefined);
    for (let i = 1; i <= 14; i++) {
      sender.wake();
      await until(`try ${i}`, async () => (await listNotices(store, 1))[0]?.attempts === i);
      now += 10_000;
    }
    expect((await desk.notices()).items).toMatchObject([{ kind: 'test', state: 'dead', attempts: 14 }]);
    expect((await desk.notices()).items[0]?.error).toMatch(/refused|ECONNREFUSED|bad port/i);
    expect(await desk.retry('ada')).toBe(1);
    expect((await desk.notices()).items).toMatchObject([{ state: 'queued', attempts: 0 }]);
  });
});
