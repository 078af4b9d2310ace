// The listener for devices as it stands in a whole hub: who gets through it, in both modes.
import { openInsideHub } from '@drover/testkit/inside-hub';
import { afterAll, describe, expect, it } from 'vitest';

const hubs: Awaited<ReturnType<typeof openInsideHub>>[] = [];
afterAll(async () => {
  for (const hub of hubs) await hub.end();
});

async function open(settings: Readonly<Record<string, unknown>> = {}) {
  const hub = await openInsideHub(settings);
  hubs.push(hub);
  return hub;
}

describe('the listener for devices in development', () => {
  it('is plain, gives its CA to whoever asks and nothing else', async () => {
    const hub = await open();
    const answer = await fetch(`${hub.devicesUrl}/d/v1/ca`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ ca: expect.stringContaining('BEGIN CERTIFICATE') });
    expect((await fetch(`${hub.devicesUrl}/api/v1/devices`)).status).toBe(404);
  });
});
