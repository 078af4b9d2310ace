// Lets the reference implementation of OpenSSF Model Signing (Python, from PyPI) judge what Drover signs, and Drover judge
// what it signs. Not part of `npm test`: it needs python3 and a package index. Says clearly when it did not run.
//
//   npm run oracles          exit code 0: all agree, 1: they differ, 3: it could not run
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runCli } from '@drover/cli/cli';
import { remove, scratch } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { until } from '@drover/testkit/until';
import { buildOffsetModel, buildOffsetVectors } from '@drover/testkit/versions';
import { SIGNATURE_FILE, signOmsBundle } from '@drover/trust/oms/bundle';
import { hashFolder } from '@drover/trust/oms/folder';
import { omsSignerFromPem } from '@drover/trust/oms/key';

/** It imports OpenSSL's binding, which its dependencies brought until sigstore 4 and bring no more. */
const PACKAGES = ['model-signing==1.1.1', 'pyOpenSSL'];
const INSTALL_MS = 300_000;
const TRAIN_MS = 120_000;

const dir = scratch('oms-oracle');
const file = (...names: string[]): string => path.join(dir, ...names);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const counts = { passed: 0, failed: 0 };

function judge(what: string, isRight: boolean, detail = ''): void {
  counts[isRight ? 'passed' : 'failed']++;
  say(`${isRight ? 'ok    ' : 'NOT OK'} ${what}${isRight || detail === '' ? '' : `: ${detail}`}`);
}

interface Ran {
  readonly code: number;
  readonly text: string;
}

