// Drives whole command lines against a small HTTP server that answers as a hub does: output, JSON, exit codes, next steps.

import { verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildModel, node } from '@drover/onnx/build';
import { PAYLOAD_TYPES } from '@drover/trust/documents';
import { digestOf, encodePae, makeKey, publicKeyFromRaw } from '@drover/trust/dsse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from './cli.ts';
import type { Shell } from './shell.ts';

type Reply = { readonly status?: number; readonly body?: unknown };
type Route = (request: {
  readonly query: URLSearchParams;
  readonly bytes: Buffer;
  readonly headers: IncomingMessage['headers'];
}) => Reply;

const ID = '0190a1b2c3d4e5f60718293a4b5c6d7e';
const DIGEST = 'ab'.repeat(32);
const NOW = Date.UTC(2026, 5, 1);

let dir: string;
let stop: () => Promise<void>;
let hub: string;
let routes: Map<string, Route>;
let seen: string[];

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-cli-test-'));
  writeFileSync(path.join(dir, 'token'), 'secret-token-0123456789\n');
  routes = new Map();
  seen = [];
  const answerTo = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const url = new URL(request.url ?? '/', 'http://hub');
    seen.push(`${request.method} ${url.pathname}`);
    const route = routes.get(`${request.method} ${url.pathname}`);
    const known = request.headers.authorization === 'Bearer secret-token-0123456789';
    const answer: Reply = !known
      ? problem(401, 'token_refused', 'A token is needed', 'There is none.')
      : (route?.({ query: url.searchParams, bytes: Buffer.concat(parts), headers: request.headers }) ??
        problem(404, 'not_found', 'It does not exist', url.pathname));
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  };
  const server = createServer((request, response) => void answerTo(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
});

afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true });
  process.exitCode = undefined;
});

const problem = (status: number, code: string, title: string, detail: string): Reply => ({
  status,
  body: { type: `urn:drover:${code}`, title, status, code, detail, next: 'Do this next.', requestId: 'r1' },
});

async function run(
  args: readonly string[],
  extra: Partial<Shell> = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const shell: Shell = {
    env: { DROVER_HUB: hub, DROVER_TOKEN_FILE: path.join(dir, 'token') },
    cwd: dir,
    home: dir,
    isTerminal: false,
    width: 0,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    readStdin: async () => '',
    readSecret: async () => undefined,
    now: () => NOW,
    ...extra,
  };
  const code = await runCli(args, shell);
  return { code, out, err };
}

const device = (id: string, inSync = true) => ({
  id,
  labels: { site: 'north' },
  presence: 'online',
  lastSeenAt: new Date(NOW - 4000).toISOString(),
  joinedAt: new Date(NOW - 1e6).toISOString(),
  agentVersion: '0.1.0',
  runtime: 'native',
  generation: 2,
  reportedGeneration: 2,
  slots: [
    {
      slot: 'default',
      running: { manifest: DIGEST, model: 'wear', version: 3 },
      previous: null,
      desired: { manifest: DIGEST },
      inSync,
      deployment: null,
    },
  ],
});

const rollout = (state: string, counts: Record<string, number>) => ({
  id: ID, model: 'wear', version: 3, manifest: DIGEST, slot: 'default', state, createdAt: new Date(NOW).toISOString(), endedAt: null, counts, devices: 2,
  stage: 0, phase: 'admitting', stages: 1, stageName: 'all', reason: null, because: '', actor: 'local', approvals: { given: 0, needed: 0 }, heldOut: 0,
}); // biome-ignore format: one object

