// `drover import`: brings what devices without a network wrote into a directory to the hub, and its answers back into it.
// Decides nothing about a report: the hub does.
import path from 'node:path';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type CarrierFolder, openCarrier, readCarried } from '@drover/trust/carrier/files';
import { type CarriedFile, parseReportIndex, type ReportIndex } from '@drover/trust/carrier/report';
import { ackFileName, CARRIER, isReportFolder, reportFileKind } from '@drover/wire/carrier';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { ReportImport } from '@drover/wire/http/carry';
import type { EnvelopeJson } from '@drover/wire/http/common';
import { PAYLOAD_BYTES, SIGNED_PAYLOAD_BYTES } from '@drover/wire/limits';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { formatCount } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present, tableFor } from './common.ts';

const ENVELOPE_BYTES = SIGNED_PAYLOAD_BYTES + 4096;
const IMPORT_MS = 10 * 60_000;

/** One report in the directory. */
interface Found {
  readonly device: string;
  readonly name: string;
}

interface Outcome {
  readonly device: string;
  readonly report: string;
  readonly code: string | null;
  readonly detail: string;
  readonly imported: ReportImport | null;
}

function listReports(reports: CarrierFolder): Result<Found[]> {
  const devices = reports.list();
  if (!devices.ok) return devices;
  const found: Found[] = [];
  for (const device of devices.value) {
    const own = reports.folder(device);
    if (!own.ok) return own;
    const names = own.value?.list() ?? accept([]);
    own.value?.close();
    if (!names.ok) return names;
    found.push(...names.value.filter(isReportFolder).map((name) => ({ device, name })));
  }
  return accept(found);
}

interface OpenReport {
  readonly folder: CarrierFolder;
  readonly envelope: Uint8Array;
  readonly index: ReportIndex;
}

function openReport(folder: CarrierFolder): Result<OpenReport> {
  const envelope = readCarried(folder, CARRIER.reportIndex, ENVELOPE_BYTES);
  if (!envelope.ok) return envelope;
  if (!envelope.value) return refuse('carrier_torn', 'The report has no index: it was not written to its end.');
  // Read to know which files to send; whether it is believed is for the hub to say.
  const signed = readSignedEnvelope(envelope.value);
  const index = signed.ok ? parseReportIndex(signed.value.payload) : signed;
  if (!index.ok) return refuse('report_invalid', index.detail);
  for (const file of index.value.files) {
    // Before the upload: one that breaks off would say less.
    const checked = checkFile(folder, file);
    if (!checked.ok) return checked;
  }
  return accept({ folder, envelope: envelope.value, index: index.value });
}

function checkFile(folder: CarrierFolder, { name, size }: CarriedFile): Result<undefined> {
  const file = folder.file(name, PAYLOAD_BYTES[reportFileKind(name) ?? 'hello']);
  if (!file.ok) return file;
  file.value?.close();
  if (!file.value || file.value.size < size)
    return refuse('carrier_torn', `"${name}" is ${file.value ? 'cut short' : 'missing'}.`);
  return file.value.size > size
    ? refuse('carrier_altered', `"${name}" is longer than its index says.`)
    : accept(undefined);
}

function readFile(folder: CarrierFolder, { name, size }: CarriedFile): Result<Uint8Array> {
  const bytes = readCarried(folder, name, PAYLOAD_BYTES[reportFileKind(name) ?? 'hello']);
  if (!bytes.ok) return bytes;
  return bytes.value?.length === size
    ? accept(bytes.value)
    : refuse('carrier_torn', `"${name}" changed while it was read.`);
}

/** The body of the import: the length of the index, the index, the files. A file is opened when its turn comes. */
async function* sendReport(
  { folder, envelope, index }: OpenReport,
  broken: (refusal: Refusal) => void,
): AsyncGenerator<Uint8Array> {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(envelope.length);
  yield head;
  yield envelope;
  for (const file of index.files) {
    const bytes = readFile(folder, file);
    if (!bytes.ok) {
      broken(bytes);
      throw failRefused(bytes);
    }
    yield bytes.value;
  }
}

async function sendTo(client: HubClient, device: string, report: OpenReport): Promise<ReportImport> {
  let cause: Refusal | undefined;
  const stream = sendReport(report, (refusal) => {
    cause = refusal;
  });
  try {
    const options = { method: 'POST', stream, timeoutMs: IMPORT_MS } as const;
    return await client.ask(ReportImport, at('devices', device, 'reports'), options);
  } catch (error) {
    // What broke the upload says more than that it broke.
    throw cause ? failRefused(cause) : error;
  }
}

