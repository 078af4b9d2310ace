import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUNDLE_TYPE, parseOmsBundle, SIGNATURE_FILE, signOmsBundle, verifyOmsBundle } from './bundle.ts';
import { compareFiles, hashFolder } from './folder.ts';
import {
  createOmsKeyFile,
  makeOmsKey,
  type OmsSigner,
  omsSignerFromPem,
  openOmsKeyFile,
  readOmsPublicKey,
} from './key.ts';
import { encodeStatement, isOmsPath, type OmsFile, parseStatement, rootDigestOf } from './statement.ts';
import { checkVersionFiles, listVersionFiles } from './version-files.ts';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const signerOn = (namedCurve: string): OmsSigner => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve });
  const signer = omsSignerFromPem(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  if (signer === undefined) throw new Error('no signer');
  return signer;
};
const signer = signerOn('prime256v1');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-oms-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (name: string, text: string): void => {
  mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
  writeFileSync(path.join(dir, name), text);
};

async function signFolder(by: OmsSigner = signer): Promise<Uint8Array> {
  const files = await hashFolder(dir, []);
  if (!files.ok) throw new Error(files.detail);
  const bundle = await signOmsBundle('pump-1', files.value, by);
  writeFileSync(path.join(dir, SIGNATURE_FILE), bundle);
  return bundle;
}

async function checkFolder(pem = signer.spkiPem): Promise<string> {
  const file = path.join(dir, SIGNATURE_FILE);
  const verified = verifyOmsBundle(readFileSync(file), pem);
  if (!verified.ok) return verified.code;
  const found = await hashFolder(dir, verified.value.statement.ignoredPaths, file);
  if (!found.ok) return found.code;
  const same = compareFiles(verified.value.statement, found.value);
  return same.ok ? 'ok' : same.code;
}

describe('a model signature', () => {
  it.each(['prime256v1', 'secp384r1', 'secp521r1'])('on %s covers every file of a folder', async (curve) => {
    const by = signerOn(curve);
    write('model.onnx', 'weights');
    write('deep/er/notes.txt', 'words');
    write('.git/config', 'left out at the top');
    await signFolder(by);
    expect(await checkFolder(by.spkiPem)).toBe('ok');
  });

  it.each<[string, () => void, string]>([
    ['a changed file', () => write('model.onnx', 'other'), 'oms_file_changed'],
    ['a missing file', () => rmSync(path.join(dir, 'a/b.json')), 'oms_file_missing'],
    ['a file that was not signed', () => write('a/extra', ''), 'oms_file_unsigned'],
    ['a renamed file', () => { write('c.json', '{}'); rmSync(path.join(dir, 'a/b.json')); }, 'oms_file_missing'],
    ['.git below the top', () => write('a/.git/x', ''), 'oms_file_unsigned'],
    ['a link', () => symlinkSync('/etc/hostname', path.join(dir, 'a/link')), 'oms_folder_invalid'],
    ['a link to a folder', () => symlinkSync('/etc', path.join(dir, 'etc')), 'oms_folder_invalid'],
  ])('does not cover %s', async (_, change, code) => {
    write('model.onnx', 'weights');
    write('a/b.json', '{}');
    await signFolder();
    expect(await checkFolder()).toBe('ok');
    change();
    expect(await checkFolder()).toBe(code);
  }); // biome-ignore format: one case a line

  it('is refused under another key, even when it names no key', async () => {
    write('m', '1');
    const bundle = await signFolder();
    const other = signerOn('prime256v1');
    expect(verifyOmsBundle(bundle, other.spkiPem)).toMatchObject({ code: 'oms_key_mismatch' });
    const json = JSON.parse(Buffer.from(bundle).toString('utf8'));
    // The form of bundles before v1.1.0.
    json.verificationMaterial.publicKey = { rawBytes: 'AAAA', keyDetails: 'PKIX_ECDSA_P256_SHA_256' };
    const old = Buffer.from(JSON.stringify(json));
    expect(verifyOmsBundle(old, other.spkiPem)).toMatchObject({ code: 'signature_invalid' });
    expect(verifyOmsBundle(old, signer.spkiPem)).toMatchObject({ ok: true });
  });

  it('takes no Ed25519 key, no private key and no other curve', () => {
    const pem = (key: ReturnType<typeof generateKeyPairSync>['publicKey']) =>
      String((key as { export(o: object): unknown }).export({ format: 'pem', type: 'spki' }));
    expect(readOmsPublicKey(pem(generateKeyPairSync('ed25519').publicKey as never))).toMatchObject({
      code: 'oms_unsupported',
    });
    expect(
      readOmsPublicKey(pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey as never)),
    ).toMatchObject({
      code: 'oms_unsupported',
    });
    expect(readOmsPublicKey(makeOmsKey())).toMatchObject({ code: 'key_invalid' });
    expect(readOmsPublicKey('nothing')).toMatchObject({ code: 'key_invalid' });
  });

  it('names its key by the SHA-256 of the PEM, whatever form the PEM came in', async () => {
    const { spkiPem } = signer;
    const oneLine = spkiPem.replaceAll('\n', '\r\n');
    const key = readOmsPublicKey(oneLine);
    expect(key).toMatchObject({ ok: true, value: { curve: 'P-256', hint: sha(spkiPem) } });
    const bundle = parseOmsBundle(await signOmsBundle('x', [{ name: 'a', sha256: sha('') }], signer));
    expect(bundle).toMatchObject({ ok: true, value: { method: 'key', hint: sha(spkiPem) } });
  });

  it('keeps key files to their owner and never overwrites one', () => {
    const file = path.join(dir, 'oms.pem');
    createOmsKeyFile(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(openOmsKeyFile(file)).toMatchObject({ ok: true });
    expect(() => createOmsKeyFile(file)).toThrow(/EEXIST/);
  });
});

