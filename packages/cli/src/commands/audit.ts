// `drover audit list|export|verify|merge|checkpoints|key`: who changed what, and proof that nobody changed that record.
// Verifying is done here, from the rows themselves: what the hub thinks of its own log does not count.
import { createReadStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { type AuditCheckpoint, type AuditKeys, openCheckpoint, readAuditKey } from '@drover/trust/audit/checkpoint';
import { encodeAuditLine, parseAuditLine, splitLines } from '@drover/trust/audit/lines';
import { mergeLogs } from '@drover/trust/audit/merge-logs';
import { type AuditFindings, verifyLog } from '@drover/trust/audit/verify-log';
import { keyidOf } from '@drover/trust/dsse';
import { AuditCheckpointView, AuditKeyView, AuditRecord } from '@drover/wire/http/audit';
import type { Command } from 'commander';
import { failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { openSink } from '../sink.ts';
import type { TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  addJsonOption,
  asPage,
  type Cli,
  type ConnectionOptions,
  collect,
  connect,
  type OutputOptions,
  parseWhole,
  present,
  tableFor,
} from './common.ts';

const EXPORT_MS = 3_600_000;
const DETAIL_CHARS = 200;

const ROWS: readonly TableColumn<AuditRecord>[] = [
  { title: 'ROW', value: (r) => r.seq, align: 'right' },
  { title: 'AT', value: (r) => r.at },
  { title: 'ACTOR', value: (r) => r.actor },
  { title: 'ACTION', value: (r) => r.action },
  { title: 'SUBJECT', value: (r) => r.subject },
  { title: 'DETAIL', value: (r) => JSON.stringify(r.detail ?? '').slice(0, DETAIL_CHARS) },
];

/** The log names people and devices: for its owner only. */
const OWNER_ONLY = 0o600;

const openLog = (cli: Cli, file: string): AsyncGenerator<string> =>
  splitLines(createReadStream(path.resolve(cli.shell.cwd, file)) as AsyncIterable<Uint8Array>);

const fetchLog = (client: HubClient, since?: string): AsyncIterable<Uint8Array> =>
  client.askStream(at('audit', 'export'), { query: { since }, timeoutMs: EXPORT_MS });

function readKeys(cli: Cli, files: readonly string[]): AuditKeys {
  const keys = new Map<string, Uint8Array>();
  for (const file of files) {
    let pem: string;
    try {
      pem = readFileSync(path.resolve(cli.shell.cwd, file), 'utf8');
    } catch (error) {
      throw failUsage(`"${file}" cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
    }
    const key = readAuditKey(pem);
    if (!key.ok) throw failRefused(key);
    keys.set(key.value.keyid, key.value.raw);
  }
  return keys;
}

/** The checkpoints in files: those that a hub appended, or earlier exports. */
async function readKept(cli: Cli, files: readonly string[], keys: AuditKeys): Promise<AuditCheckpoint[]> {
  const kept: AuditCheckpoint[] = [];
  for (const file of files) {
    let number = 0;
    for await (const text of openLog(cli, file)) {
      const line = parseAuditLine(text, ++number);
      if (!line.ok) throw failRefused({ ...line, detail: `${file}: ${line.detail}` });
      if (line.value.type !== 'checkpoint') continue;
      const opened = openCheckpoint(line.value.envelope, keys);
      if (!opened.ok) throw failRefused({ ...opened, detail: `${file}, line ${number}: ${opened.detail}` });
      kept.push(opened.value);
    }
  }
  return kept;
}

interface Opened {
  readonly lines: AsyncIterable<string>;
  /** Those that the header names. */
  readonly named: AuditKeys;
}

/** Looks at the header and gives it back with the other lines. */
async function peekHeader(lines: AsyncGenerator<string>): Promise<Opened> {
  const first = await lines.next();
  const text = first.done === true ? '' : first.value;
  const header = parseAuditLine(text, 1);
  const keys = header.ok && header.value.type === 'drover.audit/1' ? header.value.keys : [];
  const raws = keys.map((key) => Buffer.from(key, 'base64url'));
  async function* all(): AsyncGenerator<string> {
    yield text;
    yield* lines;
  }
  return { lines: all(), named: new Map(raws.map((raw) => [keyidOf(raw), raw])) };
}

function describe(found: AuditFindings): string {
  const { hub, rows, firstSeq, lastSeq, lastHash, checkpoints, keyids, areKeysOwn, compared, notCompared } = found;
  const lines = [
    rows === 0
      ? `Whole: the log of the hub ${hub} has no rows here.`
      : `Whole: rows ${firstSeq} to ${lastSeq} of the hub ${hub}, ${checkpoints} checkpoints, last hash ${lastHash}.`,
    `Signed by ${keyids.join(', ') || 'nobody'}.`,
  ];
  if (areKeysOwn)
    lines.push('The key was taken from the log itself: give --key FILE to prove more than that nothing is torn.');
  if (compared > 0) lines.push(`${compared} kept checkpoints agree.`);
  if (notCompared > 0) lines.push(`${notCompared} kept checkpoints are about rows that are not here.`);
  return `${lines.join('\n')}\n`;
}

interface VerifyOptions extends ConnectionOptions {
  readonly key?: string[];
  readonly checkpoints?: string[];
}

function addVerifyCommand(audit: Command, cli: Cli): void {
  addConnectionOptions(audit.command('verify').summary('prove that nobody changed the log'))
    .description(
      'Checks every hash of the log, its order, and every signed checkpoint in it: an edit, a removal, an insertion or a ' +
        'reorder shows. With checkpoints that you kept from earlier it also shows that the end was cut off or that all was ' +
        'written anew by somebody who holds the key. Without FILE the log is fetched from the hub.',
    )
    .argument('[file]', 'an exported log; needs no hub')
    .option(
      '--key <file>',
      "public key of the hub's checkpoints (drover audit key), noted earlier; several times",
      collect,
    )
    .option('--checkpoints <file>', 'checkpoints or exports kept from earlier; several times', collect)
    .addHelpText(
      'after',
      `
Examples:
  drover audit key > hub-audit.pem          once, when the hub is set up
  drover audit checkpoints > march.jsonl    now and then, to another machine
  drover audit verify --key hub-audit.pem --checkpoints march.jsonl
  drover audit verify audit.jsonl --key hub-audit.pem`,
    )
    .action(async (file: string | undefined, options: VerifyOptions) => {
      const source = file === undefined ? splitLines(fetchLog(connect(cli, options))) : openLog(cli, file);
      const given = readKeys(cli, options.key ?? []);
      try {
        const { lines, named } = await peekHeader(source);
        const kept = await readKept(cli, options.checkpoints ?? [], given.size > 0 ? given : named);
        const found = await verifyLog(lines, { keys: given, kept });
        if (!found.ok) throw failRefused(found);
        present(cli, options, found.value, () => describe(found.value));
      } catch (error) {
        const { code, path: missing } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'EACCES') throw failUsage(`"${missing ?? file}" cannot be read (${code}).`);
        throw error;
      }
    });
}

interface ListOptions extends ConnectionOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

function addListCommand(audit: Command, cli: Cli): void {
  addConnectionOptions(audit.command('list').summary('show who changed what'))
    .description('Lists changes, newest first.')
    .option('--actor <name>', 'person:NAME, token:NAME, device:ID, or hub for the system itself')
    .option('--action <name>', 'an action such as alias.set, or all of a kind such as rollout')
    .option('--subject <name>', 'what was changed: a device, MODEL@VERSION, an id')
    .option('--since <time>', 'from this time on, RFC 3339')
    .option('--until <time>', 'before this time, RFC 3339')
    .option('--limit <n>', 'at most so many', parseWhole, 50)
    .addHelpText(
      'after',
      '\nExamples:\n  drover audit list --subject press-1\n  drover audit list --action rollout --since 2026-03-01',
    )
    .action(async (options: ListOptions) => {
      const { actor, action, subject, since, until, limit } = options;
      const query = { actor, action, subject, since, until };
      const rows = await connect(cli, options).askAll(AuditRecord, at('audit'), { query, limit });
      present(cli, options, asPage(rows), () => tableFor(cli, ROWS, rows, 'Nothing matches.'));
    });
}

function addExportCommands(audit: Command, cli: Cli): void {
  addConnectionOptions(audit.command('export').summary('write the log as JSON Lines'))
    .description(
      'Writes rows and signed checkpoints as JSON Lines, to standard output or a new file. It ends with a checkpoint about ' +
        'the last row. With --since it begins at the checkpoint before that time.',
    )
    .option('--since <time>', 'from this time on, RFC 3339')
    .option('--out <file>', 'a new file, mode 0600')
    .addHelpText('after', '\nExample:\n  drover audit export --since 2026-03-01 > march.jsonl')
    .action(async (options: ConnectionOptions & { since?: string; out?: string }) => {
      const client = connect(cli, options);
      const sink = openSink(cli.shell, options.out, OWNER_ONLY);
      try {
        for await (const line of splitLines(fetchLog(client, options.since))) await sink.write(line);
      } catch (error) {
        sink.drop();
        throw error;
      }
      sink.end();
    });
  addConnectionOptions(audit.command('checkpoints').summary('print the signed checkpoints'))
    .description('Prints every signed checkpoint as a line. Keep them where nobody at the hub can change them.')
    .addHelpText('after', '\nExample:\n  drover audit checkpoints > hub-checkpoints.jsonl')
    .action(async (options: ConnectionOptions) => {
      const all = await connect(cli, options).askAll(AuditCheckpointView, at('audit', 'checkpoints'));
      const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
      const lines = all.map(({ envelope: { payloadType, payload, signatures } }) =>
        encodeAuditLine({
          type: 'checkpoint',
          envelope: {
            payloadType,
            payload: bytes(payload),
            signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: bytes(sig) })),
          },
        }),
      );
      present(cli, options, asPage(all), () => lines.join(''));
    });
  addConnectionOptions(audit.command('key').summary('print the public key of the checkpoints'))
    .description('Prints the public key that checks the checkpoints. Note it when the hub is set up.')
    .addHelpText('after', '\nExample:\n  drover audit key > hub-audit.pem')
    .action(async (options: ConnectionOptions) => {
      const key = await connect(cli, options).ask(AuditKeyView, at('audit', 'key'));
      present(cli, options, key, () => key.publicKey);
    });
}

function addMergeCommand(audit: Command, cli: Cli): void {
  addJsonOption(audit.command('merge').summary('make one log of two exports'))
    .description(
      'Merges two exports of one hub that overlap or meet; the same twice gives the same once. Verify the result: merging ' +
        'only refuses what the two contradict each other in.',
    )
    .argument('<first>', 'an exported log')
    .argument('<second>', 'another one')
    .requiredOption('--out <file>', 'a new file, mode 0600')
    .addHelpText('after', '\nExample:\n  drover audit merge february.jsonl march.jsonl --out both.jsonl')
    .action(async (first: string, second: string, options: OutputOptions & { out: string }) => {
      const sink = openSink(cli.shell, options.out, OWNER_ONLY);
      let lines = 0;
      const write = (line: string): Promise<void> => {
        lines++;
        return sink.write(line);
      };
      try {
        const done = await mergeLogs(openLog(cli, first), openLog(cli, second), write);
        if (!done.ok) throw failRefused(done);
      } catch (error) {
        sink.drop();
        const { code, path: missing } = error as NodeJS.ErrnoException;
        throw code === 'ENOENT' ? failUsage(`"${missing}" does not exist.`) : error;
      }
      sink.end();
      present(cli, options, { out: options.out, lines }, () => `Wrote ${lines} lines to ${options.out}.\n`);
    });
}

export function addAuditCommands(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('who changed what, and proof of it');
  addListCommand(audit, cli);
  addVerifyCommand(audit, cli);
  addExportCommands(audit, cli);
  addMergeCommand(audit, cli);
}