describe('lists', () => {
  it('follows the cursor to the last page and prints one aligned table', async () => {
    routes.set('GET /api/v1/devices', ({ query }) => ({
      body:
        query.get('cursor') === null
          ? { items: [device('a')], nextCursor: 'next' }
          : { items: [device('bb', false)], nextCursor: null },
    }));
    const { code, out } = await run(['device', 'list']);
    expect(code).toBe(0);
    expect(out).toBe(
      'DEVICE  PRESENCE  SEEN  RUNNING  IN SYNC  IDENTITY  AGENT  LABELS\n' +
        'a       online     4 s  wear@3   yes      -         0.1.0  site=north\n' +
        'bb      online     4 s  wear@3   no       -         0.1.0  site=north\n',
    );
    expect(seen).toHaveLength(2);
  });

  it('prints the shapes of the API with --json', async () => {
    routes.set('GET /api/v1/devices', () => ({ body: { items: [device('a')], nextCursor: null } }));
    const { out } = await run(['device', 'list', '--json']);
    expect(JSON.parse(out)).toEqual({ items: [device('a')], nextCursor: null });
  });

  it('stops after --limit items and asks for no more than that', async () => {
    const limits: (string | null)[] = [];
    routes.set('GET /api/v1/devices', ({ query }) => {
      limits.push(query.get('limit'));
      return { body: { items: [device('a')], nextCursor: `c${limits.length}` } };
    });
    const { out } = await run(['device', 'list', '--limit', '2', '--json']);
    expect((JSON.parse(out) as { items: unknown[] }).items).toHaveLength(2);
    expect(limits).toEqual(['2', '1']);
  });

  it('shows why a device takes no document, and why its deployment does not move', async () => {
    const desiredRefusal = { code: 'release_not_approved', detail: '"hub/wear/3.json".' };
    const uplink = { outboxId: null, lastSeq: 0, lostEntries: 0, quarantined: 0 };
    routes.set('GET /api/v1/devices/a', () => ({ body: { ...device('a'), health: null, uplink, desiredRefusal } }));
    expect((await run(['device', 'show', 'a'])).out).toMatch(/refuses\s+release_not_approved: .*hub\/wear\/3\.json/);
    routes.set(`GET /api/v1/rollouts/${ID}`, () => ({
      body: {
        ...rollout('running', { queued: 1 }), target: { query: '' }, plan: { stages: [{ name: 'all', percent: 100 }] }, planHash: DIGEST,
        approvedBy: [], stageViews: [], events: [],
      }, // biome-ignore format: one record
    }));
    routes.set(`GET /api/v1/rollouts/${ID}/deployments`, () => ({
      body: {
        items: [
          {
            id: ID, rollout: ID, device: 'a', slot: 'default', manifest: DIGEST, state: 'queued', desiredRefusal,
            stage: 0, attempt: 1, purpose: 'install', updatedAt: new Date(NOW).toISOString(),
          }, // biome-ignore format: one record
        ],
        nextCursor: null,
      },
    }));
    expect((await run(['rollout', 'show', ID])).out).toMatch(/queued .*release_not_approved .*hub\/wear\/3\.json/);
  });

  it('says what to do when a list is empty', async () => {
    routes.set('GET /api/v1/devices', () => ({ body: { items: [], nextCursor: null } }));
    expect((await run(['device', 'list'])).out).toContain('drover agent join');
  });
});

