// A forged hub against a real agent: another CA, the real CA's certificate without its key, a neighbour of the same CA. The
// agent must say nothing to any of them: not its code, not its id, not a byte of MQTT.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tls, { type TLSSocket } from 'node:tls';
import { remove, runAgent, scratch } from '@drover/testkit/fleet';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import {
  claimOf,
  claimVia,
  codeOf,
  enrolRaw,
  keyPemOf,
  type SecureHub,
  startSecureHub,
} from '@drover/testkit/secure-hub';
import { until } from '@drover/testkit/until';
import { type Authority, makeCaCertificate, openAuthority } from '@drover/trust/pki/authority';
import { makeP256 } from '@drover/trust/pki/p256';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('forged-hub');
let hub: SecureHub;
beforeAll(async () => {
  hub = await startSecureHub(path.join(dir, 'hub'));
});
const servers: tls.Server[] = [];
afterAll(async () => {
  for (const server of servers) server.close();
  await killAll();
  remove(dir);
});

async function makeAuthority(): Promise<Authority> {
  const key = makeP256();
  const opened = openAuthority(key, await makeCaCertificate(key, 'Drover forged'));
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

interface Forged {
  readonly port: number;
  /** Everything that came through the encryption, as text. */
  readonly heard: () => string;
  /** Handshakes that were begun. */
  readonly tries: () => number;
}

/** A TLS server that answers each HTTP request with `answer` and remembers every byte. */
async function forge(side: { cert: string; key: string }, answer = ''): Promise<Forged> {
  let heard = '';
  let tries = 0;
  const server = tls.createServer({ ...side, requestCert: true, rejectUnauthorized: false }, (socket: TLSSocket) => {
    socket.on('error', () => socket.destroy());
    socket.setEncoding('latin1').on('data', (text: string) => {
      heard += text;
      if (answer !== '')
        socket.end(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\nconnection: close\r\n\r\n${answer}`,
        );
    });
  });
  server.on('connection', () => {
    tries++;
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return { port: address.port, heard: () => heard, tries: () => tries };
}

async function forgedSide(): Promise<{ cert: string; key: string; ca: string }> {
  const authority = await makeAuthority();
  const { pem, keyPem } = await authority.issueServer({ names: ['127.0.0.1', 'localhost'], now: Date.now(), days: 30 });
  return { cert: `${pem}${authority.pem}`, key: keyPem, ca: authority.pem };
}

describe('a join', () => {
  it.each([
    ['its own CA', async () => (await forgedSide()).ca, 'ca_mismatch'],
    ['the real CA, whose key it does not have', async () => hub.ca, 'hub_unreachable'],
    ['rubbish', async () => 'x', 'ca_mismatch'],
  ])('that is led to a hub which shows %s ends before the code is said', async (_, pem, code) => {
    const fake = await forge(await forgedSide(), JSON.stringify({ ca: await pem(), fingerprint: '0'.repeat(64) }));
    const claim = claimVia(await claimOf(hub, {}), `https://127.0.0.1:${fake.port}`);
    const program = start(ENTRY.agent, ['join', '--claim', claim, '--data', path.join(dir, `join-${fake.port}`)]);
    expect(await program.waitForExit(60_000)).toBe(1);
    expect(program.output()).toContain(code);
    expect(fake.heard()).toMatch(/^GET \/d\/v1\/ca HTTP/);
    expect(fake.heard().match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(fake.heard()).not.toContain(codeOf(claim));
  });
});

describe('a running agent', () => {
  async function joinAgent(id: string): Promise<string> {
    const data = path.join(dir, id);
    const program = start(ENTRY.agent, ['join', '--claim', await claimOf(hub, { id }), '--data', data]);
    if ((await program.waitForExit(60_000)) !== 0) throw new Error(program.output());
    return data;
  }
  /** As after an attack on the name service: the same names lead elsewhere. */
  function redirect(data: string, port: number, host: string): void {
    const file = path.join(data, 'identity.json');
    const identity = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    const moved = { ...identity, mqttUrl: `mqtts://${host}:${port}`, devicesUrl: `https://${host}:${port}` };
    writeFileSync(file, JSON.stringify(moved), { mode: 0o600 });
  }

  it('says nothing to a hub of another CA', async () => {
    const data = await joinAgent('victim-1');
    const fake = await forge(await forgedSide());
    redirect(data, fake.port, '127.0.0.1');
    const agent = await runAgent(data);
    await until('three tries', () => fake.tries() >= 3, 60_000);
    expect(fake.heard()).toBe('');
    expect(agent.output()).toMatch(/self-signed certificate|unable to (verify|get)/);
    expect(await agent.stop()).toBe(0);
  });

  it('says nothing to a neighbour of the same CA whose id is the name of the hub', async () => {
    const data = await joinAgent('victim-2');
    const neighbour = await enrolRaw(hub, 'localhost');
    const fake = await forge({ cert: neighbour.certificate, key: keyPemOf(neighbour.key) });
    redirect(data, fake.port, 'localhost');
    const agent = await runAgent(data);
    await until('three tries', () => fake.tries() >= 3, 60_000);
    expect(fake.heard()).toBe('');
    expect(agent.output()).toContain('not one of a hub');
    expect(await agent.stop()).toBe(0);
  });
});
