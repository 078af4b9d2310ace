// Makes an export for devices without a network: their desired documents and a timestamp that are good for as long as was
// asked, the release metadata, and a signed index of it all. Bounded by a setting; each is an audit row. Never sends blobs.
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { EXPORT_PAYLOAD_TYPE, type ExportIndex, encodeExportIndex } from '@drover/trust/carrier/export';
import { digestOf, type Signer, signPayload } from '@drover/trust/dsse';
import { EXPORT_BLOBS, EXPORT_DEVICES, EXPORT_METADATA } from '@drover/wire/carrier';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { commitWithAudit } from '../db/audit.ts';
import { insertCarriedExport, readLastExport, trimCarriedExports } from '../db/carried.ts';
import type { DesiredRow } from '../db/desired.ts';
import type { Repository } from '../release/repository.ts';
import { findTargets, resolveTarget } from '../rollouts/targets.ts';
import { collectMetadata, collectParts, type PartDeps } from './export-parts.ts';

export interface ExportDeps extends PartDeps {
  readonly repository: Pick<Repository, 'pathsOf' | 'readMetadata' | 'signCarried'>;
  readonly director: Signer;
  readonly hubId: string;
  /** A folder of the hub's own; emptied at its start. */
  readonly spool: string;
  readonly newId: () => string;
  /** No export is good for longer, ms. */
  readonly maxValidMs: number;
  /** Resolves when everything that these devices should run is decided. */
  readonly settle: (devices: readonly string[]) => Promise<void>;
  /** The desired document of a device, good for so long. */
  readonly extend: (device: string, validMs: number) => Promise<Result<DesiredRow>>;
}

export interface ExportRequest {
  readonly devices?: readonly string[] | undefined;
  readonly query?: string | undefined;
  readonly validForMs: number;
}

export interface MadeExport {
  readonly index: ExportIndex;
  /** Length of all: the length of the index (four bytes, most significant first), the index, desired messages, metadata. */
  readonly bytes: number;
  open(): Readable;
  /** Removes what was kept on the disk. */
  drop(): void;
}

export interface Exporter {
  exportModels(request: ExportRequest, actor: string): Promise<Result<MadeExport>>;
}

const KEPT_EXPORTS = 1000;
/** Signed times are whole seconds: what is asked for must not end within one. */
const SLACK_MS = 2_000;
const TRIES = 8;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Files one after the other in a file of the hub's own, so that a large export takes no memory. */
function openSpool(file: string) {
  const fd = openSync(file, 'wx', 0o600);
  let size = 0;
  return {
    add(bytes: Uint8Array): { size: number; sha256: string } {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      size += bytes.length;
      return { size: bytes.length, sha256: sha256(bytes) };
    },
    size: () => size,
    close: () => closeSync(fd),
  };
}

