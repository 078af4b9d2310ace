// Attacks on the identity of devices against a real hub outside development: at the broker, at the devices' listener, at the
// doors. Each must be refused by name and leave the hub as it was.
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import path from 'node:path';
import tls from 'node:tls';
import { remove, scratch } from '@drover/testkit/fleet';
import { killAll } from '@drover/testkit/program';
import {
  askTls,
  claimOf,
  codeOf,
  connectTls,
  enrolBody,
  enrolRaw,
  keyPemOf,
  type SecureHub,
  startSecureHub,
  type TlsDevice,
  tlsOf,
} from '@drover/testkit/secure-hub';
import { until } from '@drover/testkit/until';
import { type Authority, makeCaCertificate, openAuthority } from '@drover/trust/pki/authority';
import { makeP256, openP256File, spkiOf } from '@drover/trust/pki/p256';
import { signProof } from '@drover/trust/pki/proofs';
import { deviceFilter, downTopic, upTopic } from '@drover/wire/topics';
import fc from 'fast-check';
import { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('identity-attacks');
let hub: SecureHub;
beforeAll(async () => {
  hub = await startSecureHub(path.join(dir, 'hub'));
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

interface Problem {
  readonly code?: string;
  readonly state?: string;
  readonly certificate?: string;
  readonly nonce?: string;
}

const ca = () => ({ ca: hub.ca });
const postDoor = (route: string, body: unknown, as: object = ca()) =>
  askTls<Problem>(hub.devicesUrl, as, 'POST', route, body);
const revoke = (id: string) => hub.post(`/api/v1/devices/${id}/revoke`, {});

async function connected(device: TlsDevice, id = device.device): Promise<MqttClient> {
  const client = await connectTls(hub, tlsOf(hub, device), id);
  if (client instanceof Error) throw client;
  return client;
}

/** The hub's CA as its thief would use it; only to make certificates that the hub itself would not. */
async function stealAuthority(): Promise<Authority> {
  const key = openP256File(path.join(hub.data, 'keys/ca.pem'));
  if (!key.ok) throw new Error(key.detail);
  const opened = openAuthority(key.value, hub.ca);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

async function renewLapsed(device: string, key: KeyObject, hubId: string) {
  const { body } = await postDoor('/d/v1/renew-lapsed', { device });
  const nonce = body.nonce ?? '';
  const signature = signProof(key, 'renew-lapsed', [hubId, device, nonce]);
  const sent = { device, nonce, signature };
  return { sent, answer: await postDoor('/d/v1/renew-lapsed', sent) };
}

describe('a stolen certificate after revocation', () => {
  it('is kicked at once and gets in nowhere: full handshake, resumed session, renewal, nonce, enrolment', async () => {
    const device = await enrolRaw(hub, 'stolen-1');
    const live = await connected(device);

    // A TLS 1.3 session with its ticket, taken while the certificate was good.
    const at = { host: '127.0.0.1', port: hub.mqttPort, ...tlsOf(hub, device), minVersion: 'TLSv1.3' as const };
    const first = tls.connect(at);
    const session = await new Promise<Buffer>((resolve, reject) => {
      first.once('session', resolve);
      first.once('error', reject);
    });
    first.destroy();
    const atDoor = { host: '127.0.0.1', port: Number(new URL(hub.devicesUrl).port), ...tlsOf(hub, device) };
    const second = tls.connect(atDoor);
    const doorSession = await new Promise<Buffer>((resolve, reject) => {
      second.once('session', resolve);
      second.once('error', reject);
    });
    second.destroy();

    // The proof that resumption works at all here: before revocation, a resumed session is let in.
    live.end(true);
    await until('the first connection to be forgotten', async () => {
      const resumed = await connectTls(hub, { ...tlsOf(hub, device), session }, 'stolen-1');
      if (resumed instanceof Error) return false;
      const { stream } = resumed;
      expect(stream instanceof tls.TLSSocket && stream.isSessionReused()).toBe(true);
      resumed.end(true);
      return true;
    });
    const again = await until('a live session', async () => {
      const client = await connectTls(hub, tlsOf(hub, device), 'stolen-1');
      return client instanceof Error ? undefined : client;
    });
    await revoke('stolen-1');
    await until('the live session to be ended', () => !again.connected);

    for (const side of [tlsOf(hub, device), { ...tlsOf(hub, device), session }]) {
      expect(await connectTls(hub, side, 'stolen-1')).toBeInstanceOf(Error);
    }
    for (const side of [tlsOf(hub, device), { ...tlsOf(hub, device), session: doorSession }]) {
      expect(await postDoor('/d/v1/renew', {}, side)).toMatchObject({ status: 403, body: { code: 'device_revoked' } });
    }
    const { answer } = await renewLapsed('stolen-1', device.key, device.hubId);
    expect(answer).toMatchObject({ status: 403, body: { code: 'device_revoked' } });
    const body = await enrolBody(device.key, { kind: 'claim', code: codeOf(await claimOf(hub, {})) });
    expect(await postDoor('/d/v1/enrol', body)).toMatchObject({ status: 403, body: { code: 'device_revoked' } });
    // A restart forgets nothing, and neither does the removal of the device.
    await hub.call('DELETE', '/api/v1/devices/stolen-1');
    expect(await postDoor('/d/v1/renew', {}, tlsOf(hub, device))).toMatchObject({ body: { code: 'device_revoked' } });
    expect(await postDoor('/d/v1/enrol', body)).toMatchObject({ body: { code: 'device_revoked' } });
  });
});

describe("a certificate that is not the device's own", () => {
  it('lets nobody be another: client id, user name', async () => {
    const device = await enrolRaw(hub, 'own-1');
    await enrolRaw(hub, 'own-2');
    expect(await connectTls(hub, tlsOf(hub, device), 'own-2')).toBeInstanceOf(Error);
    expect(await connectTls(hub, tlsOf(hub, device), 'own-1', { username: 'own-2' })).toBeInstanceOf(Error);
    expect(await connectTls(hub, tlsOf(hub, device), 'own-2', { username: 'own-1' })).toBeInstanceOf(Error);
    // Itself it may be, so the refusals above were about the names.
    (await connected(device)).end(true);
  });

  it('lets nobody in with none, a self-signed one, one of another CA or one that expired', async () => {
    await enrolRaw(hub, 'own-3');
    const key = makeP256();
    const foreignKey = makeP256();
    const foreign = openAuthority(
      foreignKey,
      await makeCaCertificate(foreignKey, new X509Certificate(hub.ca).subject.slice(3)),
    );
    if (!foreign.ok) throw new Error(foreign.detail);
    const stolen = await stealAuthority();
    const order = { device: 'own-3', spki: spkiOf(key), now: Date.now(), days: 1 };
    const certificates: (string | undefined)[] = [
      undefined,
      // Self-signed with the name of the device.
      await makeCaCertificate(key, 'own-3'),
      (await foreign.value.issueDevice(order)).pem,
      (await stolen.issueDevice({ ...order, now: Date.now() - 3 * 86_400_000 })).pem,
      // By the CA itself, and for a key that the hub does not know: the thief of a backup of the CA, not of the database.
      (await stolen.issueDevice(order)).pem,
    ];
    // Of the CA, and not a device's.
    const server = await stolen.issueServer({ names: ['own-3'], now: Date.now(), days: 1 });
    const sides = certificates.map((cert) => (cert === undefined ? ca() : { ...ca(), cert, key: keyPemOf(key) }));
    for (const side of [...sides, { ...ca(), cert: server.pem, key: server.keyPem }]) {
      expect(await connectTls(hub, side, 'own-3')).toBeInstanceOf(Error);
      const { status, body } = await postDoor('/d/v1/renew', {}, side);
      expect([status, body.code?.startsWith('device_certificate_')]).toEqual([401, true]);
    }
  });

  it('opens no topic of a neighbour', async () => {
    const device = await enrolRaw(hub, 'own-4');
    const neighbour = await enrolRaw(hub, 'own-5');
    const quiet = await connected(neighbour);
    const heard: string[] = [];
    await quiet.subscribeAsync(deviceFilter('own-5'), { qos: 1 });
    quiet.on('message', (topic) => heard.push(topic));
    const client = await connected(device);
    for (const filter of [
      deviceFilter('own-5'),
      downTopic('own-5', 'desired'),
      '#',
      '+/#',
      '$share/x/#',
      '$SYS/#',
      'drover/1/d/+/#',
    ]) {
      const granted = await client.subscribeAsync(filter, { qos: 1 }).catch(() => []);
      expect(granted.filter(({ qos }) => qos < 128)).toEqual([]);
    }
    client.end(true);
    for (const topic of [upTopic('own-5', 'hello'), downTopic('own-5', 'desired')]) {
      const own = await until('a connection of its own', async () => {
        const next = await connectTls(hub, tlsOf(hub, device), 'own-4');
        return next instanceof MqttClient ? next : undefined;
      });
      own.publish(topic, 'x', { qos: 0 });
      await until(`the end of the connection that published to ${topic}`, () => !own.connected);
    }
    expect(heard).toEqual([]);
    quiet.end(true);
  });
});

describe('codes and tokens', () => {
  it('work once, for one key, in their time; the same key may ask again', async () => {
    const code = codeOf(await claimOf(hub, { id: 'claim-1' }));
    const key = makeP256();
    const mine = await enrolBody(key, { kind: 'claim', code });
    const first = await postDoor('/d/v1/enrol', mine);
    expect(first).toMatchObject({ status: 200, body: { state: 'issued' } });
    // Its answer was lost: the same key gets the same certificate.
    expect((await postDoor('/d/v1/enrol', mine)).body.certificate).toBe(first.body.certificate);
    const others = await enrolBody(makeP256(), { kind: 'claim', code });
    expect(await postDoor('/d/v1/enrol', others)).toMatchObject({ status: 409, body: { code: 'claim_used' } });
    // After the device is removed the code is still used up, also for its own key.
    await hub.call('DELETE', '/api/v1/devices/claim-1');
    expect(await postDoor('/d/v1/enrol', mine)).toMatchObject({ body: { code: 'claim_used' } });
  });

  it('let one of many in when all come at the same moment', async () => {
    const code = codeOf(await claimOf(hub, { labels: { site: 'race' } }));
    const bodies = await Promise.all(Array.from({ length: 8 }, () => enrolBody(makeP256(), { kind: 'claim', code })));
    const answers = await Promise.all(bodies.map((body) => postDoor('/d/v1/enrol', body)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, body } of answers) if (status !== 200) expect(body.code).toBe('claim_used');
  });

  it('do not let a device be another than the one they are for', async () => {
    const code = codeOf(await claimOf(hub, { id: 'claim-2' }));
    const body = await enrolBody(makeP256(), { kind: 'claim', code }, { id: 'claim-3' });
    expect(await postDoor('/d/v1/enrol', body)).toMatchObject({ status: 409, body: { code: 'enrol_other_device' } });
  });

  it('of a batch lead to a queue, and no further than they are for', async () => {
    const { token } = await hub.post<{ token: string }>('/api/v1/batch-tokens', { uses: 2 });
    const door = { kind: 'batch', token };
    const bodies = await Promise.all([1, 2, 3].map(() => enrolBody(makeP256(), door)));
    const states = [];
    for (const body of bodies) states.push(await postDoor('/d/v1/enrol', body));
    expect(states.map(({ status }) => status)).toEqual([202, 202, 409]);
    // Asking again costs no use, and gives no certificate.
    const again = await postDoor('/d/v1/enrol', bodies[0]);
    expect([again.status, again.body.certificate]).toEqual([202, undefined]);
  });

  it('that look copied wait for a person, with an alarm', async () => {
    const one = codeOf(await claimOf(hub, { id: 'clone-1' }));
    const original = makeP256();
    const first = await enrolBody(original, { kind: 'claim', code: one }, { hardware: 'SN-77' });
    expect(await postDoor('/d/v1/enrol', first)).toMatchObject({ status: 200 });
    const cases = [
      { claim: { id: 'clone-1' }, more: {}, why: 'known_id' },
      { claim: {}, more: { hardware: 'SN-77' }, why: 'known_hardware' },
    ];
    for (const { claim, more, why } of cases) {
      const code = codeOf(await claimOf(hub, claim));
      const answer = await postDoor('/d/v1/enrol', await enrolBody(makeP256(), { kind: 'claim', code }, more));
      expect(answer).toMatchObject({ status: 202, body: { state: 'pending', why, device: 'clone-1' } });
    }
    const { items } = await hub.get<{ items: { device: string; why: string; knownKeyFingerprint: string | null }[] }>(
      '/api/v1/enrolments',
    );
    const mine = items.filter(({ device }) => device === 'clone-1');
    expect(mine.map(({ why }) => why).toSorted()).toEqual(['known_hardware', 'known_id']);
    for (const { knownKeyFingerprint } of mine) expect(knownKeyFingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(hub.output()).toContain('a copy?');
    // The original goes on meanwhile.
    const body = await postDoor('/d/v1/enrol', first);
    expect(body.status).toBe(200);
  });
});

describe('requests of strangers', () => {
  it('cannot name themselves: of a request only the key counts', async () => {
    const code = codeOf(await claimOf(hub, { id: 'subject-1' }));
    const { makeCsr } = await import('@drover/trust/pki/csr');
    const csr = Buffer.from(await makeCsr(makeP256(), 'subject-2')).toString('base64');
    const { body } = await postDoor('/d/v1/enrol', { csr, door: { kind: 'claim', code } });
    const certificate = new X509Certificate(body.certificate ?? '');
    expect([certificate.subject, certificate.subjectAltName, certificate.ca]).toEqual([
      'CN=subject-1',
      'URI:urn:drover:device:subject-1',
      false,
    ]);
  });

  it('get no certificate for a key that is not theirs, not P-256, or not a key', async () => {
    const code = codeOf(await claimOf(hub, { id: 'subject-3' }));
    const door = { kind: 'claim', code };
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' });
    const good = Buffer.from(String((await enrolBody(makeP256(), door))['csr']), 'base64');
    const other = spkiOf(makeP256());
    const at = good.indexOf(other.subarray(0, 26));
    const swapped = Buffer.concat([good.subarray(0, at), other, good.subarray(at + other.length)]);
    for (const der of [
      rsa,
      swapped,
      createPublicKey(makeP256()).export({ format: 'der', type: 'spki' }),
      Buffer.alloc(4000),
      good.subarray(1),
    ]) {
      const answer = await postDoor('/d/v1/enrol', { csr: der.toString('base64'), door });
      expect([answer.status, answer.body.code]).toEqual([400, 'csr_invalid']);
    }
    expect(await postDoor('/d/v1/enrol', { csr: 'A'.repeat(20_000), door })).toMatchObject({ status: 400 });
    expect(await postDoor('/d/v1/enrol', { csr: 'A'.repeat(200_000), door })).toMatchObject({ status: 413 });
    // Nothing of it used the code up.
    expect(await postDoor('/d/v1/enrol', await enrolBody(makeP256(), door))).toMatchObject({ status: 200 });
  });

  it('are answered in words whatever they send, and the hub goes on', async () => {
    const anything = fc.oneof(fc.json(), fc.string({ maxLength: 300 }));
    const fuzzed = await startSecureHub(path.join(dir, 'fuzzed'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/d/v1/enrol', '/d/v1/renew-lapsed', '/d/v1/renew'),
        anything,
        async (route, text) => {
          const { status } = await askTls(fuzzed.devicesUrl, { ca: fuzzed.ca }, 'POST', route, Buffer.from(text), {
            'content-type': 'application/json',
          });
          expect(status).toBeGreaterThanOrEqual(400);
          expect(status).toBeLessThan(500);
        },
      ),
      { numRuns: 60 },
    );
    expect(await fuzzed.stop()).toBe(0);
  });

  it('may not guess: an address that failed too often waits, also with a right code', async () => {
    const guarded = await startSecureHub(path.join(dir, 'guarded'));
    const right = await enrolBody(makeP256(), { kind: 'claim', code: codeOf(await claimOf(guarded, {})) });
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 32; i++) {
      const body = await enrolBody(makeP256(), { kind: 'claim', code: String(i).padStart(22, 'A') });
      codes.push(
        (await askTls<Problem>(guarded.devicesUrl, { ca: guarded.ca }, 'POST', '/d/v1/enrol', body)).body.code,
      );
    }
    expect(codes.slice(0, 30).every((code) => code === 'claim_unknown')).toBe(true);
    expect(codes.slice(30)).toEqual(['device_rate_limited', 'device_rate_limited']);
    const answer = await askTls<Problem>(guarded.devicesUrl, { ca: guarded.ca }, 'POST', '/d/v1/enrol', right);
    expect(answer).toMatchObject({ status: 429, body: { code: 'device_rate_limited' } });
    expect(await guarded.stop()).toBe(0);
  });

  it('renew nothing by a nonce: wrong key, other device, used, made up, of another hub', async () => {
    const device = await enrolRaw(hub, 'nonce-1');
    await enrolRaw(hub, 'nonce-2');
    const wrong = { status: 401, body: { code: 'device_proof_wrong' } };
    expect((await renewLapsed('nonce-1', makeP256(), device.hubId)).answer).toMatchObject(wrong);
    expect((await renewLapsed('nonce-2', device.key, device.hubId)).answer).toMatchObject(wrong);
    expect((await renewLapsed('nobody', device.key, device.hubId)).answer).toMatchObject(wrong);
    expect((await renewLapsed('nonce-1', device.key, '0'.repeat(32))).answer).toMatchObject(wrong);
    const { sent, answer } = await renewLapsed('nonce-1', device.key, device.hubId);
    expect(answer.status).toBe(200);
    expect(await postDoor('/d/v1/renew-lapsed', sent)).toMatchObject(wrong);
    const nonce = `${Date.now()}.AAAA.BBBB`;
    const signature = signProof(device.key, 'renew-lapsed', [device.hubId, 'nonce-1', nonce]);
    expect(await postDoor('/d/v1/renew-lapsed', { device: 'nonce-1', nonce, signature })).toMatchObject(wrong);
  });

  it("cannot look after somebody else's enrolment", async () => {
    const { token } = await hub.post<{ token: string }>('/api/v1/batch-tokens', { uses: 1 });
    const key = makeP256();
    const { body } = await postDoor('/d/v1/enrol', await enrolBody(key, { kind: 'batch', token }));
    const { enrolment, hubId } = body as unknown as { enrolment: string; hubId: string };
    const poll = (by: KeyObject) =>
      askTls<Problem>(hub.devicesUrl, ca(), 'GET', `/d/v1/enrol/${enrolment}`, undefined, {
        'x-drover-proof': signProof(by, 'poll', [hubId, enrolment]),
      });
    expect(await poll(makeP256())).toMatchObject({ status: 401, body: { code: 'device_proof_wrong' } });
    expect(await poll(key)).toMatchObject({ status: 202 });
    await hub.post(`/api/v1/enrolments/${enrolment}/approve`, {});
    expect(await poll(key)).toMatchObject({ status: 200, body: { state: 'issued' } });
    expect(await poll(makeP256())).toMatchObject({ status: 401 });
  });
});
