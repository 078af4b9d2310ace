import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SignedEnvelope } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DesiredDoc,
  encodeDocument,
  type Manifest,
  PAYLOAD_TYPES,
  parseDesiredDoc,
  parseManifest,
  parseRoot,
} from './documents.ts';
import { countSignatures, digestOf, encodePae, makeKey, type Signer, signPayload } from './dsse.ts';
import { createKeyFile, openKeyFile } from './key-files.ts';
import { signRoot } from './root.ts';
import { openTrustedSet, type TrustedSet } from './trusted-set.ts';

const manifest: Manifest = {
  type: 'drover.manifest/1', project: 'default', model: 'press-failure', version: 3, createdAt: '2026-11-21T00:00:00Z', release: 3,
  blobs: { model: { sha256: 'ab'.repeat(32), size: 1234 } },
  inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
  features: [{ name: 'load', kind: 'numeric', input: 'x', index: 0 }, { name: 'wear', kind: 'numeric', input: 'x', index: 1 }],
  task: { kind: 'regression', output: 'y' },
  runtime: { irVersion: 8, opset: 18, mlOpset: 3 },
  lineage: { source: 'trained' },
}; // biome-ignore format: one document
const desired: DesiredDoc = {
  type: 'drover.desired/1', device: 'press-1', generation: 4, issuedAt: '2026-11-21T00:00:00Z', expiresAt: '2026-12-21T00:00:00Z',
  slots: { default: { deploymentId: '0'.repeat(32), manifest: 'cd'.repeat(32) } },
  policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 1000 },
}; // biome-ignore format: one document

let keys: { root: Signer; release: Signer; director: Signer; stranger: Signer };
let trusted: TrustedSet;
let rootEnvelope: SignedEnvelope;

beforeAll(async () => {
  keys = { root: makeKey().signer, release: makeKey().signer, director: makeKey().signer, stranger: makeKey().signer };
  rootEnvelope = await signRoot(1, { root: [keys.root], release: [keys.release], director: [keys.director] });
  const opened = openTrustedSet(rootEnvelope);
  if (!opened.ok) throw new Error(opened.detail);
  trusted = opened.value;
});

describe('DSSE', () => {
  it('encodes PAE as the protocol example shows', () => {
    const pae = encodePae('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(Buffer.from(pae).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('counts each key once, however often it signed', async () => {
    const envelope = await signPayload('t', Buffer.from('x'), [keys.release, keys.release]);
    expect(countSignatures(envelope, new Map([[keys.release.keyid, keys.release.publicKey]]))).toEqual({
      valid: 1,
      broken: 0,
    });
  });
});

describe('the trusted set', () => {
  it('believes what the right role signed and names it by the digest of its bytes', async () => {
    const payload = encodeDocument(manifest);
    const believed = trusted.verifyManifest(await signPayload(PAYLOAD_TYPES.manifest, payload, [keys.release]));
    expect(believed).toEqual({ ok: true, value: { document: manifest, digest: digestOf(payload) } });
    expect(
      trusted.verifyDesired(await signPayload(PAYLOAD_TYPES.desired, encodeDocument(desired), [keys.director])),
    ).toMatchObject({ ok: true });
  });

  it('refuses a stranger, the wrong role, no signature, another type', async () => {
    const payload = encodeDocument(manifest);
    const by = (...signers: Signer[]) => signPayload(PAYLOAD_TYPES.manifest, payload, signers);
    expect(trusted.verifyManifest(await by(keys.stranger))).toMatchObject({ ok: false, code: 'signature_missing' });
    expect(trusted.verifyManifest(await by(keys.director))).toMatchObject({ ok: false, code: 'signature_missing' });
    expect(trusted.verifyManifest(await by())).toMatchObject({ ok: false, code: 'signature_missing' });
    const asDesired = await signPayload(PAYLOAD_TYPES.desired, payload, [keys.release]);
    expect(trusted.verifyManifest(asDesired)).toMatchObject({ ok: false, code: 'payload_type_mismatch' });
    expect(trusted.verifyDesired(asDesired)).toMatchObject({ ok: false, code: 'signature_missing' });
  });

  it('refuses any change of a single byte of payload, signature or type', async () => {
    const envelope = await signPayload(PAYLOAD_TYPES.manifest, encodeDocument(manifest), [keys.release]);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, mask, inPayload) => {
        const payload = Uint8Array.from(envelope.payload);
        const sig = Uint8Array.from(envelope.signatures[0]?.sig ?? []);
        const target = inPayload ? payload : sig;
        target[at % target.length] = (target[at % target.length] ?? 0) ^ mask;
        const changed = { ...envelope, payload, signatures: [{ keyid: keys.release.keyid, sig }] };
        expect(trusted.verifyManifest(changed)).toMatchObject({ ok: false, code: 'signature_invalid' });
      }),
    );
  });

  it('refuses a root that someone else signed or whose key id is not its key', async () => {
    const forged = await signPayload(PAYLOAD_TYPES.root, rootEnvelope.payload, [keys.stranger]);
    expect(openTrustedSet(forged)).toMatchObject({ ok: false, code: 'signature_missing' });
    const root = JSON.parse(Buffer.from(rootEnvelope.payload).toString());
    root.keys[keys.release.keyid] = Buffer.from(keys.stranger.publicKey).toString('base64url');
    const swapped = await signPayload(PAYLOAD_TYPES.root, Buffer.from(JSON.stringify(root)), [keys.root]);
    expect(openTrustedSet(swapped)).toMatchObject({ ok: false, code: 'root_invalid' });
  });
});

