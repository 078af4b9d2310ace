// Models on a stick that somebody had in their hands: whatever was changed, left out, kept for too long or meant for another,
// the device takes nothing, says why by code, and takes the good one afterwards.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'; // biome-ignore format: one list
import path from 'node:path';
import { type HubProgram, remove, scratch } from '@drover/testkit/fleet';
import { missOut, mountSmallDisk } from '@drover/testkit/host';
import { readRows } from '@drover/testkit/hub-tables';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { registerOffset } from '@drover/testkit/offset';
import { newId } from '@drover/testkit/raw-device';
import {
  EXPORT_PAYLOAD_TYPE,
  type ExportIndex,
  encodeExportIndex,
  parseExportIndex,
} from '@drover/trust/carrier/export';
import { makeKey, type Signer, signPayload } from '@drover/trust/dsse';
import { openKeyFile } from '@drover/trust/key-files';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { readSignedEnvelope } from '@drover/wire/read';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { drover, droverVia, type InsideDevice, importAt, joinInside, line } from './carried-bench.ts';

const dir = scratch('airgap-models');
const good = path.join(dir, 'good');
const fresh = path.join(dir, 'fresh');
let hub: InsideHub;
let director: Signer;
let device: InsideDevice;
let round = 0;
/** A copy of the good directory, to be spoilt. */
let stick: string;

/** What the helpers of a program need of a hub in this process. */
function asProgram(inside: InsideHub): HubProgram {
  const call = async (method: string, route: string, body?: unknown) => {
    const { status, json, text } = await inside.ask(method, route, body);
    if (status > 299) throw new Error(`${method} ${route}: ${status} ${text}`);
    return json;
  };
  const post = (route: string, body: unknown) => call('POST', route, body);
  return {
    data: inside.data.root,
    httpUrl: inside.httpUrl,
    token: inside.token,
    post,
    get: (route: string) => call('GET', route),
  } as unknown as HubProgram;
}

async function exportFor(at: InsideHub, devices: string, out: string): Promise<void> {
  const done = await drover(at, 'export', '--devices', devices, '--out', out, '--valid-for', '2d');
  if (done.exit !== 0) throw new Error(done.err);
}

/** A device that the hub knows by one report, with a model to run. */
async function prepare(at: InsideHub, id: string, data: string, version: number): Promise<InsideDevice> {
  const made = await joinInside(at, id, data);
  made.append(line('first'));
  const first = path.join(dir, `first-${newId()}`);
  expect(made.exportTo(first)).toMatchObject({ ok: true });
  expect(await importAt(at, first)).toEqual([null]);
  await asProgram(at).post('/api/v1/rollouts', { model: 'offset', version, devices: [id] });
  return made;
}

beforeAll(async () => {
  hub = await openInsideHub();
  const key = openKeyFile(path.join(hub.data.keys, 'director.pem'));
  if (!key.ok) throw new Error(key.detail);
  director = key.value;
  const { version } = await registerOffset(asProgram(hub), 100);
  device = await prepare(hub, 'press-1', path.join(dir, 'press-1'), version);
  await prepare(hub, 'press-2', path.join(dir, 'press-2'), version);
  await exportFor(hub, 'press-1,press-2', good);
  cpSync(device.data, fresh, { recursive: true });
});
afterAll(async () => {
  await hub.end();
  remove(dir);
});

beforeEach(() => {
  round++;
  stick = path.join(dir, `stick-${round}`);
  cpSync(good, stick, { recursive: true });
});

const exportFolder = (on = stick): string => {
  const exports = path.join(on, 'models/exports');
  return path.join(exports, readdirSync(exports)[0] ?? 'none');
};
const listFiles = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => statSync(path.join(folder, name)).isFile())
    .toSorted();

/** What the device holds that it would act on. */
const held = (): unknown[] => [
  readRows(path.join(device.data, 'db/agent.db'), 'SELECT generation, digest FROM desired'),
  readRows(path.join(device.data, 'db/agent.db'), 'SELECT digest FROM releases'),
  device.outbox(),
];

/** The device as it was before anybody brought it anything: what a try left in its store is no excuse for the next one. */
function restore(): void {
  rmSync(device.data, { recursive: true });
  cpSync(fresh, device.data, { recursive: true });
}

function refuses(...codes: string[]): Promise<void> {
  restore();
  return refusesNow(...codes);
}

