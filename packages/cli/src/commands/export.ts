// `drover export`: writes what devices without a network should run into a directory. Decides nothing about it: the hub signs,
// the device believes. What is large is fetched once, goes on where it broke off, and is checked before it has its name.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type ExportIndex, parseExportIndex } from '@drover/trust/carrier/export';
import { type CarrierFolder, makeCarrier, openCarrier, readCarried } from '@drover/trust/carrier/files';
import { CARRIER, desiredFileName, MODELS } from '@drover/wire/carrier';
import type { ExportRequest } from '@drover/wire/http/carry';
import { SIGNED_PAYLOAD_BYTES } from '@drover/wire/limits';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { formatBytes, formatCount } from '../table.ts';
import { type ByteReader, readBytes } from './byte-reader.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, parseDuration, present } from './common.ts';

const ENVELOPE_BYTES = SIGNED_PAYLOAD_BYTES + 4096;
const EXPORT_MS = 10 * 60_000;
/** One blob on a slow link. */
const BLOB_MS = 6 * 3_600_000;
const TRIES = 5;

const must = <T>(result: Result<T>): T => {
  if (!result.ok) throw failRefused(result);
  return result.value;
};
const brokenAnswer = (what: string): CliFailure =>
  new CliFailure(
    EXIT.failed,
    'hub_answer_invalid',
    `The hub's export ${what}.`,
    'Try again; compare "drover version" with the hub.',
  );

interface Written {
  readonly index: ExportIndex;
  readonly folder: string;
}

/** Takes one file of the answer and writes it when it is what the index says. */
async function takeFile(
  reader: ByteReader,
  folder: CarrierFolder,
  file: { readonly name: string; readonly size: number; readonly sha256: string },
): Promise<void> {
  const bytes = await reader.take(file.size);
  if (!bytes || createHash('sha256').update(bytes).digest('hex') !== file.sha256)
    throw brokenAnswer(`is cut short or damaged at "${file.name}"`);
  must(folder.put(file.name, [bytes]));
}

/** The small files, into a folder of their own; it gets its name when all of them are there. */
async function takeSmall(client: HubClient, exports: CarrierFolder, body: ExportRequest): Promise<Written> {
  const reader = readBytes(client.askStream(at('exports'), { method: 'POST', body, timeoutMs: EXPORT_MS }));
  try {
    const written = await takeFrom(reader, exports);
    if (await reader.take(1)) throw brokenAnswer('goes on after its end');
    return written;
  } finally {
    await reader.close();
  }
}

async function takeFrom(reader: ByteReader, exports: CarrierFolder): Promise<Written> {
  const head = await reader.take(4);
  const length = head ? Buffer.from(head).readUInt32BE() : Number.POSITIVE_INFINITY;
  const envelope = length <= ENVELOPE_BYTES ? await reader.take(length) : undefined;
  const signed = envelope && readSignedEnvelope(envelope);
  const index = signed?.ok ? parseExportIndex(signed.value.payload) : undefined;
  if (!envelope || !index?.ok) throw brokenAnswer('does not begin with an index');
  const { exportId, desired, metadata } = index.value;
  const beside = `${exportId}.new`;
  const folder = must(exports.make(beside));
  const messages = must(folder.make(MODELS.desired));
  const files = must(folder.make(MODELS.metadata));
  try {
    for (const { device, size, sha256 } of desired)
      await takeFile(reader, messages, { name: desiredFileName(device), size, sha256 });
    for (const file of metadata) await takeFile(reader, files, file);
    must(folder.put(MODELS.index, [envelope]));
  } finally {
    for (const each of [files, messages, folder]) each.close();
  }
  return { index: index.value, folder: beside };
}

/** Whether a whole blob of this content is there. */
function isThere(blobs: CarrierFolder | undefined, sha256: string, size: number): boolean {
  const found = blobs?.file(sha256, size);
  if (!found?.ok || !found.value) return false;
  const hash = createHash('sha256');
  for (const piece of found.value.pieces()) hash.update(piece);
  found.value.close();
  return found.value.size === size && hash.digest('hex') === sha256;
}

