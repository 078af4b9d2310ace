// Carried directories as somebody with the stick in their hands may leave them: nothing of them is applied, on either side,
// and each "no" has its code.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { newId } from '@drover/testkit/raw-device';
import { until } from '@drover/testkit/until';
import { proveBySecret } from '@drover/trust/carrier/proof';
import {
  CARRIED_PAYLOAD_TYPES,
  encodeCarried,
  parseReportIndex,
  type ReportAck,
  type ReportIndex,
} from '@drover/trust/carrier/report';
import { makeKey, type Signer, signPayload } from '@drover/trust/dsse';
import { openKeyFile } from '@drover/trust/key-files';
import { encodeMessage, encodeSignedEnvelope } from '@drover/wire/encode';
import { readMessage, readSignedEnvelope } from '@drover/wire/read';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { drover, type InsideDevice, importAt, joinInside, line, readAll } from './carried-bench.ts';

const dir = scratch('airgap');
let hub: InsideHub;
let device: InsideDevice;
let other: InsideDevice;
let round = 0;
/** A fresh report of `device` with new entries in it, that nobody imported yet. */
let stick: string;
let report: string;

beforeAll(async () => {
  hub = await openInsideHub();
  device = await joinInside(hub, 'press-1', path.join(dir, 'press-1'));
  other = await joinInside(hub, 'press-2', path.join(dir, 'press-2'));
});
afterAll(async () => {
  await hub.end();
  remove(dir);
});

const reportOf = (on: string, id = 'press-1'): string => {
  const own = path.join(on, 'reports', id);
  return path.join(own, readdirSync(own)[0] ?? 'none');
};

beforeEach(() => {
  round++;
  stick = path.join(dir, `stick-${round}`);
  device.append(...Array.from({ length: 3 }, (_, i) => line(`${round}:${i}`)));
  expect(device.exportTo(stick)).toMatchObject({ ok: true });
  report = reportOf(stick);
});

/** Imports what must be refused so, and looks whether anything changed. */
async function refuses(code: string, from = stick): Promise<void> {
  const before = readAll(hub.data.root);
  expect(await importAt(hub, from)).toEqual([code]);
  expect(readAll(hub.data.root)).toEqual(before);
  await until('an empty spool', () => readdirSync(hub.data.carried).length === 0);
}

const files = (): string[] => readdirSync(report).toSorted();

function readIndex(from = report): ReportIndex {
  const envelope = readSignedEnvelope(readFileSync(path.join(from, 'report.index')));
  const index = envelope.ok ? parseReportIndex(envelope.value.payload) : envelope;
  if (!index.ok) throw new Error(index.detail);
  return index.value;
}

/** What a device that breaks the rules could sign itself. */
function signIndex(index: object, by: InsideDevice = device): void {
  const proof = proveBySecret(by.id, by.secret);
  const bytes = encodeSignedEnvelope(proof.prove(CARRIED_PAYLOAD_TYPES.report, encodeCarried(index as ReportIndex)));
  writeFileSync(path.join(report, 'report.index'), bytes);
}