async function refusesNow(...codes: string[]): Promise<void> {
  const before = held();
  const taken = await device.importFrom(stick);
  expect(taken.ok ? 'taken' : taken.code).toSatisfy((code: string) => codes.includes(code), codes.join(' or '));
  expect(held()).toEqual(before);
}

function readIndex(): ExportIndex {
  const envelope = readSignedEnvelope(readFileSync(path.join(exportFolder(), 'export.index')));
  const index = envelope.ok ? parseExportIndex(envelope.value.payload) : envelope;
  if (!index.ok) throw new Error(index.detail);
  return index.value;
}

async function signIndex(index: object, signer = director, type: string = EXPORT_PAYLOAD_TYPE): Promise<void> {
  const envelope = await signPayload(type, encodeExportIndex(index as ExportIndex), [signer]);
  writeFileSync(path.join(exportFolder(), 'export.index'), encodeSignedEnvelope(envelope));
}

describe('an export that is not whole', () => {
  it('is refused when any file of it is missing, cut or longer', async () => {
    for (const name of listFiles(path.join(stick, 'models'))) {
      const file = path.join(stick, 'models', name);
      if (name.endsWith('press-2.desired')) continue;
      const bytes = readFileSync(file);
      // Roots that the device has already are never asked for.
      const isUnused = name.endsWith('metadata/1.root.json');
      const torn = isUnused ? [] : ['carrier_torn', 'export_invalid', 'metadata_not_found', 'metadata_mismatch'];
      const spoilt = [...torn, 'carrier_altered', 'carrier_too_large'];
      if (isUnused) continue;
      rmSync(file);
      await refuses(...torn);
      writeFileSync(file, bytes.subarray(0, bytes.length - 1));
      await refuses(...spoilt);
      writeFileSync(file, Buffer.concat([bytes, Buffer.from([10])]));
      await refuses(...spoilt);
      writeFileSync(file, bytes);
    }
  });

  it('is refused when one bit of any file was changed, wherever', async () => {
    const files = listFiles(path.join(stick, 'models')).filter(
      (name) => !/1\.root\.json$|press-2\.desired$/.test(name),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, mask) => {
          const file = path.join(stick, 'models', name);
          const bytes = readFileSync(file);
          const changed = Buffer.from(bytes);
          changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ mask;
          writeFileSync(file, changed);
          await refuses(
          'carrier_altered', 'export_invalid', 'signature_invalid', 'signature_missing', 'payload_type_mismatch',
          'artifact_digest_mismatch', 'export_other_device',
        ); // biome-ignore format: one list
          writeFileSync(file, bytes);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused when its index is any other bytes or any other document', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        writeFileSync(path.join(exportFolder(), 'export.index'), bytes);
        await refuses('export_invalid');
      }),
      { numRuns: 40 },
    );
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (json) => {
        await signIndex(json as object);
        await refuses('export_invalid');
      }),
      { numRuns: 40 },
    );
  });
});

describe('an export that is put together', () => {
  it('is refused with parts of another export, with the message of another device, and when a stranger signed it', async () => {
    const other = path.join(dir, `other-${round}`);
    await exportFor(hub, 'press-1', other);
    const [mine, theirs] = [exportFolder(), exportFolder(other)];
    cpSync(path.join(theirs, 'metadata/timestamp.json'), path.join(mine, 'metadata/timestamp.json'));
    await refuses('carrier_altered');
    cpSync(path.join(exportFolder(good), 'metadata/timestamp.json'), path.join(mine, 'metadata/timestamp.json'));
    cpSync(path.join(mine, 'desired/press-2.desired'), path.join(mine, 'desired/press-1.desired'));
    await refuses('carrier_altered');
    // Even if the director had signed the index so.
    const index = readIndex();
    const [own, foreign] = index.desired;
    if (!own || !foreign) throw new Error('two devices');
    await signIndex({
      ...index,
      desired: [
        { ...foreign, device: own.device },
        { ...own, device: foreign.device },
      ],
    });
    await refuses('desired_other_device');
    await signIndex(readIndex(), makeKey().signer);
    await refuses('signature_missing');
    await signIndex(index, director, 'application/vnd.drover.desired+json');
    await refuses('payload_type_mismatch');
  });

  it('is refused when the metadata does not list what the message names', async () => {
    const index = readIndex();
    for (const { name } of index.metadata.filter(({ name: each }) => each.includes('~'))) {
      const metadata = index.metadata.filter((file) => file.name !== name);
      await signIndex({ ...index, metadata });
      await refuses('metadata_not_found', 'metadata_mismatch');
    }
  });

  it('is refused at a device of another hub with the same name', async () => {
    const second = await openInsideHub();
    const { version } = await registerOffset(asProgram(second), 7);
    await prepare(second, 'press-1', path.join(dir, `there-${round}`), version);
    const foreign = path.join(dir, `foreign-${round}`);
    await exportFor(second, 'press-1', foreign);
    stick = foreign;
    await refuses('signature_missing');
    const index = readIndex();
    await signIndex(index);
    await refuses('export_foreign');
    await signIndex({ ...index, hubId: device.hubId });
    // The index of ours around the documents of theirs: the next lock holds.
    await refuses('signature_missing');
    await second.end();
  });
});