async function fetchBlob(
  client: HubClient,
  blobs: CarrierFolder,
  { sha256, size }: { readonly sha256: string; readonly size: number },
  progress: (bytes: number) => void,
): Promise<void> {
  const part = must(blobs.openPart(`${sha256}.part`));
  try {
    if (part.size() > size) part.cut(0);
    for (let tries = 1; part.size() < size; tries++) {
      const before = part.size();
      try {
        for await (const piece of client.askStream(at('blobs', sha256), { from: before, timeoutMs: BLOB_MS })) {
          must(part.append(piece));
          if (part.size() > size) throw brokenAnswer(`gives more than ${size} bytes for ${sha256.slice(0, 12)}…`);
          progress(part.size());
        }
      } catch (error) {
        // A link that breaks off goes on where it was; one that brings nothing at all ends it.
        const isLink = error instanceof CliFailure && error.exitCode === EXIT.unreachable;
        if (!isLink || tries >= TRIES || part.size() === before) throw error;
      }
      if (part.size() === before) throw brokenAnswer(`gives no byte of ${sha256.slice(0, 12)}… after ${before}`);
    }
    if (part.digest() !== sha256) {
      part.cut(0);
      throw failRefused(refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}… came with other bytes.`));
    }
    must(part.place(sha256));
  } finally {
    part.close();
  }
}

/** Devices of an export that lies there already; undefined when it is not one that we can read. */
function devicesOf(folder: CarrierFolder | undefined): readonly string[] | undefined {
  const bytes = folder && readCarried(folder, MODELS.index, ENVELOPE_BYTES);
  const envelope = bytes?.ok && bytes.value ? readSignedEnvelope(bytes.value) : undefined;
  const index = envelope?.ok ? parseExportIndex(envelope.value.payload) : undefined;
  return index?.ok ? index.value.desired.map(({ device }) => device) : undefined;
}

/** Earlier exports for the same devices and halves of broken ones: the new one stands for them. */
function removeOlder(exports: CarrierFolder, index: ExportIndex): Result<undefined> {
  const names = exports.list();
  if (!names.ok) return names;
  const devices = new Set(index.desired.map(({ device }) => device));
  for (const name of names.value.filter((each) => each !== index.exportId)) {
    const folder = exports.folder(name);
    if (!folder.ok) return folder;
    const known = devicesOf(folder.value);
    folder.value?.close();
    const isCovered = known?.every((device) => devices.has(device)) ?? name.endsWith('.new');
    if (!isCovered) continue;
    const removed = exports.removeFolder(name);
    if (!removed.ok) return removed;
  }
  return accept(undefined);
}

export interface ExportOutcome {
  readonly exportId: string;
  readonly number: number;
  readonly expiresAt: string;
  readonly devices: readonly string[];
  readonly blobs: number;
  readonly fetched: number;
  readonly bytes: number;
}

export interface ExportPlan {
  readonly request: ExportRequest;
  readonly out: string;
  /** An earlier export whose blobs the devices have. */
  readonly since: string | undefined;
  readonly progress: (text: string) => void;
}

export async function exportTo(
  client: HubClient,
  { request, out, since, progress }: ExportPlan,
): Promise<ExportOutcome> {
  const carrier = must(makeCarrier(out));
  const models = must(carrier.make(CARRIER.models));
  const exports = must(models.make(MODELS.exports));
  const blobs = must(models.make(MODELS.blobs));
  const earlier = since === undefined ? undefined : must(openBlobs(since));
  try {
    const { index, folder } = await takeSmall(client, exports, request);
    let fetched = 0;
    let bytes = 0;
    for (const [i, blob] of index.blobs.entries()) {
      if (isThere(blobs, blob.sha256, blob.size) || isThere(earlier, blob.sha256, blob.size)) continue;
      await fetchBlob(client, blobs, blob, (done) =>
        progress(`blob ${i + 1} of ${index.blobs.length}: ${formatBytes(done)} of ${formatBytes(blob.size)}`),
      );
      fetched += 1;
      bytes += blob.size;
    }
    // Only now: an export whose blobs are not there yet is none.
    must(exports.rename(folder, index.exportId));
    must(removeOlder(exports, index));
    const { exportId, number, expiresAt, desired } = index;
    return {
      exportId,
      number,
      expiresAt,
      devices: desired.map(({ device }) => device),
      blobs: index.blobs.length,
      fetched,
      bytes,
    };
  } finally {
    for (const each of [earlier, blobs, exports, models, carrier]) each?.close();
  }
}

function openBlobs(dir: string): Result<CarrierFolder | undefined> {
  const carrier = openCarrier(dir);
  if (!carrier.ok) return carrier;
  const models = carrier.value.folder(CARRIER.models);
  const blobs: Result<CarrierFolder | undefined> | Refusal =
    models.ok && models.value ? models.value.folder(MODELS.blobs) : models.ok ? accept(undefined) : models;
  if (models.ok) models.value?.close();
  carrier.value.close();
  return blobs;
}

interface ExportOptions extends ConnectionOptions {
  readonly devices?: string;
  readonly query?: string;
  readonly out: string;
  readonly validFor: number;
  readonly since?: string;
}

export function addExportCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('export').summary('write what devices without a network should run into a directory'))
    .description('Writes models, the signed wishes of the devices and the release metadata into a directory that is carried to them. It is good for the time that is asked for, and no longer. Run again after a broken link, it fetches only what is missing.')
    .option('--devices <ids>', 'device ids with commas between')
    .option('--query <query>', 'devices whose labels match, such as site=north')
    .requiredOption('--out <dir>', 'the directory, for example on a stick; it may hold reports and other exports')
    .requiredOption('--valid-for <duration>', 'how long devices may take it, such as 12h or 30d', parseDuration)
    .option('--since <dir>', 'leave out the models that this earlier export brought to the same devices')
    .addHelpText('after', '\nExamples:\n  drover export --devices press-07,press-08 --out /media/stick --valid-for 30d\n  drover export --query site=north --out /media/stick --valid-for 30d --since /media/last\n  drover agent import /media/stick      on each device')
    .action(async (options: ExportOptions) => {
      const devices = options.devices?.split(',').map((id) => id.trim());
      if ((devices === undefined) === (options.query === undefined))
        throw failUsage('Give either --devices or --query.');
      const request: ExportRequest = {
        ...(devices && { devices }),
        ...(options.query !== undefined && { query: options.query }),
        validForMs: options.validFor,
      };
      const resolve = (dir: string): string => path.resolve(cli.shell.cwd, dir);
      let isShown = false;
      const outcome = await exportTo(connect(cli, options), {
        request,
        out: resolve(options.out),
        since: options.since === undefined ? undefined : resolve(options.since),
        progress(text) {
          if (!cli.shell.isTerminal || options.json) return;
          isShown = true;
          cli.shell.err(`\r\u001b[K${text}`);
        },
      });
      if (isShown) cli.shell.err('\r\u001b[K');
      present(cli, options, outcome, () =>
        `Export ${outcome.number} for ${formatCount(outcome.devices.length)} devices in ${resolve(options.out)}: ${formatCount(outcome.blobs)} blobs, ${formatCount(outcome.fetched)} of them new (${formatBytes(outcome.bytes)}). Good until ${outcome.expiresAt}.\n` +
        'Carry it to the devices and run "drover agent import" there.\n');
    }); // biome-ignore format: one chain
}