describe('failures', () => {
  it('names the address and how to start a hub when none answers, with exit code 4', async () => {
    const { code, err } = await run(['status', '--hub', 'http://127.0.0.1:9']);
    expect(code).toBe(4);
    expect(err).toContain('No hub answers at http://127.0.0.1:9');
    expect(err).toContain('npm start');
  });

  it('turns a problem into a sentence, its code and the next step', async () => {
    const { code, err } = await run(['device', 'show', 'nobody']);
    expect(code).toBe(6);
    expect(err).toBe(
      'drover: It does not exist. /api/v1/devices/nobody [not_found]\n  next: Do this next. (request r1)\n',
    );
  });

  it('prints failures as JSON with --json', async () => {
    const { err } = await run(['device', 'show', 'nobody', '--json']);
    expect(JSON.parse(err)).toMatchObject({ code: 'not_found', exitCode: 6, next: 'Do this next. (request r1)' });
  });

  it('answers 5 without a token and says where one is', async () => {
    const { code, err } = await run(['device', 'list'], { env: { DROVER_HUB: hub } });
    expect(code).toBe(5);
    expect(err).toContain('--token-file');
  });

  it('never sends a token that it could not read', async () => {
    const { code, err } = await run(['device', 'list', '--token-file', 'missing']);
    expect(code).toBe(5);
    expect(err).toContain('missing');
    expect(seen).toEqual([]);
  });

  it('does not believe an answer of another shape', async () => {
    routes.set('GET /api/v1/devices', () => ({ body: { items: [{ id: 7 }], nextCursor: null } }));
    const { code, err } = await run(['device', 'list']);
    expect(code).toBe(1);
    expect(err).toContain('[hub_answer_invalid]');
  });

  it.each([
    [['foo']],
    [['device']],
    [['device', 'show']],
    [['deploy']],
    [['deploy', 'A b']],
    [['deploy', 'm', '--devices', 'a', '--query', '']],
    [['deploy', 'm', '--timeout', 'soon']],
    [['demo', '--agents', '0']],
    [['model', 'register', 'f', '--name', 'Bad Name']],
    [['demo', '--label', 'x']],
    [['completion', 'tcsh']],
    [['model', 'train', 'f', '--name', 'x']],
  ])(
    // biome-ignore format: one list
    'answers 2 for the wrong usage %j',
    async (args) => {
      expect((await run(args)).code).toBe(2);
      expect(seen).toEqual([]);
    },
  );
});

describe('deploy', () => {
  it('waits until all have committed', async () => {
    const states = [
      rollout('running', { offered: 2 }),
      rollout('running', { committed: 1, downloading: 1 }),
      rollout('completed', { committed: 2 }),
    ];
    let asked: unknown;
    routes.set('POST /api/v1/rollouts', ({ bytes }) => {
      asked = JSON.parse(bytes.toString());
      return { status: 201, body: states[0] };
    });
    routes.set(`GET /api/v1/rollouts/${ID}`, () => ({ body: states.length > 1 ? states.shift() : states[0] }));
    const { code, out, err } = await run(['deploy', 'wear@champion', '--query', 'site=north']);
    expect(code).toBe(0);
    expect(asked).toEqual({ model: 'wear', version: 'champion', query: 'site=north' });
    expect(out).toContain('completed');
    expect(err).toContain('1 of 2 committed');
  });

  it('answers 1 and names the devices and the reason when some failed', async () => {
    const body = rollout('completed', { committed: 1, rolled_back: 1 });
    routes.set('POST /api/v1/rollouts', () => ({ status: 201, body }));
    routes.set(`GET /api/v1/rollouts/${ID}`, () => ({ body }));
    const deployment = {
      id: ID,
      rollout: ID,
      device: 'bb',
      slot: 'default',
      manifest: DIGEST,
      state: 'rolled_back',
      stage: 0,
      attempt: 1,
      purpose: 'install',
      code: 'self_test_failed',
      updatedAt: new Date(NOW).toISOString(),
    };
    routes.set(`GET /api/v1/rollouts/${ID}/deployments`, () => ({ body: { items: [deployment], nextCursor: null } }));
    const { code, out } = await run(['deploy', 'wear@3']);
    expect(code).toBe(1);
    expect(out).toContain('self_test_failed');
  });

  it('answers 7 when devices are still open at the end of the time', async () => {
    let now = NOW;
    routes.set('POST /api/v1/rollouts', () => ({ status: 201, body: rollout('running', { offered: 2 }) }));
    routes.set(`GET /api/v1/rollouts/${ID}`, () => ({ body: rollout('running', { offered: 2 }) }));
    const { code } = await run(['deploy', 'wear@3', '--timeout', '5s'], { now: () => (now += 2000) });
    expect(code).toBe(7);
  });

  it('takes the latest version of a bare model name', async () => {
    routes.set('GET /api/v1/models/wear', () => ({
      body: { name: 'wear', project: 'default', createdAt: 'x', latest: 7, aliases: {} },
    }));
    let version: unknown;
    routes.set('POST /api/v1/rollouts', ({ bytes }) => {
      version = (JSON.parse(bytes.toString()) as { version: unknown }).version;
      return { status: 201, body: rollout('running', { offered: 2 }) };
    });
    expect((await run(['deploy', 'wear', '--no-wait'])).code).toBe(0);
    expect(version).toBe(7);
  });
});