describe('an export in time', () => {
  it('is refused when its time is over, and when it names nobody', async () => {
    const index = readIndex();
    await signIndex({ ...index, expiresAt: '2026-01-02T00:00:00Z' });
    await refuses('export_expired');
    await signIndex({ ...index, desired: index.desired.filter((each) => each.device !== 'press-1') });
    await refuses('export_other_device');
    rmSync(exportFolder(), { recursive: true });
    await refuses('carrier_empty');
  });

  it('is not made for longer than the hub allows, nor for nobody', async () => {
    const out = path.join(dir, `long-${round}`);
    const ask = (...more: string[]) => drover(hub, 'export', '--out', out, '--json', ...more);
    const codeOf = ({ err }: { err: string }): string => (JSON.parse(err) as { code: string }).code;
    expect(codeOf(await ask('--devices', 'press-1', '--valid-for', '91d'))).toBe('export_too_long');
    expect(codeOf(await ask('--devices', 'nobody', '--valid-for', '1d'))).toBe('device_unknown');
    expect(codeOf(await ask('--query', 'site=nowhere', '--valid-for', '1d'))).toBe('target_empty');
    expect((await ask('--valid-for', '1d')).exit).toBe(2);
    const mark = (confidential: boolean) => hub.ask('PUT', '/api/v1/models/offset/confidential', { confidential });
    expect(await mark(true)).toMatchObject({ status: 200 });
    expect(codeOf(await ask('--devices', 'press-1', '--valid-for', '1d'))).toBe('export_confidential');
    expect(await mark(false)).toMatchObject({ status: 200 });
    await joinInside(hub, `new-${round}`, path.join(dir, `new-${round}`));
    expect(codeOf(await ask('--devices', `new-${round}`, '--valid-for', '1d'))).toBe('export_nothing');
  });
});

describe('a directory with more than files in it', () => {
  it('is refused where a part is a link, a pipe, a folder or endless', async () => {
    const [blob = ''] = readdirSync(path.join(stick, 'models/blobs'));
    for (const name of ['export.index', 'metadata/timestamp.json', 'desired/press-1.desired', `../../blobs/${blob}`]) {
      const file = path.join(exportFolder(), name);
      const bytes = readFileSync(file);
      const same = path.join(dir, `same-${round}-${path.basename(name)}`);
      writeFileSync(same, bytes);
      const puts: [() => void, string[]][] = [
        [() => symlinkSync(same, file), ['carrier_unsafe']],
        [() => execFileSync('mkfifo', [file]), ['carrier_unsafe']],
        [() => mkdirSync(file), ['carrier_unsafe']],
        [() => (writeFileSync(file, bytes), truncateSync(file, 2 ** 40)), ['carrier_altered', 'carrier_too_large']],
      ];
      for (const [put, codes] of puts) {
        rmSync(file, { recursive: true, force: true });
        put();
        await refuses(...codes);
      }
      rmSync(file, { recursive: true, force: true });
      writeFileSync(file, bytes);
    }
    for (const folder of ['models', 'models/blobs', 'models/exports']) {
      const real = path.join(dir, `real-${round}-${path.basename(folder)}`);
      renameSync(path.join(stick, folder), real);
      symlinkSync(real, path.join(stick, folder));
      await refuses('carrier_unsafe');
      rmSync(path.join(stick, folder));
      renameSync(real, path.join(stick, folder));
    }
  });

  it('does not write through links when a hub exports into it', async () => {
    const target = path.join(dir, `outside-${round}`);
    mkdirSync(target);
    for (const folder of ['models/blobs', 'models/exports', 'models']) {
      rmSync(path.join(stick, folder), { recursive: true });
      symlinkSync(target, path.join(stick, folder));
      const done = await drover(hub, 'export', '--devices', 'press-1', '--out', stick, '--valid-for', '1d', '--json');
      expect(JSON.parse(done.err)).toMatchObject({ code: 'carrier_unsafe' });
      expect(readdirSync(target)).toEqual([]);
      rmSync(path.join(stick, folder));
      mkdirSync(path.join(stick, folder), { recursive: true });
    }
  });
});