function call(program: string, ...args: string[]): Ran {
  try {
    return { code: 0, text: execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe', timeout: INSTALL_MS }) };
  } catch (error) {
    const { status, stdout, stderr, message } = error as {
      status?: number;
      stdout?: string;
      stderr?: string;
      message: string;
    };
    return { code: status ?? 1, text: `${stdout ?? ''}${stderr ?? message}`.trim() };
  }
}

function install(): string | undefined {
  const venv = call('python3', '-m', 'venv', file('venv'));
  if (venv.code !== 0) return `python3 makes no virtual environment: ${venv.text.split('\n').at(-1)}`;
  const pip = call(file('venv/bin/pip'), 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES);
  if (pip.code === 0) {
    const version = reference('--version');
    return version.code === 0 ? undefined : `the reference does not start: ${version.text.split('\n').at(-1)}`;
  }
  return `pip cannot install ${PACKAGES.join(' and ')}: ${pip.text.split('\n').at(-1)}`;
}

const reference = (...args: string[]): Ran => call(file('venv/bin/python'), '-m', 'model_signing', ...args);
const theirs = (folder: string, key: string): Ran =>
  reference('verify', 'key', folder, '--signature', path.join(folder, SIGNATURE_FILE), '--public_key', key);

async function drover(hub: InsideHub | undefined, ...args: string[]): Promise<Ran> {
  let text = '';
  const take = (part: string): void => {
    text += part;
  };
  const code = await runCli(args, {
    env: hub === undefined ? {} : { DROVER_HUB: hub.httpUrl, DROVER_TOKEN_FILE: file('hub/run/token') },
    cwd: dir,
    home: dir,
    isTerminal: false,
    width: 0,
    out: take,
    err: take,
    readStdin: async () => '',
    readSecret: async () => undefined,
    now: Date.now,
  });
  return { code, text };
}
const ours = (folder: string, key: string): Promise<Ran> => drover(undefined, 'model', 'verify', folder, '--key', key);

/** A program that fails for another reason has refused nothing. */
const isRefused = ({ code, text }: Ran): boolean =>
  code === 1 && (/^Verification failed with error: /m.test(text) || /\[oms_[a-z_]+\]/.test(text));

const TAMPERINGS: readonly [string, (folder: string) => void][] = [
  ['a changed model', (folder) => appendFileSync(path.join(folder, 'model.onnx'), 'x')],
  ['a changed manifest', (folder) => appendFileSync(path.join(folder, 'manifest.json'), ' ')],
  ['a missing file', (folder) => rmSync(path.join(folder, 'vectors.json'))],
  ['a file more', (folder) => writeFileSync(path.join(folder, 'extra.bin'), 'x')],
];

async function judgeFolder(what: string, folder: string, key: string): Promise<void> {
  const accepted = theirs(folder, key);
  judge(`the reference accepts ${what}`, accepted.code === 0, accepted.text);
  const own = await ours(folder, key);
  judge(`Drover accepts ${what}`, own.code === 0, own.text);
  for (const [how, tamper] of TAMPERINGS) {
    const copy = file('tampered');
    rmSync(copy, { recursive: true, force: true });
    cpSync(folder, copy, { recursive: true });
    tamper(copy);
    const [by, own1] = [theirs(copy, key), await ours(copy, key)];
    judge(`the reference refuses ${what} with ${how}`, isRefused(by), by.text);
    judge(`Drover refuses ${what} with ${how}`, isRefused(own1), own1.text);
  }
}

/** A version that a publisher registers and one that the hub trains, as the command line writes them. */
async function judgeHub(): Promise<void> {
  const hub = await openInsideHub({}, file('hub'));
  try {
    writeFileSync(file('m.onnx'), buildOffsetModel(1));
    writeFileSync(file('v.json'), buildOffsetVectors(1));
    writeFileSync(
      file('wrong.pem'),
      (await drover(hub, 'model', 'oms-key', 'acme.pem')).text.replace(/^A new key.*\n/, ''),
    );
    const registered = await drover(
      hub,
      'model',
      'register',
      'm.onnx',
      '--name',
      'wear',
      '--vectors',
      'v.json',
      '--data',
      'hub',
    );
    judge('a version is registered', registered.code === 0, registered.text);
    await drover(hub, 'model', 'bundle', 'wear@1', '--out', 'registered', '--key-out', 'hub.pem');
    await judgeFolder('a registered version', file('registered'), file('hub.pem'));
    const foreign = theirs(file('registered'), file('wrong.pem'));
    judge('the reference refuses another key', isRefused(foreign) && /Key mismatch/.test(foreign.text), foreign.text);

    const rows = Array.from(
      { length: 600 },
      (_, i) => `${(i * 37) % 100},${(i * 13) % 17},${(i * 37) % 100 > 50 ? 1 : 0}`,
    );
    const data = Buffer.from(`load,heat,y\n${rows.join('\n')}\n`);
    const stored = await hub.ask('POST', '/api/v1/datasets?name=pumps', data, { 'content-type': 'text/csv' });
    const { sha256 } = stored.json as { sha256: string };
    const run = await hub.ask('POST', '/api/v1/runs', { model: 'pump', dataset: sha256, roles: { label: 'y' } });
    const { id } = run.json as { id: string };
    const state = await until(
      'the end of the run',
      async () => {
        const { state: now } = (await hub.ask('GET', `/api/v1/runs/${id}`)).json as { state: string };
        return now === 'succeeded' || now === 'failed' ? now : undefined;
      },
      TRAIN_MS,
    );
    judge('the hub trains a version', state === 'succeeded', state);
    await drover(hub, 'model', 'bundle', 'pump@1', '--out', 'trained', '--key-out', 'hub.pem');
    await judgeFolder('a trained version', file('trained'), file('hub.pem'));
  } finally {
    await hub.end();
  }
}

async function judgeCurve(curve: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const [secret, key] = [file(`${curve}.key`), file(`${curve}.pem`)];
  writeFileSync(secret, pem, { mode: 0o600 });
  writeFileSync(key, publicKey.export({ format: 'pem', type: 'spki' }));
  for (const by of ['the reference', 'Drover']) {
    const folder = file(`${curve}-${by.replace(' ', '-')}`);
    mkdirSync(path.join(folder, 'deep'), { recursive: true });
    for (const name of ['model.onnx', 'manifest.json', 'vectors.json', 'deep/ünï.bin'])
      writeFileSync(path.join(folder, name), name);
    if (by === 'Drover') {
      const files = await hashFolder(folder, []);
      const signer = omsSignerFromPem(pem);
      if (!files.ok || signer === undefined) throw new Error('nothing to sign with');
      writeFileSync(path.join(folder, SIGNATURE_FILE), await signOmsBundle(path.basename(folder), files.value, signer));
    } else {
      const signed = reference(
        'sign',
        'key',
        folder,
        '--signature',
        path.join(folder, SIGNATURE_FILE),
        '--private_key',
        secret,
      );
      judge(`the reference signs on ${curve}`, signed.code === 0, signed.text);
    }
    await judgeFolder(`a folder that ${by} signed on ${curve}`, folder, key);
  }
}

async function main(): Promise<number> {
  const why = install();
  if (why !== undefined) {
    say(`oms oracle: NOT RUN: ${why}`);
    return 3;
  }
  say(`the reference: ${reference('--version').text.trim()}`);
  await judgeHub();
  for (const curve of ['prime256v1', 'secp384r1', 'secp521r1']) await judgeCurve(curve);
  say(`oms oracle: ${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} finally {
  remove(dir);
}
