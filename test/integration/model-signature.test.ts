// A version for outsiders, end to end: registered and signed by a publisher, or trained and signed by the hub, written to
// a folder by the command line, checked without a hub, and every kind of tampering found.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runCli } from '@drover/cli/cli';
import { remove, scratch } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { buildOffsetModel, buildOffsetVectors } from '@drover/testkit/versions';
import { makeKey } from '@drover/trust/dsse';
import { openOmsKeyFile } from '@drover/trust/oms/key';
import { signVersion } from '@drover/trust/oms/version-files';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let dir: string;
let hub: InsideHub;

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env: { DROVER_HUB: hub.httpUrl, DROVER_TOKEN_FILE: path.join(dir, 'hub/run/token') },
    cwd: dir,
    home: dir,
    isTerminal: false,
    width: 0,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readStdin: async () => '',
    readSecret: async () => undefined,
    now: Date.now,
  });
  return { code, out, err };
}
const file = (...names: string[]): string => path.join(dir, ...names);

beforeAll(async () => {
  dir = scratch('model-signature');
  hub = await openInsideHub({}, file('hub'));
  writeFileSync(file('m.onnx'), buildOffsetModel(1));
  writeFileSync(file('v.json'), buildOffsetVectors(1));
});
afterAll(async () => {
  await hub.end();
  remove(dir);
});

const register = (...more: string[]) =>
  run('model', 'register', 'm.onnx', '--name', 'wear', '--vectors', 'v.json', '--data', 'hub', ...more);

describe('a registered version', () => {
  it('gets a signature by the key beside the release key, is written to a folder, and verifies', async () => {
    expect(await register()).toMatchObject({ code: 0 });
    const shown = JSON.parse((await run('model', 'show', 'wear@1', '--json')).out) as {
      manifest: string;
      signatures: { key: string; sha256: string }[];
    };
    const own = await run('model', 'oms-key', 'hub/keys/oms.pem');
    expect(shown.signatures.map(({ key }) => key)).toEqual([createHash('sha256').update(own.out).digest('hex')]);
    expect(await run('model', 'bundle', 'wear', '--out', 'w', '--key-out', 'pub.pem')).toMatchObject({ code: 0 });
    expect(readdirSync(file('w')).toSorted()).toEqual(['manifest.json', 'model.onnx', 'model.sig', 'vectors.json']);
    expect(
      createHash('sha256')
        .update(readFileSync(file('w/manifest.json')))
        .digest('hex'),
    ).toBe(shown.manifest);
    const { sha256 } = shown.signatures[0] ?? { sha256: '' };
    expect(
      createHash('sha256')
        .update(readFileSync(file('w/model.sig')))
        .digest('hex'),
    ).toBe(sha256);
    const verified = await run('model', 'verify', 'w', '--key', 'pub.pem');
    expect(verified).toMatchObject({ code: 0, err: '' });
    expect(verified.out).toContain('3 files of "wear-1"');
    expect(await run('model', 'bundle', 'wear', '--out', 'w')).toMatchObject({ code: 2 });
  });

  it.each<[string, () => void, string]>([
    ['another model', () => writeFileSync(file('t/model.onnx'), buildOffsetModel(2)), 'oms_file_changed'],
    ['a manifest with one space more', () => writeFileSync(file('t/manifest.json'), `${readFileSync(file('t/manifest.json'), 'utf8')} `), 'oms_file_changed'],
    ['a missing file', () => rmSync(file('t/vectors.json')), 'oms_file_missing'],
    ['a file more', () => writeFileSync(file('t/README'), ''), 'oms_file_unsigned'],
    ['another signature', () => writeFileSync(file('t/model.sig'), '{}'), 'oms_malformed'],
  ])('with %s is refused', async (_, change, code) => {
    rmSync(file('t'), { recursive: true, force: true });
    expect(await run('model', 'bundle', 'wear@1', '--out', 't')).toMatchObject({ code: 0 });
    change();
    const found = await run('model', 'verify', 't', '--key', 'pub.pem', '--json');
    expect(found.code).toBe(1);
    expect(JSON.parse(found.err)).toMatchObject({ code });
  }); // biome-ignore format: one case a line

  it('can be signed by a second publisher, and each signature can be had', async () => {
    const other = await run('model', 'oms-key', 'acme.pem');
    writeFileSync(file('acme-pub.pem'), other.out);
    expect(await register('--oms-key', 'acme.pem')).toMatchObject({ code: 0 });
    const key = createHash('sha256').update(other.out).digest('hex');
    expect(await run('model', 'bundle', 'wear@1', '--out', 'a', '--signer', key)).toMatchObject({ code: 0 });
    expect(await run('model', 'verify', 'a', '--key', 'acme-pub.pem')).toMatchObject({ code: 0 });
    const wrong = await run('model', 'verify', 'a', '--key', 'pub.pem', '--json');
    expect(JSON.parse(wrong.err)).toMatchObject({ code: 'oms_key_mismatch' });
    const { json } = await hub.ask('GET', '/api/v1/audit?action=version.sign');
    expect(json).toMatchObject({
      items: [{ subject: 'wear@1', detail: { after: { hint: key } } }, { subject: 'wear@1' }],
    });
    expect(await register('--oms-key', 'none.pem')).toMatchObject({ code: 2 });
  });

  it('takes no signature about other files, none that does not match, and no private key', async () => {
    const manifest = JSON.parse(readFileSync(file('w/manifest.json'), 'utf8'));
    const signer = openOmsKeyFile(file('acme.pem'));
    if (!signer.ok) throw new Error(signer.detail);
    const put = async (bundle: Uint8Array, publicKey: string, version = 1) =>
      (
        await hub.ask('PUT', `/api/v1/models/wear/versions/${version}/oms`, {
          bundle: Buffer.from(bundle).toString('base64'),
          publicKey,
        })
      ).json;
    const { spkiPem } = signer.value;
    expect(await put(await signVersion(manifest, '0'.repeat(64), signer.value), spkiPem)).toMatchObject({
      code: 'oms_version_mismatch',
    });
    const good = readFileSync(file('a/model.sig'));
    expect(await put(good, readFileSync(file('pub.pem'), 'utf8'))).toMatchObject({ code: 'oms_key_mismatch' });
    expect(await put(good, makeKey().pem)).toMatchObject({ code: 'key_invalid' });
    expect(await put(good, spkiPem, 9)).toMatchObject({ code: 'version_unknown' });
    expect(await hub.ask('GET', '/api/v1/models/wear/versions/9/oms')).toMatchObject({ status: 404 });
  });
});