describe('a link that breaks off', () => {
  it('goes on with the byte where it broke, checks the whole, and leaves no half export behind', async () => {
    const out = path.join(dir, `broken-${round}`);
    const asked: (string | null)[] = [];
    /** Each answer to a request for a blob ends in the middle of what is left. */
    const breaking: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!new Request(input).url.includes('/blobs/')) return response;
      asked.push(new Headers(init?.headers).get('range'));
      const bytes = new Uint8Array(await response.arrayBuffer());
      const broken = new ReadableStream<Uint8Array>({
        start(to) {
          to.enqueue(bytes.slice(0, Math.ceil(bytes.length / 2)));
          if (bytes.length > 1 && asked.length % 3 !== 0) to.error(new TypeError('terminated'));
          else to.close();
        },
      });
      return new Response(broken, { status: response.status, headers: response.headers });
    };
    const run = () =>
      droverVia(breaking, hub, 'export', '--devices', 'press-1', '--out', out, '--valid-for', '1d', '--json');
    let done = await run();
    for (let tries = 0; done.exit !== 0 && tries < 30; tries++) {
      // Without its blobs it is no export: a device finds none.
      const folders = readdirSync(path.join(out, 'models/exports')).filter((name) => !name.endsWith('.new'));
      expect(folders).toEqual([]);
      done = await run();
    }
    expect(done.exit, done.err).toBe(0);
    expect(asked.some((range) => /^bytes=[1-9][0-9]*-$/.test(range ?? ''))).toBe(true);
    for (const blob of readdirSync(path.join(out, 'models/blobs'))) {
      const digest = createHash('sha256')
        .update(readFileSync(path.join(out, 'models/blobs', blob)))
        .digest('hex');
      expect(digest).toBe(blob);
    }
    expect(readdirSync(path.join(out, 'models/exports'))).toHaveLength(1);
    stick = out;
    restore();
    expect(await device.importFrom(stick)).toMatchObject({ ok: true, value: { models: { isRepeat: false } } });
  });
});

describe('the good one', () => {
  it('does not fit on a disk that is too small, and says so before it fills it', async (context) => {
    const disk = mountSmallDisk(path.join(dir, 'small'), 12 * 1024 * 1024);
    if (typeof disk === 'string') missOut(context, disk);
    const { version } = await registerOffset(asProgram(hub), 5, 16 * 1024 * 1024);
    const small = await prepare(hub, 'small-1', path.join(disk.dir, 'data'), version);
    const out = path.join(dir, 'large');
    await exportFor(hub, 'small-1', out);
    expect(await small.importFrom(out)).toMatchObject({ ok: false, code: 'disk_full' });
    expect(readRows(path.join(small.data, 'db/agent.db'), 'SELECT * FROM desired')).toEqual([]);
    disk.unmount();
  });

  it('is taken after all that, and an older one never again', async () => {
    restore();
    const taken = await device.importFrom(good);
    expect(taken).toMatchObject({ ok: true, value: { models: { isRepeat: false } } });
    expect(await device.importFrom(good)).toMatchObject({
      ok: true,
      value: { models: { isRepeat: true, copiedBytes: 0 } },
    });
    const newer = path.join(dir, 'newer');
    const { version } = await registerOffset(asProgram(hub), 200);
    await asProgram(hub).post('/api/v1/rollouts', { model: 'offset', version, devices: ['press-1'] });
    await exportFor(hub, 'press-1', newer);
    expect(await device.importFrom(newer)).toMatchObject({ ok: true, value: { models: { isRepeat: false } } });
    stick = good;
    await refusesNow('export_stale');
    // The number forgotten: the generation of the document says the same.
    rmSync(path.join(device.data, 'carry/taken.json'));
    await refusesNow('desired_stale');
    const blob = readdirSync(path.join(newer, 'models/blobs'))[0] ?? '';
    const bytes = readFileSync(path.join(newer, 'models/blobs', blob));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(blob);
  });
});