describe('model register', () => {
  const { pem, signer } = makeKey();
  const onnx = buildModel({
    name: 'wear',
    nodes: [node('Identity', ['x'], ['y'])],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
  });

  const manifestOf = (changes: Record<string, unknown>): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: 'drover.manifest/1', project: 'default', model: 'wear', version: 1, createdAt: '2026-06-01T00:00:00Z', release: 1,
        blobs: { model: { sha256: digestOf(onnx), size: onnx.length } },
        inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }], outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
        features: [], runtime: { irVersion: 10, opset: 17, mlOpset: 3 }, lineage: { source: 'uploaded' }, ...changes,
      }), // biome-ignore format: one document
    );

  function serve(payload: Buffer): { published: () => Record<string, unknown> | undefined } {
    let published: Record<string, unknown> | undefined;
    const team = {
      role: 'local', version: 0, expiresAt: 'x', file: null, threshold: 1, isHeld: true, warning: null,
      keys: [{ keyid: signer.keyid, tufKeyid: DIGEST, publicKey: Buffer.from(signer.publicKey).toString('hex') }],
    }; // biome-ignore format: one role
    routes.set('GET /api/v1/tuf/roles', () => ({ body: { items: [team] } }));
    routes.set('POST /api/v1/blobs', ({ bytes }) => ({
      status: 201,
      body: { sha256: digestOf(bytes), size: bytes.length },
    }));
    routes.set('POST /api/v1/models/wear/prepare', () => ({
      body: {
        payloadType: PAYLOAD_TYPES.manifest,
        payload: payload.toString('base64'),
        version: 1,
        alreadyRegistered: false,
        warnings: ['No baseline.'],
      },
    }));
    routes.set('POST /api/v1/models/wear/versions', ({ bytes }) => {
      published = JSON.parse(bytes.toString()) as Record<string, unknown>;
      return {
        status: 201,
        body: {
          model: 'wear',
          version: 1,
          manifest: digestOf(payload),
          createdAt: 'x',
          source: 'uploaded',
          sizeBytes: onnx.length,
          aliases: [],
          run: null,
          metrics: {},
          runningOn: 0,
        },
      };
    });
    return { published: () => published };
  }

  beforeEach(() => {
    writeFileSync(path.join(dir, 'release.pem'), pem, { mode: 0o600 });
    writeFileSync(path.join(dir, 'wear.onnx'), onnx);
  });
  const args = ['model', 'register', 'wear.onnx', '--name', 'wear', '--key', 'release.pem'];

  it('signs the exact bytes that the hub proposed, after comparing them with the file', async () => {
    const payload = manifestOf({});
    const { published } = serve(payload);
    const { code, out, err } = await run(args);
    expect(code).toBe(0);
    expect(out).toContain('Registered: wear@1');
    expect(err).toMatch(/^warning: No baseline\.\nnote: there is no oms\.pem .*\n$/);
    const envelope = published()?.['envelope'] as { payload: string; signatures: { keyid: string; sig: string }[] };
    expect(envelope.payload).toBe(payload.toString('base64'));
    expect(envelope.signatures[0]?.keyid).toBe(signer.keyid);
    const pae = encodePae(PAYLOAD_TYPES.manifest, payload);
    expect(
      verify(null, pae, publicKeyFromRaw(signer.publicKey), Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64')),
    ).toBe(true);
    // The same key signs the role that lists the version, and that says nothing else.
    const release = published()?.['release'] as { team: string; changes: object; files: { role: string }[] };
    expect(release).toMatchObject({ team: 'local', changes: { wear: { add: [1] } } });
    expect(release.files.map(({ role }) => role)).toEqual(['local', 'local~wear']);
  });

  it.each([
    ['another model file', { blobs: { model: { sha256: DIGEST, size: 10 } } }],
    ['another name', { model: 'other' }],
    ['another version', { version: 9 }],
    [
      'a baseline that was not given',
      { blobs: { model: { sha256: digestOf(onnx), size: onnx.length }, baseline: { sha256: DIGEST, size: 3 } } },
    ],
    ['no manifest', { type: 'drover.desired/1' }],
  ])('signs nothing when the hub proposes %s', async (_what, changes) => {
    const { published } = serve(manifestOf(changes));
    const { code, err } = await run(args);
    expect(code).toBe(1);
    expect(err).toContain('[manifest_invalid]');
    expect(published()).toBeUndefined();
  });

  it('uploads nothing with rules that are none, and signs nothing when the hub leaves them out', async () => {
    writeFileSync(path.join(dir, 'rules.yaml'), 'limits: {action: abstian, fields: []}');
    expect(await run([...args, '--rules', 'rules.yaml'])).toMatchObject({ code: 2 });
    expect(seen).toEqual([]);
    writeFileSync(path.join(dir, 'rules.yaml'), 'latency: {action: flag, mostMs: 20}');
    const { published } = serve(manifestOf({}));
    const { code, err } = await run([...args, '--rules', 'rules.yaml']);
    expect(code).toBe(1);
    expect(err).toContain('its rules are not those given here');
    expect(published()).toBeUndefined();
  });

  it('uploads nothing that is not a sound ONNX file', async () => {
    writeFileSync(path.join(dir, 'wear.onnx'), Buffer.from('not a model'));
    const { code } = await run(args);
    expect(code).toBe(1);
    expect(seen).toEqual([]);
  });

  it('refuses a key that others can read', async () => {
    writeFileSync(path.join(dir, 'open.pem'), pem, { mode: 0o644 });
    const { code, err } = await run([...args.slice(0, -1), 'open.pem']);
    expect(code).toBe(1);
    expect(err).toContain('[key_invalid]');
  });
});

