// Looks at everything the doctor judges: Node, hub, token, ports, disk, fleet. Judges nothing and changes nothing.
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { Device } from '@drover/wire/http/devices';
import { PendingEnrolment } from '@drover/wire/http/enrolment';
import { Status } from '@drover/wire/http/monitoring';
import { RoleList } from '@drover/wire/http/release';
import { CliFailure, EXIT } from '../failure.ts';
import { at, type HubClient, openHubClient } from '../hub-client.ts';
import { DEFAULT_HUB, isLoopback, type Target } from '../target.ts';
import type { Observed } from './findings.ts';

const LOOK_MS = 5000;
const DEFAULT_PORTS = [8080, 1883] as const;

/** Whether a TCP connection is taken. */
function knock(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}

async function reachHub(url: string, fetcher: typeof fetch, now: () => number): Promise<Observed['reach']> {
  try {
    const sentAt = now();
    const live = await fetcher(`${url}/health/live`, { signal: AbortSignal.timeout(LOOK_MS), redirect: 'error' });
    const answeredAt = now();
    await live.arrayBuffer();
    if (!live.ok) return { ok: false, why: `it answers /health/live with HTTP ${live.status}, so it may not be a hub` };
    const ready = await fetcher(`${url}/health/ready`, { signal: AbortSignal.timeout(LOOK_MS), redirect: 'error' });
    await ready.arrayBuffer();
    // The Date header has whole seconds; half a second in the middle is close enough for a check of 30 s.
    const date = Date.parse(live.headers.get('date') ?? '');
    const skewMs = Number.isNaN(date) ? undefined : Math.round((sentAt + answeredAt) / 2 - (date + 500));
    return { ok: true, ready: ready.ok, skewMs };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      ok: false,
      why: cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause),
    };
  }
}

function readMqttUrl(hubData: string): string | undefined {
  try {
    const { mqttUrl } = JSON.parse(readFileSync(path.join(hubData, 'run', 'hub.json'), 'utf8')) as {
      mqttUrl?: unknown;
    };
    return typeof mqttUrl === 'string' && URL.canParse(mqttUrl) ? mqttUrl : undefined;
  } catch {
    // No local hub: its broker is not looked at.
    return undefined;
  }
}

function measureDisk(dir: string): Observed['disk'] {
  let existing = dir;
  while (!existsSync(existing) && existing !== path.dirname(existing)) existing = path.dirname(existing);
  const { bavail, blocks, bsize } = statfsSync(existing);
  return { dir: existing, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Undefined where the hub has no release metadata: it is of 0.1. */
async function askRoles(client: HubClient): Promise<Observed['roles']> {
  try {
    return (await client.ask(RoleList, at('tuf', 'roles'))).items;
  } catch (error) {
    if (error instanceof CliFailure && error.exitCode === EXIT.notFound) return undefined;
    throw error;
  }
}

async function askApi(
  target: Target,
  fetcher: typeof fetch,
): Promise<Pick<Observed, 'status' | 'devices' | 'pending' | 'refusal' | 'roles'>> {
  try {
    const client = openHubClient(target, fetcher);
    const [status, devices, pending] = await Promise.all([
      client.ask(Status, at('status')),
      client.askAll(Device, at('devices')),
      client.askAll(PendingEnrolment, at('enrolments')),
    ]);
    return { status, devices, pending, refusal: undefined, roles: await askRoles(client) };
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    return {
      status: undefined,
      devices: undefined,
      refusal: { code: error.code, message: error.message, next: error.next },
    };
  }
}

export async function observe(target: Target, fetcher: typeof fetch, now: () => number): Promise<Observed> {
  const { hub, tokenFile, hubData } = target;
  const reach = await reachHub(hub.value, fetcher, now);
  const local = isLoopback(hub.value);
  const nothing = { status: undefined, devices: undefined, refusal: undefined };
  const api = reach.ok ? await askApi(target, fetcher) : nothing;
  const mqttUrl = reach.ok && local ? readMqttUrl(hubData.value) : undefined;
  const mqtt = mqttUrl
    ? { url: mqttUrl, ok: await knock(new URL(mqttUrl).hostname, Number(new URL(mqttUrl).port || 1883)) }
    : undefined;
  const takenPorts: number[] = [];
  // Who asks for a hub on another port is not helped by what holds the default ones.
  if (!reach.ok && local && hub.value === DEFAULT_HUB)
    for (const port of DEFAULT_PORTS) if (await knock('127.0.0.1', port)) takenPorts.push(port);
  return {
    nodeVersion: process.versions.node,
    hub: { url: hub.value, from: hub.from },
    reach,
    token:
      tokenFile && existsSync(tokenFile.value)
        ? { file: tokenFile.value, mode: statSync(tokenFile.value).mode }
        : undefined,
    ...api,
    mqtt,
    takenPorts,
    disk: measureDisk(hubData.value),
  };
}
