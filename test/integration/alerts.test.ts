// Alerts from end to end: a device goes silent, a receiver of the test is told by a signed event, a person takes it on with the
// command line, the hub is killed, and it is over when the device is back.
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type HubProgram, joinAgent, remove, runAgent, samePorts, scratch, startHub } from '@drover/testkit/fleet';
import { waitOnline } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Incidents } from '@drover/wire/http/alerts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('alerts');
const SECRET = 'known to the hub and to the receiver';
let isHanging = false;
const got: { readonly body: string; readonly signature: string }[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    body += part;
  });
  request.on('end', () => {
    got.push({ body, signature: String(request.headers['drover-signature']) });
    // A receiver that never answers: the hub does not know whether it was told.
    if (!isHanging) response.writeHead(204).end();
  });
});
let hub: HubProgram;
let env: Record<string, string>;

async function drover(...args: readonly string[]): Promise<string> {
  const program = start(ENTRY.cli, [...args, '--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token')]);
  expect(await program.waitForExit(60_000), program.output()).toBe(0);
  return program.output();
}
const incidents = async (...flags: readonly string[]) =>
  (JSON.parse(await drover('alerts', '--json', ...flags)) as Incidents).items;

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const secretFile = path.join(dir, 'secret');
  writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 });
  env = {
    DROVER_HUB_ALERT_SECONDS: '1',
    DROVER_HUB_ALERT_WEBHOOKS: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
    DROVER_HUB_ALERT_SECRET_FILE: secretFile,
  };
  hub = await startHub(path.join(dir, 'hub'), [], env);
});
afterAll(async () => {
  await killAll();
  receiver.close();
  remove(dir);
});

describe('alerts', () => {
  it('tell of a device that went silent, until it is back', { timeout: 200_000 }, async () => {
    await joinAgent(hub, path.join(dir, 'press-1'), 'press-1', ['--label', 'site=north']);
    const agent = await runAgent(path.join(dir, 'press-1'), []);
    expect(await drover('alerts')).toContain('Nothing is open');
    expect(await drover('alerts', 'rules', 'offline', '--hold', '0', '--clear', '0')).toMatch(/offline .* yes/);
    await agent.kill();
    const [open] = await until('the incident', async () => {
      const found = await incidents();
      return found.length > 0 ? found : undefined;
    }, 60_000); // biome-ignore format: one call
    expect(open).toMatchObject({
      rule: 'offline',
      state: 'open',
      devices: 1,
      title: expect.stringContaining('press-1') as string,
    });
    await until('the receiver to be told', () => got.length > 0, 60_000);
    const [{ body, signature }] = got as [(typeof got)[number]];
    const [, t = '', v1 = ''] = /^t=(\d+),v1=(.+)$/.exec(signature) ?? [];
    expect(createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex')).toBe(v1);
    expect(JSON.parse(body)).toMatchObject({
      specversion: '1.0',
      type: 'drover.incident.opened.v1',
      subject: open?.id,
    });

    expect(await drover('alerts', 'ack', open?.id ?? '')).toContain('taken on by');
    expect(await drover('alerts', 'show', open?.id ?? '')).toMatch(
      /acknowledged[\s\S]*press-1 .* acknowledged .* offline: last seen/,
    );
    const ports = samePorts(hub);
    await hub.kill();
    hub = await startHub(path.join(dir, 'hub'), ports, env);
    expect(await incidents()).toMatchObject([{ id: open?.id, state: 'acknowledged' }]);

    await runAgent(path.join(dir, 'press-1'), []);
    await until('its end', async () => (await incidents()).length === 0, 60_000);
    expect(await incidents('--all')).toMatchObject([{ id: open?.id, state: 'resolved' }]);
    await until(
      'the receiver to be told of the end',
      () => got.some((one) => one.body.includes('incident.resolved.v1')),
      60_000,
    );
    // Once each: nothing was said twice over the kill.
    expect(new Set(got.map((one) => JSON.parse(one.body).id as string)).size).toBe(2);
    expect(await drover('alerts', 'silence', '2h', '--where', 'site=north', '--reason', 'works')).toContain(
      'Silent from',
    );
    expect(await drover('alerts', 'silences')).toMatch(/site=north .* works/);
    expect(await drover('alerts', 'notices')).toMatch(/opened[\s\S]*sent|sent[\s\S]*opened/);
    expect(hub.output()).not.toContain(SECRET);
  });

  it('are sent again with the same id after kill -9 of a hub that was sending', { timeout: 120_000 }, async () => {
    await drover('alerts', 'rules', 'enrolment', '--disable');
    await joinAgent(hub, path.join(dir, 'press-2'), 'press-2', ['--label', 'site=south']);
    const agent = await runAgent(path.join(dir, 'press-2'), []);
    // Of a device that never came nothing can be missed.
    await waitOnline(hub, 'press-2');
    isHanging = true;
    const before = got.length;
    await agent.kill();
    await until('the request that is never answered', () => got.length > before, 60_000);
    const ports = samePorts(hub);
    await hub.kill();
    isHanging = false;
    hub = await startHub(path.join(dir, 'hub'), ports, env);
    await until('it is sent again', () => got.length > before + 1, 60_000);
    const [first, second] = got
      .slice(before)
      .map(({ body }) => JSON.parse(body) as { id: string; subject: string; type: string });
    expect(first?.type).toBe('drover.incident.opened.v1');
    expect(second).toEqual(first);
    // The other device is in it until it reached the hub that was started again.
    const [open] = await until('only the one that is silent', async () => {
      const found = await incidents();
      return found[0]?.devices === 1 ? found : undefined;
    });
    expect(open).toMatchObject({ id: first?.subject, state: 'open' });
    await until('it is settled', async () => !(await drover('alerts', 'notices')).includes('queued'), 30_000);
  });
});