describe('help', () => {
  it('describes every command, gives every option a meaning, and lists the exit codes', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('Exit codes: 0 ok');
    for (const args of [
      ['deploy'],
      ['demo'],
      ['model', 'register'],
      ['model', 'train'],
      ['hub', 'start'],
      ['agent', 'run'],
      ['predict'],
    ]) {
      const help = await run([...args, '--help']);
      expect(help.code).toBe(0);
      expect(help.out).toMatch(/Examples?:/);
    }
  });

  it('prints the version for programs', async () => {
    const { out } = await run(['version', '--json']);
    expect(JSON.parse(out)).toMatchObject({ node: process.versions.node });
  });
});

describe('labels push', () => {
  it('sends what a CSV holds in one request', async () => {
    writeFileSync(path.join(dir, 'truths.csv'), 'truth,predictionId\n1,b-1\nworn,b-2\n');
    let body: unknown;
    routes.set('POST /api/v1/labels', ({ bytes }) => {
      body = JSON.parse(bytes.toString());
      return { status: 202, body: {} };
    });
    expect((await run(['labels', 'push', 'truths.csv', '--device', 'a'])).code).toBe(0);
    expect(body).toEqual({
      device: 'a',
      labels: [
        { predictionId: 'b-1', truth: 1 },
        { predictionId: 'b-2', truth: 'worn' },
      ],
    });
  });
});
