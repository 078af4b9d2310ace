// Outside development a device proves what it carried by the key of its certificate: not by a secret that it does not have,
// not by the key of another, and not after it was revoked.
import { createHmac, hkdfSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { claimOf, type SecureHub, startSecureHub } from '@drover/testkit/secure-hub';
import { proveByKey } from '@drover/trust/carrier/proof';
import { CARRIED_PAYLOAD_TYPES } from '@drover/trust/carrier/report';
import { encodePae } from '@drover/trust/dsse';
import { makeP256 } from '@drover/trust/pki/p256';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { ReportImport } from '@drover/wire/http/carry';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('airgap-certificates');
let hub: SecureHub;
beforeAll(async () => {
  hub = await startSecureHub(path.join(dir, 'hub'));
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

async function agent(...args: readonly string[]): Promise<void> {
  const program = start(ENTRY.agent, args);
  const exit = await program.waitForExit(60_000);
  if (exit !== 0) throw new Error(program.output());
}

interface Report {
  readonly envelope: SignedEnvelope;
  readonly files: readonly Buffer[];
}

async function reportOf(id: string): Promise<Report> {
  const data = path.join(dir, id);
  await agent('join', '--claim', await claimOf(hub, { id }), '--data', data);
  const stick = path.join(dir, `stick-${id}`);
  await agent('export', '--data', data, '--out', stick);
  const own = path.join(stick, 'reports', id);
  const folder = path.join(own, readdirSync(own)[0] ?? '');
  const envelope = readSignedEnvelope(readFileSync(path.join(folder, 'report.index')));
  if (!envelope.ok) throw new Error(envelope.detail);
  const names = readdirSync(folder).filter((name) => name !== 'report.index');
  return { envelope: envelope.value, files: names.toSorted().map((name) => readFileSync(path.join(folder, name))) };
}

function send(id: string, { envelope, files }: Report) {
  const index = encodeSignedEnvelope(envelope);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(index.length);
  return hub.call<ReportImport & { code: string }>(
    'POST',
    `/api/v1/devices/${id}/reports`,
    Buffer.concat([head, index, ...files]),
  );
}

const countImports = (): number =>
  readHubRows<{ n: number }>(hub.data, "SELECT count(*) AS n FROM audit WHERE action = 'report.import'")[0]?.n ?? 0;

describe('a device with a certificate', () => {
  it('is believed by its key; a made-up secret, a stranger and another device are not', async () => {
    const mine = await reportOf('press-1');
    const other = await reportOf('press-2');
    const { payload } = mine.envelope;
    // The row of a device without a secret holds zeros: whoever knows that must not be able to sign by them.
    const key = Buffer.from(
      hkdfSync('sha256', Buffer.alloc(32), Buffer.alloc(0), 'drover carried report v1\npress-1', 32),
    );
    const sig = createHmac('sha256', key).update(encodePae(CARRIED_PAYLOAD_TYPES.report, payload)).digest();
    const forged: SignedEnvelope[] = [
      { ...mine.envelope, signatures: [{ keyid: 'hmac-sha256', sig }] },
      proveByKey(makeP256()).prove(CARRIED_PAYLOAD_TYPES.report, payload),
      { ...mine.envelope, signatures: other.envelope.signatures },
      { ...mine.envelope, signatures: [] },
    ];
    for (const envelope of forged)
      expect(await send('press-1', { ...mine, envelope })).toMatchObject({
        status: 403,
        body: { code: 'report_proof_wrong' },
      });
    expect(await send('press-2', mine)).toMatchObject({ status: 403, body: { code: 'report_proof_wrong' } });
    expect(countImports()).toBe(0);
    expect(await send('press-1', mine)).toMatchObject({ status: 200, body: { device: 'press-1', isState: true } });
    expect(countImports()).toBe(1);
  });

  it('is not believed any more when it was revoked', async () => {
    const mine = await reportOf('press-3');
    await hub.post('/api/v1/devices/press-3/revoke', {});
    expect(await send('press-3', mine)).toMatchObject({ body: { code: 'device_revoked' } });
    expect(countImports()).toBe(1);
  });
});
