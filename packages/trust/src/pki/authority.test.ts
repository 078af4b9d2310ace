import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Authority, makeCaCertificate, openAuthority } from './authority.ts';
import { makeCsr, readCsr } from './csr.ts';
import { ensureP256File, keyHashOf, makeP256, openP256File, spkiOf } from './p256.ts';
import { checkIsHub, readDeviceIdentity } from './peer.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-pki-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function makeAuthority(name = 'Drover test'): Promise<Authority> {
  const key = makeP256();
  const opened = openAuthority(key, await makeCaCertificate(key, name));
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}
const authority = await makeAuthority();
const NOW = Date.UTC(2026, 5, 1);

/** What OpenSSL itself says at a time, as an oracle that is not our library. */
function opensslVerify(pem: string, at: number, purpose: string, host?: string): boolean {
  const ca = path.join(dir, 'ca.pem');
  const leaf = path.join(dir, 'leaf.pem');
  writeFileSync(ca, authority.pem);
  writeFileSync(leaf, pem);
  const time = String(Math.floor(at / 1000));
  const name = host === undefined ? [] : ['-verify_hostname', host];
  try {
    execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-attime', time, '-purpose', purpose, ...name, '-CAfile', ca, leaf],
      { stdio: 'pipe' },
    );
    return true;
  } catch {
    return false;
  }
}

describe('certificates of the CA', () => {
  it('lets a clock of 1970 accept the hub, and no clock after the end', async () => {
    const server = await authority.issueServer({ names: ['hub.example', '127.0.0.1', '::1'], now: NOW, days: 90 });
    const judge = (at: number, host: string) => opensslVerify(server.pem, at, 'sslserver', host);
    expect([judge(1000, 'hub.example'), judge(NOW, 'hub.example'), judge(NOW, 'other.example')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(judge(Date.UTC(2090, 0, 1), 'hub.example')).toBe(false);
    const read = new X509Certificate(server.pem);
    expect(read.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(read.checkIP('::1')).toBe('::1');
    expect(opensslVerify(server.pem, NOW, 'sslclient')).toBe(false);
    expect(readDeviceIdentity(read)).toBeUndefined();
  });

  it('names the device and its key, from issue to end', async () => {
    const spki = spkiOf(makeP256());
    const issued = await authority.issueDevice({ device: 'press-1', spki, now: NOW, days: 30 });
    const read = new X509Certificate(issued.pem);
    expect(readDeviceIdentity(read)).toEqual({
      device: 'press-1',
      serial: issued.serial,
      keyHash: keyHashOf(spki),
      notBefore: issued.notBefore,
      notAfter: NOW + 30 * 86_400_000,
    });
    for (const purpose of ['sslclient', 'sslserver']) expect(opensslVerify(issued.pem, NOW, purpose)).toBe(true);
    expect(opensslVerify(issued.pem, 1000, 'sslclient')).toBe(false);
    expect(opensslVerify(issued.pem, issued.notAfter + 1000, 'sslclient')).toBe(false);
  });

  it('is no hub for an agent when it is a device, whatever its id', async () => {
    const issued = await authority.issueDevice({ device: 'localhost', spki: spkiOf(makeP256()), now: NOW, days: 1 });
    const names = new X509Certificate(issued.pem).subjectAltName;
    expect(checkIsHub({ subjectaltname: names })).toBeInstanceOf(Error);
    expect(checkIsHub({ subjectaltname: undefined })).toBeInstanceOf(Error);
    const server = await authority.issueServer({ names: ['localhost'], now: NOW, days: 1 });
    expect(checkIsHub({ subjectaltname: new X509Certificate(server.pem).subjectAltName })).toBeUndefined();
  });

  it('opens only a CA whose key and certificate belong together', async () => {
    const key = makeP256();
    const pem = await makeCaCertificate(key, 'one');
    expect(openAuthority(makeP256(), pem)).toMatchObject({ ok: false, code: 'ca_invalid' });
    expect(openAuthority(key, 'no pem')).toMatchObject({ ok: false, code: 'ca_invalid' });
    const leaf = await authority.issueDevice({ device: 'd', spki: spkiOf(key), now: NOW, days: 1 });
    expect(openAuthority(key, leaf.pem)).toMatchObject({ ok: false, code: 'ca_invalid' });
  });
});

describe('certificate requests', () => {
  it('give the key of their signer', async () => {
    const key = makeP256();
    expect(await readCsr(await makeCsr(key, 'any name, CN=root'))).toEqual({
      ok: true,
      value: new Uint8Array(spkiOf(key)),
    });
  });

  it('never give another key when a byte differs, and are refused when cut, too large or anything else', async () => {
    const key = makeP256();
    const der = await makeCsr(key, 'press-1');
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const bent = Buffer.from(der);
        bent[at] = (bent[at] ?? 0) ^ bits;
        const read = await readCsr(bent);
        // A length that the reader of ASN.1 tolerates changes nothing of what was signed.
        if (read.ok) expect(Buffer.from(read.value)).toEqual(spkiOf(key));
        else refused++;
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(100);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        expect(await readCsr(bytes)).toMatchObject({ ok: false, code: 'csr_invalid' });
      }),
      { numRuns: 100 },
    );
    expect(await readCsr(new Uint8Array(100_000))).toMatchObject({ ok: false, code: 'csr_invalid' });
    expect(await readCsr(der.subarray(0, der.length - 1))).toMatchObject({ ok: false });
  });
});

describe('key files', () => {
  it('are made once, with mode 0600, and refused when others can read them', () => {
    const file = path.join(dir, 'device.key');
    const first = ensureP256File(file);
    const second = ensureP256File(file);
    if (!first.ok || !second.ok) throw new Error('no key');
    expect([first.value.isNew, second.value.isNew, statSync(file).mode & 0o777]).toEqual([true, false, 0o600]);
    expect(spkiOf(second.value.key)).toEqual(spkiOf(first.value.key));
    writeFileSync(path.join(dir, 'loose.key'), 'x', { mode: 0o644 });
    expect(openP256File(path.join(dir, 'loose.key'))).toMatchObject({ ok: false, code: 'key_invalid' });
  });
});
