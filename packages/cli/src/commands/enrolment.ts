// `drover device claim | batch-token | pending | approve | reject | preauthorize | factory-ca | revoke`: how devices come in
// and how they are put out. Decides nothing: the hub does.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Static } from '@drover/wire/http/check';
import {
  BatchTokenMade,
  ClaimMade,
  EnrolmentDecided,
  FactoryCa,
  IdentityItem,
  PendingEnrolment,
  Preauthorized,
} from '@drover/wire/http/enrolment';
import { type Command, InvalidArgumentError } from 'commander';
import { failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import { formatAge, shortDigest, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  asPage,
  type Cli,
  type ConnectionOptions,
  collect,
  connect,
  parseDuration,
  parseWhole,
  present,
  tableFor,
} from './common.ts';

type Pending = Static<typeof PendingEnrolment>;

interface LabelOptions extends ConnectionOptions {
  readonly label?: string[];
}

function parseLabel(text: string, previous: string[] | undefined): string[] {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}=.{1,256}$/.test(text))
    throw new InvalidArgumentError('It must look like site=north.');
  return collect(text, previous);
}

function parsePerson(text: string): 'person' {
  if (text === 'person') return text;
  throw new InvalidArgumentError('It is "person" or left out.');
}

const labelsOf = (labels: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(labels.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));

const secondsOf = (ms: number | undefined): { ttlSeconds?: number } =>
  ms === undefined ? {} : { ttlSeconds: Math.max(60, Math.round(ms / 1000)) };

/** A fingerprint as people write it. */
function parseKeyFingerprint(text: string): string {
  const hex = text
    .toLowerCase()
    .replace(/^sha-?256:/, '')
    .replaceAll(':', '');
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  throw new InvalidArgumentError('It is the SHA-256 of the public key in 64 hex characters.');
}

const PENDING: (cli: Cli) => readonly TableColumn<Pending>[] = (cli) => [
  { title: 'ENROLMENT', value: (p) => p.id },
  { title: 'DEVICE', value: (p) => p.device },
  { title: 'WHY', value: (p) => (p.why === 'approval' ? 'batch token' : `COPIED? ${p.why === 'known_id' ? 'known id' : 'known hardware'}, new key`) },
  { title: 'HARDWARE', value: (p) => p.hardware },
  { title: 'KEY', value: (p) => shortDigest(p.keyFingerprint) },
  { title: 'KNOWN KEY', value: (p) => (p.knownKeyFingerprint === null ? null : shortDigest(p.knownKeyFingerprint)) },
  { title: 'FROM', value: (p) => p.fromAddress },
  { title: 'WAITS', value: (p) => formatAge(cli.shell.now() - Date.parse(p.createdAt)), align: 'right' },
]; // biome-ignore format: a table

const CAS: readonly TableColumn<Static<typeof FactoryCa>>[] = [
  { title: 'FINGERPRINT', value: (c) => c.fingerprint },
  { title: 'NAME', value: (c) => c.name },
  { title: 'SUBJECT', value: (c) => c.subject },
  { title: 'UNTIL', value: (c) => c.notAfter },
];