export function makeExporter(deps: ExportDeps): Exporter {
  const { store, hubId, director, now } = deps;

  async function checkRequest({ validForMs, ...target }: ExportRequest): Promise<Result<readonly string[]>> {
    if (validForMs > deps.maxValidMs) {
      const days = Math.floor(deps.maxValidMs / 86_400_000);
      return refuse('export_too_long', `At most ${days} days are allowed (the setting export-days of the hub).`);
    }
    const resolved = await resolveTarget(store, target);
    if (!resolved.ok) return resolved;
    const devices = await findTargets(store, resolved.value);
    if (!devices.ok) return devices;
    if (devices.value.length > EXPORT_DEVICES)
      return refuse('export_too_large', `${devices.value.length} devices were named; at most ${EXPORT_DEVICES} fit.`);
    return accept(devices.value.map(({ device }) => device).toSorted());
  }

  /** Writes the index with the next free number, and the row and the audit row that stand for it. */
  async function commitIndex(
    open: Omit<ExportIndex, 'number'>,
    facts: object,
    actor: string,
  ): Promise<Result<{ index: ExportIndex; envelope: Uint8Array }>> {
    for (let tries = 0; tries < TRIES; tries++) {
      const number = Math.max((await readLastExport(store)) + 1, Math.floor(now() / 1000));
      const index: ExportIndex = { ...open, number };
      const payload = encodeExportIndex(index);
      const row = {
        number,
        id: index.exportId,
        digest: digestOf(payload),
        issuedAt: Date.parse(index.issuedAt),
        expiresAt: Date.parse(index.expiresAt),
      };
      const entry = {
        at: now(),
        actor,
        action: 'models.export',
        subject: index.exportId,
        detail: { number, expiresAt: index.expiresAt, devices: index.desired.map(({ device }) => device), ...facts },
      };
      const done = await commitWithAudit(store, [insertCarriedExport(row), trimCarriedExports(KEPT_EXPORTS)], entry);
      if (!done.ok) continue;
      const envelope = encodeSignedEnvelope(await signPayload(EXPORT_PAYLOAD_TYPE, payload, [director]));
      return accept({ index, envelope });
    }
    return refuse('write_conflict', 'Other exports are made at the same moment.');
  }

  async function collect(
    devices: readonly string[],
    validForMs: number,
    spool: ReturnType<typeof openSpool>,
    actor: string,
  ): Promise<Result<{ index: ExportIndex; envelope: Uint8Array }>> {
    const issuedAt = now();
    const until = issuedAt + validForMs;
    await deps.settle(devices);
    const rows: DesiredRow[] = [];
    for (const device of devices) {
      const row = await deps.extend(device, validForMs + SLACK_MS);
      if (!row.ok) return row;
      rows.push(row.value);
    }
    const parts = collectParts(deps);
    const desired: ExportIndex['desired'] = [];
    for (const row of rows) {
      const bytes = await parts.desiredMessage(row);
      if (!bytes.ok) return bytes;
      desired.push({ device: row.device, ...spool.add(bytes.value) });
    }
    const blobs = parts.blobs();
    const top = await deps.repository.signCarried(validForMs + SLACK_MS, (statements) => store.commit(statements));
    if (!top.ok) return top;
    const metadata = await collectMetadata(top.value, parts.paths(), deps.repository);
    if (!metadata.ok) return metadata;
    const { files, expiresAt, first } = metadata.value;
    if (blobs.length > EXPORT_BLOBS || files.length > EXPORT_METADATA)
      return refuse('export_too_large', `It has ${blobs.length} blobs and ${files.length} files of metadata.`);
    if (expiresAt < until) {
      const ends = new Date(expiresAt).toISOString();
      return refuse(
        'export_too_long',
        `The release metadata "${first}" is good until ${ends}; sign it anew or ask for less.`,
      );
    }
    const open = {
      type: 'drover.export/1' as const,
      hubId,
      exportId: deps.newId(),
      issuedAt: new Date(issuedAt).toISOString(),
      expiresAt: new Date(until).toISOString(),
      desired,
      metadata: files.map(({ name, bytes }) => ({ name, ...spool.add(bytes) })),
      blobs: [...blobs],
    };
    return commitIndex(open, { metadataFirst: first, blobs: blobs.length }, actor);
  }

  return {
    async exportModels(request, actor) {
      const devices = await checkRequest(request);
      if (!devices.ok) return devices;
      const file = path.join(deps.spool, `${deps.newId()}.export`);
      const spool = openSpool(file);
      let isKept = false;
      try {
        const made = await collect(devices.value, request.validForMs, spool, actor);
        if (!made.ok) return made;
        isKept = true;
        const { index, envelope } = made.value;
        const head = Buffer.alloc(4);
        head.writeUInt32BE(envelope.length);
        return accept({
          index,
          bytes: head.length + envelope.length + spool.size(),
          drop: () => rmSync(file, { force: true }),
          open: () => Readable.from(concat([head, envelope], file)),
        });
      } finally {
        spool.close();
        if (!isKept) rmSync(file, { force: true });
      }
    },
  };
}

async function* concat(first: readonly Uint8Array[], file: string): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* createReadStream(file) as AsyncIterable<Uint8Array>;
}