describe('documents', () => {
  it('never throw on any bytes or any JSON', () => {
    for (const parse of [parseManifest, parseDesiredDoc, parseRoot]) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (b) => {
          expect(parse(b)).toHaveProperty('ok', false);
        }),
      );
      fc.assert(
        fc.property(fc.jsonValue(), (j) => {
          expect(parse(Buffer.from(JSON.stringify(j)))).toHaveProperty('ok', false);
        }),
      );
    }
  });

  it('say where a manifest is wrong', () => {
    const parse = (change: object) => parseManifest(Buffer.from(JSON.stringify({ ...manifest, ...change })));
    expect(parse({})).toMatchObject({ ok: true });
    expect(parse({ version: 0 })).toMatchObject({
      ok: false,
      code: 'manifest_invalid',
      detail: expect.stringContaining('/version'),
    });
    expect(parse({ features: [{ name: 'a', kind: 'numeric', input: 'q', index: 0 }] })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('"q"'),
    });
    expect(parse({ task: { kind: 'regression', output: 'z' } })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('"z"'),
    });
  });
});

describe('key files', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-keys-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('are made with mode 0600, never overwritten, and refused when others can read them', () => {
    const file = path.join(dir, 'release.pem');
    const made = createKeyFile(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(openKeyFile(file)).toMatchObject({ ok: true, value: { keyid: made.keyid } });
    const before = readFileSync(file, 'utf8');
    expect(() => createKeyFile(file)).toThrow(/EEXIST/);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(dir).filter((name) => name.startsWith('release.pem'))).toEqual(['release.pem']);
    chmodSync(file, 0o644);
    expect(openKeyFile(file)).toMatchObject({ ok: false, code: 'key_invalid' });
  });

  it('are made although an earlier start was cut off while it wrote one', () => {
    const file = path.join(dir, 'director.pem');
    writeFileSync(`${file}.new`, 'half a k', { mode: 0o600 });
    const made = createKeyFile(file);
    expect(openKeyFile(file)).toMatchObject({ ok: true, value: { keyid: made.keyid } });
  });

  it('are refused when they hold anything else', () => {
    const file = path.join(dir, 'junk.pem');
    writeFileSync(file, 'junk', { mode: 0o600 });
    expect(openKeyFile(file)).toMatchObject({ ok: false, code: 'key_invalid' });
  });
});
