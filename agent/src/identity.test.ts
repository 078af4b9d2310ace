import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeKey } from '@drover/trust/dsse';
import { signRoot } from '@drover/trust/root';
import { afterEach, describe, expect, it } from 'vitest';
import { finishJoin, takeKeyForJoin } from './enrol/device-key.ts';
import { readIdentity, replaceIdentity, writeIdentity } from './identity.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});
function scratch(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-identity-'));
  dirs.push(dir);
  return dir;
}
const keys = { root: [makeKey().signer], release: [makeKey().signer], director: [makeKey().signer] };
const root = await signRoot(1, keys);
const HUB = { mqttUrl: 'mqtts://hub:8883', hubId: '0'.repeat(32) };
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('an identity', () => {
  it('of 0.1, without a version, goes on working', () => {
    const dir = scratch();
    writeIdentity(
      dir,
      { device: 'old-1', secret: 's', mqttUrl: 'mqtt://127.0.0.1:1883', hubId: HUB.hubId },
      { legacy: root },
    );
    const read = readIdentity(dir);
    expect(read).toMatchObject({ ok: true, value: { identity: { device: 'old-1', secret: 's' } } });
  });

  it('of a later version than this agent knows is refused, not guessed at', () => {
    const dir = scratch();
    const identity = {
      version: 2 as const,
      device: 'new-1',
      ...HUB,
      devicesUrl: 'https://hub:8443',
      ca: PEM,
      certificate: PEM,
      keyFile: `${'a'.repeat(16)}.key`,
    };
    writeIdentity(dir, identity, { legacy: root });
    expect(readIdentity(dir)).toMatchObject({ ok: true });
    replaceIdentity(dir, { ...identity, certificate: `${PEM}${PEM}` });
    expect(readIdentity(dir)).toMatchObject({ ok: true, value: { identity: { certificate: `${PEM}${PEM}` } } });
    writeFileSync(path.join(dir, 'identity.json'), JSON.stringify({ ...identity, version: 3 }), { mode: 0o600 });
    expect(readIdentity(dir)).toMatchObject({ ok: false, code: 'agent_not_joined' });
  });
});

describe('the key of a join', () => {
  it('is the same until the join ends, then the one in use, and another one when that is wanted', () => {
    const dir = scratch();
    const take = (inUse: string | undefined, wantsNew = false): string => {
      const taken = takeKeyForJoin(dir, inUse, wantsNew);
      if (!taken.ok) throw new Error(taken.detail);
      return taken.value.keyFile;
    };
    const first = take(undefined);
    expect([take(undefined), take(undefined, true)]).toEqual([first, first]);
    finishJoin(dir, first);
    expect(take(first)).toBe(first);
    const second = take(first, true);
    expect([second === first, take(first, true), take(first)]).toEqual([false, second, second]);
    finishJoin(dir, second);
    expect(take(second)).toBe(second);
  });
});