/** Replaces one file of the report and signs the index that names it. */
function replaceFile(at: number, bytes: Uint8Array): void {
  const index = readIndex();
  const changed = index.files.map((file, i) => {
    if (i !== at) return file;
    writeFileSync(path.join(report, file.name), bytes);
    return { ...file, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
  signIndex({ ...index, files: changed });
}

describe('a report that is not whole', () => {
  it('is refused when any file of it is missing or cut', async () => {
    for (const name of files()) {
      const copy = path.join(dir, `torn-${round}-${name}`);
      cpSync(stick, copy, { recursive: true });
      const file = path.join(reportOf(copy), name);
      rmSync(file);
      await refuses('carrier_torn', copy);
      cpSync(path.join(report, name), file);
      truncateSync(file, 5);
      await refuses(name === 'report.index' ? 'report_invalid' : 'carrier_torn', copy);
      truncateSync(file, 0);
      await refuses(name === 'report.index' ? 'report_invalid' : 'carrier_torn', copy);
    }
    expect(await importAt(hub, stick)).toEqual([null]);
  });

  it('is refused when one bit of any file was changed, wherever', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files()),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, mask) => {
          const file = path.join(report, name);
          const bytes = readFileSync(file);
          const changed = Buffer.from(bytes);
          changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ mask;
          writeFileSync(file, changed);
          const before = readAll(hub.data.root);
          const [code] = await importAt(hub, stick);
          expect(['carrier_altered', 'report_invalid', 'report_proof_wrong']).toContain(code);
          expect(readAll(hub.data.root)).toEqual(before);
          writeFileSync(file, bytes);
        },
      ),
      { numRuns: 40 },
    );
    expect(await importAt(hub, stick)).toEqual([null]);
  });

  it('is refused when its index is any other bytes', async () => {
    const index = path.join(report, 'report.index');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        writeFileSync(index, bytes);
        expect(await importAt(hub, stick)).toEqual(['report_invalid']);
      }),
      { numRuns: 30 },
    );
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (json) => {
        signIndex(json as object);
        expect(await importAt(hub, stick)).toEqual(['report_invalid']);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a report that is put together', () => {
  it('is refused with the files of another report of the same device', async () => {
    device.append(line('more'));
    const later = path.join(dir, `later-${round}`);
    expect(device.exportTo(later)).toMatchObject({ ok: true });
    cpSync(path.join(reportOf(later), '0001.up'), path.join(report, '0001.up'));
    // Longer than its index says: found before it is sent. Of the same length it is found by its digest.
    await refuses('carrier_altered');
  });

  it('is refused under the name of another device, and when another device signed it', async () => {
    renameSync(path.join(stick, 'reports/press-1'), path.join(stick, 'reports/press-2'));
    await refuses('report_proof_wrong');
    renameSync(path.join(stick, 'reports/press-2'), path.join(stick, 'reports/press-1'));
    signIndex(readIndex(), other);
    await refuses('report_proof_wrong');
    // A device that names another one in what it signs itself.
    renameSync(path.join(stick, 'reports/press-1'), path.join(stick, 'reports/press-2'));
    report = reportOf(stick, 'press-2');
    signIndex(readIndex(), other);
    await refuses('report_proof_wrong');
    renameSync(path.join(stick, 'reports/press-2'), path.join(stick, 'reports/nobody'));
    await refuses('device_unknown');
  });

  it('is refused at another hub, and after the device joined again', async () => {
    const second = await openInsideHub();
    const there = await joinInside(second, 'press-1', path.join(dir, `there-${round}`));
    expect(await importAt(second, stick)).toEqual(['report_proof_wrong']);
    signIndex(readIndex(), there);
    expect(await importAt(second, stick)).toEqual(['report_foreign']);
    expect(there.exportTo(stick)).toMatchObject({ ok: true });
    expect(await importAt(second, stick)).toEqual([null]);
    const again = await joinInside(second, 'press-1', there.data, true);
    expect(await importAt(second, stick)).toEqual(['report_proof_wrong']);
    expect(again.exportTo(stick)).toMatchObject({ ok: true });
    expect(await importAt(second, stick)).toEqual([null]);
    await second.end();
  });

  it('is refused when it is older than one that was imported, or has its number with other content', async () => {
    const old = path.join(dir, `old-${round}`);
    cpSync(stick, old, { recursive: true });
    expect(device.exportTo(stick)).toMatchObject({ ok: true });
    expect(await importAt(hub, stick)).toEqual([null]);
    await refuses('report_stale', old);
    report = reportOf(stick);
    signIndex({ ...readIndex(), exportedAt: '2026-01-01T00:00:00Z' });
    await refuses('report_conflict');
  });
});

