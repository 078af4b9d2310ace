// Writes everything that this device has to say into a carried directory, with the bytes that MQTT would carry. Never
// removes anything from the outbox: only an acknowledgement of the hub does. Works beside an agent that runs.
import { createHash, randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { accept, type Result } from '@drover/core/reasons';
import { type CarrierFolder, makeCarrier } from '@drover/trust/carrier/files';
import { type DeviceProof, proveByKey, proveBySecret } from '@drover/trust/carrier/proof';
import { CARRIED_PAYLOAD_TYPES, type CarriedFile, encodeCarried, type ReportIndex } from '@drover/trust/carrier/report';
import { CARRIER, type ReportKind, reportFileName } from '@drover/wire/carrier';
import { encodeMessage, encodeSignedEnvelope } from '@drover/wire/encode';
import { ENTRIES_PER_UP, PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Hello, Stamp } from '@drover/wire/messages';
import { makeClock } from '../clock.ts';
import { openDeviceKey } from '../enrol/device-key.ts';
import { readCapabilities } from '../health.ts';
import { type Identity, readIdentity } from '../identity.ts';
import { type Db, openDatabase, openDatabaseToRead, readSignedAt } from '../store/database.ts';
import { lockCarrying, lockDataDir } from '../store/exclusive.ts';
import { type Outbox, openOutbox } from '../store/outbox.ts';
import { AGENT_VERSION } from '../version.ts';
import { readKeptReport, takeNumber } from './kept.ts';

export interface ExportedReport {
  readonly device: string;
  readonly folder: string;
  readonly number: number;
  readonly entries: number;
  readonly bytes: number;
}

/** Envelope, ids and one tag per item. */
const OVERHEAD_BYTES = 1024;

const newId = (): string => makeId(Math.max(0, Date.now()), randomBytes(10));

/** The agent's database: its own when no agent runs, else for reading beside it. */
function openData(dataDir: string): Result<{ db: Db; close: () => void }> {
  const lock = lockDataDir(dataDir);
  if (lock.ok) {
    const opened = openDatabase(dataDir);
    if (!opened.ok) {
      lock.value();
      return opened;
    }
    const db = opened.value;
    // An agent that never ran has no outbox yet: the report says which one it will be.
    openOutbox(db, newId);
    return accept({
      db,
      close() {
        db.close();
        lock.value();
      },
    });
  }
  const db = openDatabaseToRead(dataDir);
  return db ? accept({ db, close: () => db.close() }) : lock;
}

const readGeneration = (db: Db): number =>
  db.prepare<[], { generation: number }>('SELECT generation FROM desired').get()?.generation ?? 0;

function makeHello(dataDir: string, db: Db, outbox: Outbox): { hello: Hello; kept: ReturnType<typeof readKeptReport> } {
  const kept = readKeptReport(dataDir);
  const { outboxId, oldestSeq, nextSeq } = outbox.counts();
  const { runtime = '', runtimeVersion = '' } = kept?.runtime ?? {};
  const hello: Hello = {
    outboxId,
    oldestSeq,
    nextSeq,
    bootId: kept?.state.bootId ?? newId(),
    sessionId: newId(),
    agentVersion: kept?.agentVersion ?? AGENT_VERSION,
    capabilities: readCapabilities(runtime, runtimeVersion),
    generation: Math.max(kept?.state.generation ?? 0, readGeneration(db)),
    slots: kept?.state.slots ?? [],
  };
  return { hello, kept };
}

/** The uplink messages of the whole outbox, oldest first. */
function* listUps(outbox: Outbox, bootId: string, stamp: Stamp): Generator<{ bytes: Uint8Array; entries: number }> {
  const { outboxId, oldestSeq } = outbox.counts();
  for (let after = 0; ; ) {
    const items = outbox.take(after, ENTRIES_PER_UP, PAYLOAD_BYTES.up - OVERHEAD_BYTES);
    const last = items.at(-1);
    if (!last) return;
    after = last.seq;
    // The oldest of all, in each: one that is read without those before it must not say that they are gone.
    yield { bytes: encodeMessage('up', { outboxId, bootId, oldestSeq, items }, stamp), entries: items.length };
  }
}

interface Writing {
  readonly folder: CarrierFolder;
  readonly files: CarriedFile[];
}

function writeFile({ folder, files }: Writing, kind: ReportKind, bytes: Uint8Array): Result<undefined> {
  const name = reportFileName(files.length, kind);
  files.push({ name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  return folder.put(name, [bytes]);
}

function writeReport(
  dataDir: string,
  ownFolder: CarrierFolder,
  { device, hubId, proof }: { device: string; hubId: string; proof: DeviceProof },
  db: Db,
): Result<Omit<ExportedReport, 'device' | 'folder'> & { reportId: string }> {
  const now = makeClock(undefined, undefined, readSignedAt(db)).now();
  const stamp: Stamp = { sentAt: now, sentMono: Math.floor(performance.now()) };
  const number = takeNumber(dataDir, now);
  const reportId = newId();
  const outbox = openOutbox(db, newId);
  const { hello, kept } = makeHello(dataDir, db, outbox);
  const beside = `${reportId}.new`;
  const made = ownFolder.make(beside);
  if (!made.ok) return made;
  const writing: Writing = { folder: made.value, files: [] };
  let entries = 0;
  try {
    let written = writeFile(writing, 'hello', encodeMessage('hello', hello, stamp));
    if (written.ok && kept) written = writeFile(writing, 'state', encodeMessage('state', kept.state, stamp));
    for (const up of listUps(outbox, hello.bootId, stamp)) {
      if (!written.ok) return written;
      written = writeFile(writing, 'up', up.bytes);
      entries += up.entries;
    }
    if (!written.ok) return written;
    const { outboxId, bootId, oldestSeq, nextSeq } = hello;
    const index: ReportIndex = {
      type: 'drover.report/1', device, hubId, reportId, number, outboxId, bootId, oldestSeq, nextSeq,
      exportedAt: new Date(now).toISOString(), files: writing.files,
    }; // biome-ignore format: one document
    const envelope = encodeSignedEnvelope(proof.prove(CARRIED_PAYLOAD_TYPES.report, encodeCarried(index)));
    written = made.value.put(CARRIER.reportIndex, [envelope]);
    if (!written.ok) return written;
  } finally {
    made.value.close();
  }
  const placed = ownFolder.rename(beside, reportId);
  if (!placed.ok) return placed;
  const bytes = writing.files.reduce((sum, { size }) => sum + size, 0);
  return accept({ reportId, number, entries, bytes });
}

/** By the key of the certificate; a device that joined in development has a secret. */
function openProof(dataDir: string, identity: Identity): Result<DeviceProof> {
  if (identity.version !== 2) return accept(proveBySecret(identity.device, identity.secret));
  const key = openDeviceKey(dataDir, identity.keyFile);
  return key.ok ? accept(proveByKey(key.value)) : key;
}

/** What earlier exports of this device left: the new one holds all that they do. */
function removeOthers(ownFolder: CarrierFolder, reportId: string): Result<undefined> {
  const names = ownFolder.list();
  if (!names.ok) return names;
  for (const name of names.value.filter((each) => each !== reportId)) {
    const removed = ownFolder.removeFolder(name);
    if (!removed.ok) return removed;
  }
  return accept(undefined);
}

/** @param out the carried directory; it may hold reports of other devices and what a hub wrote. */
export function exportReport(dataDir: string, out: string): Result<ExportedReport> {
  const who = readIdentity(dataDir);
  if (!who.ok) return who;
  const { identity } = who.value;
  const { device, hubId } = identity;
  const proof = openProof(dataDir, identity);
  if (!proof.ok) return proof;
  const alone = lockCarrying(dataDir);
  if (!alone.ok) return alone;
  const opened: { close(): void }[] = [{ close: alone.value }];
  const keep = <T extends { close(): void }>(result: Result<T>): Result<T> => {
    if (result.ok) opened.push(result.value);
    return result;
  };
  try {
    const data = keep(openData(dataDir));
    if (!data.ok) return data;
    const carrier = keep(makeCarrier(out));
    if (!carrier.ok) return carrier;
    const reports = keep(carrier.value.make(CARRIER.reports));
    if (!reports.ok) return reports;
    const own = keep(reports.value.make(device));
    if (!own.ok) return own;
    const { db } = data.value;
    // One moment: an agent that runs beside may add and forget entries meanwhile.
    db.exec('BEGIN');
    try {
      const written = writeReport(dataDir, own.value, { device, hubId, proof: proof.value }, db);
      if (!written.ok) return written;
      const { reportId, number, entries, bytes } = written.value;
      const removed = removeOthers(own.value, reportId);
      if (!removed.ok) return removed;
      return accept({ device, folder: `${out}/${CARRIER.reports}/${device}/${reportId}`, number, entries, bytes });
    } finally {
      db.exec('COMMIT');
    }
  } finally {
    for (const each of opened.toReversed()) each.close();
  }
}
