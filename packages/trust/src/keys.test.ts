import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openCommandSigner, parseCommandSigner } from './command-signer.ts';
import { type KeyContainer, makeContainer, openContainer, parseContainer } from './key-container.ts';
import { createContainerFile, createKeyFile, describeKeyFile, openAnyKeyFile, openKeyFile } from './key-files.ts';
import { openPassphrase } from './passphrase.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-key-'));
afterAll(() => rmSync(dir, { recursive: true }));

const PASSPHRASE = 'correct horse battery';
/** The cheapest cost that is read; the real one is tried once, through a file. */
const CHEAP = 14;

async function made(): Promise<KeyContainer> {
  const container = await makeContainer('root', PASSPHRASE, CHEAP);
  if (!container.ok) throw new Error(container.detail);
  return container.value.container;
}

describe('encrypted keys', () => {
  it('are files of mode 0600 that show role and key, never the private key, and open with the passphrase', async () => {
    const file = path.join(dir, 'root.key');
    const signer = await createContainerFile(file, 'root', PASSPHRASE);
    if (!signer.ok) throw new Error(signer.detail);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { keyid } = signer.value;
    expect(describeKeyFile(file)).toMatchObject({ ok: true, value: { form: 'encrypted', role: 'root', keyid } });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ kdf: { name: 'scrypt', logN: 17, r: 8, p: 1 } });
    expect(readFileSync(file, 'utf8')).not.toContain('PRIVATE');
    const pass = openPassphrase({ env: { DROVER_KEY_PASSPHRASE: PASSPHRASE } });
    expect(await openAnyKeyFile(file, pass)).toMatchObject({ ok: true, value: { keyid } });
    const other = openPassphrase({ env: { DROVER_KEY_PASSPHRASE: 'incorrect horse' } });
    expect(await openAnyKeyFile(file, other)).toMatchObject({ ok: false, code: 'passphrase_wrong' });
    expect(await openAnyKeyFile(file, openPassphrase({ env: {} }))).toMatchObject({ code: 'passphrase_missing' });
    expect(openKeyFile(file)).toMatchObject({ ok: false, code: 'passphrase_missing' });
    await expect(createContainerFile(file, 'root', PASSPHRASE)).rejects.toThrow(/EEXIST/);
  });

  it('are not made under a passphrase that is too short', async () => {
    expect(await makeContainer('root', 'short', CHEAP)).toMatchObject({ ok: false, code: 'passphrase_wrong' });
  });

  it('do not open when anything in them was changed', async () => {
    const container = await made();
    const other = await made();
    expect(await openContainer(container, PASSPHRASE)).toMatchObject({ ok: true });
    const changes: Partial<KeyContainer>[] = [
      { role: 'director' },
      { publicKey: other.publicKey, keyid: other.keyid },
      { kdf: { ...container.kdf, salt: other.kdf.salt } },
      { cipher: other.cipher },
      { sealed: other.sealed },
    ];
    for (const change of changes)
      expect(await openContainer({ ...container, ...change }, PASSPHRASE)).toMatchObject({ code: 'passphrase_wrong' });
    expect(parseContainer({ ...container, publicKey: other.publicKey })).toMatchObject({ code: 'key_invalid' });
  });

  it('ask for no more memory than a machine has, and are never read from junk', async () => {
    const container = await made();
    expect(parseContainer({ ...container, kdf: { ...container.kdf, logN: 30 } })).toMatchObject({
      code: 'key_invalid',
    });
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(parseContainer(json)).toMatchObject({ ok: false });
        expect(parseCommandSigner(json)).toMatchObject({ ok: false });
      }),
    );
  });
});