function addVouchers(device: Command, cli: Cli): void {
  addConnectionOptions(device.command('claim').summary('let one device in: prints a single-use claim'))
    .description('Prints one string that carries the address of the hub, the fingerprint of its CA and a code for one device. It is shown once. On the device: drover agent join --claim STRING')
    .option('--label <key=value>', 'a label of the device; may be given several times', parseLabel)
    .option('--id <id>', 'the device id; else the device or the hub chooses')
    .option('--ttl <duration>', 'how long it can be used (default 15m)', parseDuration)
    .option('--release <who>', '"person": the device installs only what a release key held off the hub signed', parsePerson)
    .addHelpText('after', '\nExamples:\n  drover device claim --label site=north\n  drover device claim --id press-07 --ttl 1h --json | jq -r .claim')
    .action(async (options: LabelOptions & { id?: string; ttl?: number; release?: 'person' }) => {
      const { id, ttl, release } = options;
      const body = { labels: labelsOf(options.label), ...(id && { id }), ...(release && { release }), ...secondsOf(ttl) };
      const made = await connect(cli, options).ask(ClaimMade, at('claims'), { method: 'POST', body });
      present(cli, options, made, () => `${made.claim}\n`);
      // Beside the string, not in it: `$(drover device claim)` is the claim and nothing else.
      if (!options.json) cli.shell.err(`Next, on the device, once, until ${made.expiresAt}: drover agent join --claim STRING\n`);
    }); // biome-ignore format: one chain
  addConnectionOptions(device.command('batch-token').summary('let many devices ask: each waits for a person'))
    .description('Prints a token for many devices. A device that comes with it waits until a person approves it, or comes in at once when its hardware and key were preauthorized.')
    .option('--label <key=value>', 'a label of each device; may be given several times', parseLabel)
    .option('--uses <n>', 'for how many devices', parseWhole, 50)
    .option('--expires <duration>', 'how long it can be used (default 7d)', parseDuration)
    .option('--end <id>', 'end a token instead of making one')
    .addHelpText('after', '\nExamples:\n  drover device batch-token --uses 50 --expires 7d\n  drover device batch-token --end 0197…')
    .action(async (options: LabelOptions & { uses: number; expires?: number; end?: string }) => {
      const { uses, expires, end } = options;
      if (end !== undefined) {
        await connect(cli, options).askBytes(at('batch-tokens', end), { method: 'DELETE' });
        return present(cli, options, { ended: end }, () => `Ended ${end}.\n`);
      }
      const body = { labels: labelsOf(options.label), uses, ...secondsOf(expires) };
      const made = await connect(cli, options).ask(BatchTokenMade, at('batch-tokens'), { method: 'POST', body });
      return present(cli, options, made, () => [
        `token        ${made.token}`,
        `id           ${made.id} (for ${made.uses} devices, until ${made.expiresAt})`,
        `On a device: put the token into a file (mode 0600) and run`,
        `drover agent join --batch-token-file FILE --devices-url ${made.devicesUrl} --ca-fingerprint ${made.caFingerprint}`,
        '',
      ].join('\n'));
    }); // biome-ignore format: one chain
  addConnectionOptions(device.command('preauthorize').summary('announce hardware and its key'))
    .description('A device with this hardware serial and this key comes in by a batch token without waiting.')
    .argument('<hardware>', 'serial number of the hardware')
    .argument('<key>', 'SHA-256 of its public key (SubjectPublicKeyInfo)', parseKeyFingerprint)
    .option('--id <id>', 'the device id that it gets')
    .option('--label <key=value>', 'a label of the device; may be given several times', parseLabel)
    .addHelpText('after', '\nExample:\n  drover device preauthorize SN-0815 FINGERPRINT --id press-08')
    .action(async (hardware: string, keyFingerprint: string, options: LabelOptions & { id?: string }) => {
      const body = { hardware, keyFingerprint, labels: labelsOf(options.label), ...(options.id && { id: options.id }) };
      const made = await connect(cli, options).ask(Preauthorized, at('preauthorizations'), { method: 'POST', body });
      present(cli, options, made, () => `${made.hardware} comes in with the key ${shortDigest(made.keyFingerprint)}.\n`);
    }); // biome-ignore format: one chain
}