describe('bytes that somebody changed', () => {
  const files: OmsFile[] = [{ name: 'model.onnx', sha256: sha('m') }, { name: 'a/β.json', sha256: sha('b') }]; // biome-ignore format: one list

  it('are refused by code, whichever byte it was', async () => {
    const bundle = await signOmsBundle('pump-1', files, signer);
    fc.assert(
      fc.property(fc.nat(bundle.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = Buffer.from(bundle);
        bad[at] = (bad[at] ?? 0) ^ flip;
        const verified = verifyOmsBundle(bad, signer.spkiPem);
        if (!verified.ok) return true;
        // What is left is spelling that no signature covers: white space, and the key id that nobody reads.
        expect(verified.value.statement.files).toEqual(files.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
        return true;
      }),
      { numRuns: 2000 },
    );
  });

  it('of any kind never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => !parseOmsBundle(bytes).ok));
    fc.assert(fc.property(fc.json(), (text) => !verifyOmsBundle(Buffer.from(text), signer.spkiPem).ok));
    fc.assert(fc.property(fc.json(), (text) => !parseStatement(Buffer.from(text)).ok));
  });

  const sealed = async (statement: unknown): Promise<string> => {
    const payload = Buffer.from(JSON.stringify(statement));
    const type = 'application/vnd.in-toto+json';
    const pae = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    const bundle = {
      mediaType: BUNDLE_TYPE,
      verificationMaterial: { publicKey: { hint: sha(signer.spkiPem) } },
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType: type,
        signatures: [{ sig: Buffer.from(await signer.sign(pae)).toString('base64') }],
      },
    };
    const verified = verifyOmsBundle(Buffer.from(JSON.stringify(bundle)), signer.spkiPem);
    return verified.ok ? 'ok' : verified.code;
  };
  type Json = { subject: object[]; predicate: { resources: object[]; serialization: object } };
  const good = (): Json => JSON.parse(Buffer.from(encodeStatement('m', files, SIGNATURE_FILE)).toString('utf8'));

  it.each<[string, (s: Json) => unknown, string]>([
    ['nothing', (s) => s, 'ok'],
    ['fields of a resource that are unknown', (s) => { Object.assign(s.predicate.resources[0] ?? {}, { uri: 'x' }); return s; }, 'ok'],
    ['another predicate', (s) => ({ ...s, predicateType: 'https://example.com/x' }), 'oms_statement_invalid'],
    ['another statement type', (s) => ({ ...s, _type: 'https://in-toto.io/Statement/v0.1' }), 'oms_statement_invalid'],
    ['two subjects', (s) => ({ ...s, subject: [...s.subject, ...s.subject] }), 'oms_statement_invalid'],
    ['a wrong root digest', (s) => ({ ...s, subject: [{ name: 'm', digest: { sha256: sha('x') } }] }), 'oms_statement_invalid'],
    ['a file twice', (s) => { s.predicate.resources.push(s.predicate.resources[0] ?? {}); return s; }, 'oms_statement_invalid'],
    ['a path that climbs', (s) => { Object.assign(s.predicate.resources[0] ?? {}, { name: '../x' }); return s; }, 'oms_statement_invalid'],
    ['an absolute path', (s) => { Object.assign(s.predicate.resources[0] ?? {}, { name: '/etc/x' }); return s; }, 'oms_statement_invalid'],
    ['shards', (s) => { Object.assign(s.predicate.serialization, { method: 'shards', shard_size: 5 }); return s; }, 'oms_unsupported'],
    ['another hash', (s) => { Object.assign(s.predicate.serialization, { hash_type: 'blake3' }); return s; }, 'oms_unsupported'],
    ['links followed', (s) => { Object.assign(s.predicate.serialization, { allow_symlinks: true }); return s; }, 'oms_unsupported'],
    ['everything left out', (s) => { Object.assign(s.predicate.serialization, { ignore_paths: ['*'] }); return s; }, 'oms_statement_invalid'],
    ['no files', (s) => { s.predicate.resources.length = 0; return s; }, 'oms_statement_invalid'],
    ['a field of the predicate that is unknown', (s) => { Object.assign(s.predicate, { more: 1 }); return s; }, 'oms_statement_invalid'],
  ])('and signed again with %s', async (_, change, code) => {
    expect(await sealed(change(good()))).toBe(code);
  }); // biome-ignore format: one case a line
});

