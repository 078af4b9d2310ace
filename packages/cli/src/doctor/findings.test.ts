// Checks what the doctor says about what it sees, worst first, and that every complaint comes with a remedy.
import { describe, expect, it } from 'vitest';
import { judge, type Observed } from './findings.ts';

const healthy: Observed = {
  nodeVersion: '24.21.0',
  hub: { url: 'http://127.0.0.1:8080', from: 'default' },
  reach: { ok: true, ready: true, skewMs: 300 },
  token: { file: '/t', mode: 0o100600 },
  refusal: undefined,
  status: undefined,
  devices: undefined,
  mqtt: { url: 'mqtt://127.0.0.1:1883', ok: true },
  takenPorts: [],
  disk: { dir: '/', freeBytes: 9e9, totalBytes: 9e10 },
};
const device = (id: string, changes: Partial<NonNullable<Observed['devices']>[number]> = {}): NonNullable<Observed['devices']>[number] => ({
  id, labels: {}, presence: 'online', lastSeenAt: null, joinedAt: 'x', agentVersion: null, runtime: null, generation: 1, reportedGeneration: 1, slots: [], ...changes,
}); // biome-ignore format: one object
const worst = (changes: Partial<Observed>): string => {
  const [first] = judge({ ...healthy, ...changes });
  return `${first?.level} ${first?.check}`;
};

describe('judge', () => {
  it('finds nothing in a healthy fleet', () => {
    expect(judge({ ...healthy, devices: [device('a')] }).every((f) => f.level === 'ok')).toBe(true);
  });

  it.each([
    ['an old Node', { nodeVersion: '20.20.2' }, 'fail node'],
    ['Node 24 before 24.15', { nodeVersion: '24.14.9' }, 'fail node'],
    [
      'a CA that is not known',
      { reach: { ok: false, why: 'SELF_SIGNED_CERT_IN_CHAIN' }, takenPorts: [8080] },
      'fail hub',
    ],
    ['no hub', { reach: { ok: false, why: 'ECONNREFUSED' } }, 'fail hub'],
    ['a hub that is not ready', { reach: { ok: true, ready: false, skewMs: 0 } }, 'fail hub'],
    ['a clock that is off', { reach: { ok: true, ready: true, skewMs: -60_000 } }, 'warn clock'],
    ['a token that others can read', { token: { file: '/t', mode: 0o100644 } }, 'warn token'],
    ['a token that is refused', { refusal: { code: 'token_refused', message: 'No.', next: 'Join.' } }, 'fail api'],
    ['a broker that takes no connection', { mqtt: { url: 'mqtt://x', ok: false } }, 'fail broker'],
    ['no device', { devices: [] }, 'warn fleet'],
    ['a device that is away', { devices: [device('a', { presence: 'offline' })] }, 'warn presence'],
    ['little room', { disk: { dir: '/', freeBytes: 3e8, totalBytes: 9e10 } }, 'warn disk'],
    ['no room', { disk: { dir: '/', freeBytes: 1e7, totalBytes: 9e10 } }, 'fail disk'],
  ] as const)('names %s', (_what, changes, expected) => {
    expect(worst(changes)).toBe(expected);
  });

  it('says which port another program holds, and offers another', () => {
    const findings = judge({ ...healthy, reach: { ok: false, why: 'x' }, takenPorts: [1883] });
    expect(findings.find((f) => f.check === 'ports')?.fix).toContain('--mqtt 127.0.0.1:9883');
  });

  it('tells devices that fail from devices that are still on their way', () => {
    const slot = { slot: 'default', running: null, previous: null, desired: null, inSync: false };
    const failing = device('a', {
      slots: [
        { ...slot, deployment: { deploymentId: '0'.repeat(32), state: 'failed', code: 'load_failed', enteredAt: 'x' } },
      ],
    });
    const onTheWay = device('b', { slots: [{ ...slot, deployment: null }] });
    expect(worst({ devices: [failing] })).toBe('fail in sync');
    expect(worst({ devices: [onTheWay] })).toBe('warn in sync');
  });

  it('puts failures first and gives each complaint a remedy', () => {
    const findings = judge({ ...healthy, token: undefined, reach: { ok: false, why: 'x' }, mqtt: undefined });
    const levels = findings.map((f) => f.level);
    expect(levels).toEqual(
      [...levels].sort((a, b) => ['fail', 'warn', 'ok'].indexOf(a) - ['fail', 'warn', 'ok'].indexOf(b)),
    );
    for (const finding of findings) expect(finding.fix === '').toBe(finding.level === 'ok');
  });
});