function addDecisions(device: Command, cli: Cli): void {
  addConnectionOptions(device.command('pending').summary('devices that wait for a person'))
    .description('Lists devices that wait: those of batch tokens, and those that look copied (a known id or hardware with a new key).')
    .addHelpText('after', '\nExample:\n  drover device pending')
    .action(async (options: ConnectionOptions) => {
      const waiting = await connect(cli, options).askAll(PendingEnrolment, at('enrolments'));
      present(cli, options, asPage(waiting), () => tableFor(cli, PENDING(cli), waiting, 'Nobody waits.'));
    }); // biome-ignore format: one chain
  const verbs = [
    ['approve', 'let a waiting device in', 'Lets a waiting device in. A key that the device had before is revoked: there is one key for a device.'],
    ['reject', 'turn a waiting device away', 'Turns a waiting device away; the same key is not asked about again.'],
  ] as const; // biome-ignore format: rows
  for (const [verb, summary, description] of verbs) {
    addConnectionOptions(device.command(verb).summary(summary).description(description))
      .argument('<enrolment...>', 'from "drover device pending"')
      .addHelpText('after', `\nExample:\n  drover device ${verb} 0197…`)
      .action(async (ids: readonly string[], options: ConnectionOptions) => {
        const client = connect(cli, options);
        const done: Static<typeof EnrolmentDecided>[] = [];
        for (const id of ids)
          done.push(await client.ask(EnrolmentDecided, at('enrolments', id, verb), { method: 'POST' }));
        present(cli, options, asPage(done), () => done.map((d) => `${d.device}: ${d.state}\n`).join(''));
      });
  }
  addConnectionOptions(device.command('revoke').summary('revoke the identity of a device'))
    .description('Revokes key and certificates of a device and ends its session at once. The key never comes back; to take the device in again, make a claim for its id and join with --rejoin --new-key.')
    .argument('<device>', 'device id')
    .addHelpText('after', '\nExample:\n  drover device revoke press-07')
    .action(async (id: string, options: ConnectionOptions) => {
      const done = await connect(cli, options).ask(IdentityItem, at('devices', id, 'revoke'), { method: 'POST' });
      present(cli, options, done, () => `Revoked ${done.device} (certificate ${done.serial ?? '-'}).\n`);
    }); // biome-ignore format: one chain
}

function addFactoryCas(device: Command, cli: Cli): void {
  const ca = device
    .command('factory-ca')
    .description('CAs of makers whose devices come in by their factory certificates');
  addConnectionOptions(ca.command('add').summary('register the CA of a maker'))
    .argument('<file>', 'its certificate (PEM)')
    .option('--name <name>', 'what people call it; else the name of the file')
    .option('--label <key=value>', 'a label of each device; may be given several times', parseLabel)
    .addHelpText('after', '\nExample:\n  drover device factory-ca add maker-ca.pem --name "Maker Ltd" --label maker=m')
    .action(async (file: string, options: LabelOptions & { name?: string }) => {
      const full = path.resolve(cli.shell.cwd, file);
      let certificate: string;
      try {
        certificate = readFileSync(full, 'utf8').trim();
      } catch (error) {
        throw failUsage(`"${file}" cannot be read: ${error instanceof Error ? error.message : 'unknown'}.`);
      }
      const body = { name: options.name ?? path.basename(file), certificate, labels: labelsOf(options.label) };
      const made = await connect(cli, options).ask(FactoryCa, at('factory-cas'), { method: 'POST', body });
      present(cli, options, made, () => `Registered ${made.subject} (${made.fingerprint}).\n`);
    }); // biome-ignore format: one chain
  addConnectionOptions(ca.command('list').summary('list registered factory CAs'))
    .addHelpText('after', '\nExample:\n  drover device factory-ca list')
    .action(async (options: ConnectionOptions) => {
      const cas = await connect(cli, options).askAll(FactoryCa, at('factory-cas'));
      present(cli, options, asPage(cas), () => tableFor(cli, CAS, cas, 'No factory CA is registered.'));
    });
  addConnectionOptions(ca.command('remove').summary('take a factory CA away; its devices that are enrolled stay'))
    .argument('<fingerprint>', 'from "drover device factory-ca list"', parseKeyFingerprint)
    .addHelpText('after', '\nExample:\n  drover device factory-ca remove FINGERPRINT')
    .action(async (fingerprint: string, options: ConnectionOptions) => {
      await connect(cli, options).askBytes(at('factory-cas', fingerprint), { method: 'DELETE' });
      present(cli, options, { removed: fingerprint }, () => `Removed ${fingerprint}.\n`);
    });
}

export function addEnrolmentCommands(device: Command, cli: Cli): void {
  addVouchers(device, cli);
  addDecisions(device, cli);
  addFactoryCas(device, cli);
}