describe('a report of a device that breaks the rules', () => {
  it('is refused with names that lead elsewhere, before anything of them is opened', async () => {
    const index = readIndex();
    for (const name of [
      '../../../../etc/passwd',
      '/etc/passwd',
      '0001.up/../0001.up',
      '0001.UP',
      '.hidden',
      '0002.up',
      '0001.state\0',
    ]) {
      signIndex({ ...index, files: index.files.map((file, i) => (i === 1 ? { ...file, name } : file)) });
      await refuses('report_invalid');
    }
    signIndex({ ...index, files: [index.files[1], index.files[0]] });
    await refuses('report_invalid');
    signIndex({ ...index, files: [] });
    await refuses('report_invalid');
  });

  it('is refused with sizes that no message has, before anything is read', async () => {
    const index = readIndex();
    signIndex({ ...index, files: index.files.map((file) => ({ ...file, size: 2 ** 40 })) });
    await refuses('report_invalid');
    const files = Array.from({ length: 900 }, (_, i) => ({
      name: `${String(i).padStart(4, '0')}.${i === 0 ? 'hello' : 'up'}`,
      size: i === 0 ? 100 : 262_144,
      sha256: 'ab'.repeat(32),
    }));
    signIndex({ ...index, files });
    await refuses('report_invalid');
  });

  it('is refused with entries that have a hole, are of another outbox, or lie outside what the outbox gave', async () => {
    const at = readIndex().files.findIndex(({ name }) => name.endsWith('.up'));
    const arrived = readMessage('up', readFileSync(path.join(report, readIndex().files[at]?.name ?? '')));
    if (!arrived.ok) throw new Error(arrived.detail);
    const { stamp, message: up } = arrived.value;
    const [first, ...rest] = up.items;
    const last = rest.at(-1);
    if (!first || !last) throw new Error('the report has three entries');
    for (const bad of [
      { ...up, items: [first, last] },
      { ...up, items: up.items.toReversed() },
      { ...up, outboxId: newId() },
      { ...up, oldestSeq: up.oldestSeq - 1 },
      { ...up, items: rest },
      { ...up, items: [...up.items, { seq: last.seq + 1, body: last.body }] },
      { ...up, items: up.items.slice(0, -1) },
    ]) {
      replaceFile(at, encodeMessage('up', bad, stamp));
      await refuses('report_invalid');
    }
    replaceFile(at, Buffer.from('no message'));
    await refuses('report_invalid');
  });
});

describe('a directory with more than files in it', () => {
  const target = path.join(dir, 'outside');
  beforeAll(() => {
    mkdirSync(target, { recursive: true });
    writeFileSync(path.join(target, 'kept'), 'kept');
  });

  it('is refused where a file is a link, a pipe, a folder or endless', async () => {
    const up = path.join(report, '0001.up');
    const bytes = readFileSync(up);
    const put: [string, () => void, string][] = [
      [
        'a link to the very same bytes',
        () => (writeFileSync(path.join(target, 'same'), bytes), symlinkSync(path.join(target, 'same'), up)),
        'carrier_unsafe',
      ],
      ['a link to a device', () => symlinkSync('/dev/zero', up), 'carrier_unsafe'],
      ['a pipe', () => execFileSync('mkfifo', [up]), 'carrier_unsafe'],
      ['a folder', () => mkdirSync(up), 'carrier_unsafe'],
      [
        'a file with a hole of a terabyte',
        () => (writeFileSync(up, bytes), truncateSync(up, 2 ** 40)),
        'carrier_too_large',
      ],
    ];
    for (const [, make, code] of put) {
      rmSync(up, { recursive: true, force: true });
      make();
      await refuses(code);
    }
    rmSync(up);
    writeFileSync(up, bytes);
    rmSync(path.join(report, 'report.index'));
    symlinkSync('/dev/zero', path.join(report, 'report.index'));
    await refuses('carrier_unsafe');
  });

  it('is refused where a folder is a link, for reading and for writing', async () => {
    const real = path.join(target, `reports-${round}`);
    renameSync(path.join(stick, 'reports'), real);
    symlinkSync(real, path.join(stick, 'reports'));
    await refuses('carrier_unsafe');
    expect(device.exportTo(stick)).toMatchObject({ ok: false, code: 'carrier_unsafe' });
    rmSync(path.join(stick, 'reports'));
    renameSync(real, path.join(stick, 'reports'));
    symlinkSync(target, path.join(stick, 'acks'));
    expect(await importAt(hub, stick)).toEqual(['carrier_unsafe']);
    expect(await device.importFrom(stick)).toMatchObject({ ok: false, code: 'carrier_unsafe' });
    expect(readdirSync(target).filter((name) => name.endsWith('.ack'))).toEqual([]);
    rmSync(path.join(stick, 'acks'));
    // Imported all the same: the answer comes with the next try.
    expect(await importAt(hub, stick)).toEqual([null]);
    expect(existsSync(path.join(stick, 'acks/press-1.ack'))).toBe(true);
  });

  it('does not write through links that stand where its files will be', () => {
    const own = path.join(dir, `planted-${round}`);
    mkdirSync(path.join(own, 'reports'), { recursive: true });
    symlinkSync(target, path.join(own, 'reports/press-1'));
    expect(device.exportTo(own)).toMatchObject({ ok: false, code: 'carrier_unsafe' });
    expect(readFileSync(path.join(target, 'kept'), 'utf8')).toBe('kept');
  });
});