describe('the command line', () => {
  it('lists, exports, merges and verifies the audit log', async () => {
    const key = await run('audit', 'key');
    writeFileSync(file('audit.pem'), key.out);
    writeFileSync(file('kept.jsonl'), (await run('audit', 'checkpoints')).out);
    expect(await run('audit', 'export', '--out', 'one.jsonl')).toMatchObject({ code: 0 });
    await hub.ask('POST', '/api/v1/devices', { id: 'press-8' });
    expect(await run('audit', 'export', '--out', 'two.jsonl')).toMatchObject({ code: 0 });
    expect((await run('audit', 'export')).out).toContain('"type":"end"');
    const list = await run('audit', 'list', '--subject', 'press-8');
    expect(list.out).toContain('device.join');
    const proof = ['--key', 'audit.pem', '--checkpoints', 'kept.jsonl'];
    for (const source of [[], ['one.jsonl'], ['two.jsonl']]) {
      const found = await run('audit', 'verify', ...source, ...proof);
      expect(found).toMatchObject({ code: 0, err: '' });
      expect(found.out).toMatch(/^Whole: rows 1 to \d+ of the hub [0-9a-f]{32}/);
    }
    expect(await run('audit', 'merge', 'one.jsonl', 'two.jsonl', '--out', 'both.jsonl')).toMatchObject({ code: 0 });
    expect(readFileSync(file('both.jsonl'), 'utf8')).toBe(readFileSync(file('two.jsonl'), 'utf8'));
    // What was cut off shows by a checkpoint of the longer one.
    const cut = await run('audit', 'verify', 'one.jsonl', '--key', 'audit.pem', '--checkpoints', 'two.jsonl', '--json');
    expect(JSON.parse(cut.err)).toMatchObject({ code: 'audit_truncated' });
    writeFileSync(file('bad.jsonl'), readFileSync(file('two.jsonl'), 'utf8').replace('press-8', 'press-9'));
    const bad = await run('audit', 'verify', 'bad.jsonl', '--json');
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.err)).toMatchObject({ code: 'audit_row_altered' });
    expect(await run('audit', 'verify', 'nowhere.jsonl')).toMatchObject({ code: 2 });
    const split = await run('audit', 'merge', 'two.jsonl', 'bad.jsonl', '--out', 'c.jsonl', '--json');
    expect(JSON.parse(split.err)).toMatchObject({ code: 'audit_merge_conflict' });
    expect(existsSync(file('c.jsonl'))).toBe(false);
    writeFileSync(file('other.pem'), readFileSync(file('pub.pem')));
    expect(await run('audit', 'verify', 'one.jsonl', '--key', 'other.pem')).toMatchObject({ code: 1 });
    expect(statSync(file('one.jsonl')).mode & 0o777).toBe(0o600);
  });
});