describe('a statement', () => {
  const names = fc.uniqueArray(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((s) => isOmsPath(s) && s.isWellFormed()),
    { minLength: 1, maxLength: 8 },
  );

  it('reads back what was written, in the order of code points', () => {
    fc.assert(
      fc.property(names, (given) => {
        const files = given.map((name) => ({ name, sha256: sha(name) }));
        const parsed = parseStatement(encodeStatement('m', files, SIGNATURE_FILE));
        if (!parsed.ok) throw new Error(parsed.detail);
        const points = (text: string) =>
          Array.from(text)
            .map((c) => (c.codePointAt(0) ?? 0).toString(16).padStart(6, '0'))
            .join();
        const sorted = files.toSorted((a, b) => (points(a.name) < points(b.name) ? -1 : 1));
        expect(parsed.value.files).toEqual(sorted);
        expect(parsed.value.rootDigest).toBe(rootDigestOf(sorted));
      }),
    );
  });

  it('of a version names its four files and no other version', () => {
    const ref = (text: string) => ({ sha256: sha(text), size: text.length });
    const blobs = { model: ref('m'), baseline: ref('b'), vectors: ref('v') };
    const parsed = parseStatement(
      encodeStatement('pump-1', listVersionFiles({ blobs }, sha('manifest')), SIGNATURE_FILE),
    );
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(parsed.value.files.map(({ name }) => name)).toEqual([
      'baseline.json',
      'manifest.json',
      'model.onnx',
      'vectors.json',
    ]);
    expect(checkVersionFiles(parsed.value, { blobs }, sha('manifest')).ok).toBe(true);
    expect(checkVersionFiles(parsed.value, { blobs }, sha('other')).ok).toBe(false);
    expect(checkVersionFiles(parsed.value, { blobs: { model: ref('m') } }, sha('manifest')).ok).toBe(false);
  });
});