describe('a passphrase', () => {
  it('comes from the file that a flag names, then from variables, then from a person, and is asked for once', async () => {
    const file = path.join(dir, 'pass');
    writeFileSync(file, 'from the file\nsecond line', { mode: 0o600 });
    const env = { DROVER_KEY_PASSPHRASE: 'from the variable' };
    expect(await openPassphrase({ file, env })('?')).toEqual({ ok: true, value: 'from the file' });
    expect(await openPassphrase({ env: { ...env, DROVER_KEY_PASSPHRASE_FILE: file } })('?')).toMatchObject({
      value: 'from the file',
    });
    expect(await openPassphrase({ env })('?')).toMatchObject({ value: 'from the variable' });
    let asked = 0;
    const ask = async () => `typed ${++asked}`;
    const pass = openPassphrase({ env: {}, ask });
    expect([await pass('?'), await pass('?')]).toMatchObject([{ value: 'typed 1' }, { value: 'typed 1' }]);
  });

  it('is refused from a file that others can read, is empty or is not there', async () => {
    const file = path.join(dir, 'open');
    writeFileSync(file, 'secret', { mode: 0o644 });
    chmodSync(file, 0o644);
    expect(await openPassphrase({ file, env: {} })('?')).toMatchObject({ ok: false, code: 'passphrase_missing' });
    const empty = path.join(dir, 'empty');
    writeFileSync(empty, '\n', { mode: 0o600 });
    expect(await openPassphrase({ file: empty, env: {} })('?')).toMatchObject({ code: 'passphrase_missing' });
    expect(await openPassphrase({ file: path.join(dir, 'none'), env: {} })('?')).toMatchObject({
      code: 'passphrase_missing',
    });
  });
});

describe('a program that signs', () => {
  const key = path.join(dir, 'token.pem');
  const { publicKey, keyid } = createKeyFile(key);
  const program = (name: string, body: string): string[] => {
    const file = path.join(dir, name);
    writeFileSync(file, body);
    return [process.execPath, file, key];
  };
  const signing = `
    const { sign, createPrivateKey } = require('node:crypto');
    const { readFileSync } = require('node:fs');
    const bytes = readFileSync(0);
    process.stdout.write(sign(null, bytes, createPrivateKey(readFileSync(process.argv[2]))).toString('base64') + '\\n');`;
  const descriptor = (command: string[], more: object = {}) => ({
    type: 'drover.signer/1' as const,
    role: 'root',
    publicKey: Buffer.from(publicKey).toString('base64url'),
    command,
    ...more,
  });

  it('stands in place of a key file and signs', async () => {
    const file = path.join(dir, 'token.json');
    writeFileSync(file, JSON.stringify(descriptor(program('sign.cjs', signing))), { mode: 0o600 });
    expect(describeKeyFile(file)).toMatchObject({ ok: true, value: { form: 'command', role: 'root', keyid } });
    const signer = openKeyFile(file);
    const own = openKeyFile(key);
    if (!signer.ok || !own.ok) throw new Error('both open');
    const bytes = Buffer.from('exact bytes');
    expect(await signer.value.sign(bytes)).toEqual(await own.value.sign(bytes));
  });

  it.each([
    ['writes something else', `process.stdout.write('hello')`, /did not write a signature/],
    ['signs other bytes', signing.replace('sign(null, bytes', "sign(null, Buffer.from('x')"), /did not write a sig/],
    ['fails', 'process.exit(3)', /exit code 3/],
    ['never answers', 'setInterval(() => {}, 1000)', /no answer within/],
    ['never stops writing', `setInterval(() => process.stdout.write('x'.repeat(5000)), 1)`, /more than 4096/],
  ])('is not believed when it %s', async (name, body, says) => {
    const timeoutMs = name === 'never answers' ? 300 : 20_000;
    const command = program(`${name.replaceAll(' ', '-')}.cjs`, body);
    const signer = openCommandSigner({ ...descriptor(command), timeoutMs });
    await expect(signer.sign(Buffer.from('b'))).rejects.toThrow(says);
  });

  it('is named by its full path and must exist', async () => {
    expect(parseCommandSigner(descriptor(['sign']))).toMatchObject({ ok: false, code: 'key_invalid' });
    const signer = openCommandSigner(descriptor(['/nowhere/sign']));
    await expect(signer.sign(Buffer.from('b'))).rejects.toThrow(/cannot be started/);
  });

  it('does not see the passphrase of other keys', async () => {
    process.env['DROVER_KEY_PASSPHRASE'] = 'not for others';
    const command = program('env.cjs', `process.exit('DROVER_KEY_PASSPHRASE' in process.env ? 7 : 8)`);
    await expect(openCommandSigner(descriptor(command)).sign(Buffer.from('b'))).rejects.toThrow(/exit code 8/);
    delete process.env['DROVER_KEY_PASSPHRASE'];
  });
});