function writeAck(
  carrier: CarrierFolder,
  device: string,
  { payloadType, payload, signatures }: EnvelopeJson,
): Result<undefined> {
  const acks = carrier.make(CARRIER.acks);
  if (!acks.ok) return acks;
  const envelope = encodeSignedEnvelope({
    payloadType,
    payload: Buffer.from(payload, 'base64'),
    signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig, 'base64') })),
  });
  const written = acks.value.put(ackFileName(device), [envelope]);
  acks.value.close();
  return written;
}

async function importFolder(
  client: HubClient,
  carrier: CarrierFolder,
  device: string,
  folder: CarrierFolder,
): Promise<ReportImport> {
  const report = openReport(folder);
  if (!report.ok) throw failRefused(report);
  const imported = await sendTo(client, device, report.value);
  const written = writeAck(carrier, device, imported.ack);
  if (!written.ok) throw failRefused(written);
  return imported;
}

/** A hub that is not there, or does not know who asks, will not take the next report either. */
const endsAll = ({ exitCode, code }: CliFailure): boolean => exitCode === EXIT.unreachable || code.startsWith('token_');

async function importFound(
  client: HubClient,
  carrier: CarrierFolder,
  own: CarrierFolder,
  { device, name }: Found,
): Promise<Outcome> {
  const folder = own.folder(name);
  try {
    if (!folder.ok) throw failRefused(folder);
    if (!folder.value) throw failRefused(refuse('carrier_torn', 'The report is gone again.'));
    const imported = await importFolder(client, carrier, device, folder.value);
    return { device, report: name, code: null, detail: '', imported };
  } catch (error) {
    if (!(error instanceof CliFailure) || endsAll(error)) throw error;
    return { device, report: name, code: error.code, detail: error.message, imported: null };
  } finally {
    if (folder.ok) folder.value?.close();
  }
}

async function importAll(client: HubClient, dir: string): Promise<Outcome[]> {
  const carrier = openCarrier(dir);
  if (!carrier.ok) throw failRefused(carrier);
  try {
    const reports = carrier.value.folder(CARRIER.reports);
    if (!reports.ok) throw failRefused(reports);
    const found = reports.value ? listReports(reports.value) : accept([]);
    if (!found.ok) throw failRefused(found);
    if (!reports.value || found.value.length === 0)
      throw failRefused(refuse('carrier_empty', `"${dir}" holds no report of a device.`));
    const outcomes: Outcome[] = [];
    for (const each of found.value) {
      const own = reports.value.folder(each.device);
      if (!own.ok) throw failRefused(own);
      if (own.value) outcomes.push(await importFound(client, carrier.value, own.value, each));
      if (own.value) own.value.close();
    }
    reports.value.close();
    return outcomes;
  } finally {
    carrier.value.close();
  }
}

const say = (pick: (imported: ReportImport) => number) => (o: Outcome) =>
  o.imported ? formatCount(pick(o.imported)) : '-';

export function addCarryCommands(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('import').summary('take reports that were carried here from devices without a network'))
    .description('Takes the reports that "drover agent export" wrote into a directory. Nothing is counted twice, however often it is imported; the answers for the devices are written into the same directory.')
    .argument('<dir>', 'the carried directory')
    .addHelpText('after', '\nExamples:\n  drover import /media/stick\n  drover agent import /media/stick      on the device, afterwards')
    .action(async (given: string, options: ConnectionOptions) => {
      const dir = path.resolve(cli.shell.cwd, given);
      const outcomes = await importAll(connect(cli, options), dir);
      present(cli, options, { items: outcomes }, () => tableFor(cli, [
        { title: 'DEVICE', value: (o) => o.device },
        { title: 'NEW', value: say((i) => i.entries), align: 'right' },
        { title: 'KNOWN', value: say((i) => i.repeated), align: 'right' },
        { title: 'LOST', value: say((i) => i.lost), align: 'right' },
        { title: 'REFUSED', value: say((i) => i.refused), align: 'right' },
        { title: 'WHY NOT', value: (o) => (o.code === null ? '' : `${o.code}: ${o.detail}`) },
      ], outcomes, 'Nothing was imported.'));
      if (outcomes.some(({ code }) => code !== null)) process.exitCode = EXIT.failed;
    }); // biome-ignore format: one chain
}