describe('an acknowledgement', () => {
  let director: Signer;
  let ack: ReportAck;
  const ackFile = (): string => path.join(stick, 'acks/press-1.ack');
  beforeEach(async () => {
    const key = openKeyFile(path.join(hub.data.keys, 'director.pem'));
    if (!key.ok) throw new Error(key.detail);
    director = key.value;
    expect(await importAt(hub, stick)).toEqual([null]);
    const envelope = readSignedEnvelope(readFileSync(ackFile()));
    if (!envelope.ok) throw new Error(envelope.detail);
    ack = JSON.parse(Buffer.from(envelope.value.payload).toString()) as ReportAck;
  });

  async function forge(
    document: ReportAck,
    signer = director,
    type: string = CARRIED_PAYLOAD_TYPES.ack,
  ): Promise<void> {
    writeFileSync(ackFile(), encodeSignedEnvelope(await signPayload(type, encodeCarried(document), [signer])));
  }

  async function refusesAck(code: string): Promise<void> {
    const before = device.outbox();
    expect(await device.importFrom(stick)).toMatchObject({ ok: false, code });
    expect(device.outbox()).toEqual(before);
  }

  it('is believed only from the director, for this device, this hub, this outbox, up to what it gave', async () => {
    await forge(ack, makeKey().signer);
    await refusesAck('signature_missing');
    await forge(ack, director, CARRIED_PAYLOAD_TYPES.report);
    await refusesAck('payload_type_mismatch');
    for (const foreign of [
      { device: 'press-2' },
      { hubId: newId() },
      { outboxId: newId() },
      { lastSeq: ack.lastSeq + 1 },
    ]) {
      await forge({ ...ack, ...foreign });
      await refusesAck('ack_foreign');
    }
    await forge({ ...ack, lastSeq: -1 });
    await refusesAck('document_invalid');
    await forge(ack);
    expect(await device.importFrom(stick)).toMatchObject({
      ok: true,
      value: { ack: { lastSeq: ack.lastSeq, left: 0 } },
    });
    // An old one again frees nothing that came since.
    device.append(line('since'));
    expect(await device.importFrom(stick)).toMatchObject({ ok: true, value: { ack: { freed: 0, left: 1 } } });
  });

  it('is refused with any bit changed, as other bytes, as a link, and when it is endless', async () => {
    const bytes = readFileSync(ackFile());
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = Buffer.from(bytes);
        changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ mask;
        writeFileSync(ackFile(), changed);
        const before = device.outbox();
        expect(await device.importFrom(stick)).toHaveProperty('ok', false);
        expect(device.outbox()).toEqual(before);
      }),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (any) => {
        writeFileSync(ackFile(), any);
        expect(await device.importFrom(stick)).toHaveProperty('ok', false);
      }),
      { numRuns: 60 },
    );
    truncateSync(ackFile(), 2 ** 40);
    await refusesAck('carrier_too_large');
    rmSync(ackFile());
    symlinkSync('/dev/zero', ackFile());
    await refusesAck('carrier_unsafe');
    rmSync(ackFile());
    await refusesAck('carrier_empty');
  });
});

describe('the door for reports', () => {
  it('asks for the role of an operator, and refuses a body that never ends or promises too much', async () => {
    const route = '/api/v1/devices/press-1/reports';
    expect(await hub.ask('POST', route, Buffer.from('x'), { authorization: undefined })).toMatchObject({ status: 401 });
    expect(await hub.ask('POST', route, Buffer.from([0xff, 0xff, 0xff, 0xff, 1]))).toMatchObject({
      status: 422,
      json: { code: 'report_invalid' },
    });
    expect(await hub.ask('POST', route, Buffer.from([0, 0, 0, 9, 1]))).toMatchObject({
      status: 400,
      json: { code: 'carrier_torn' },
    });
    const index = readFileSync(path.join(report, 'report.index'));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(index.length);
    const whole = readIndex().files.map(({ name }) => readFileSync(path.join(report, name)));
    const more = Buffer.concat([head, index, ...whole, Buffer.from('x')]);
    expect(await hub.ask('POST', route, more)).toMatchObject({ status: 422, json: { code: 'report_invalid' } });
    expect(await drover(hub, 'import', stick)).toMatchObject({ exit: 0, out: expect.stringContaining('press-1') });
  });
});
