// Decides the settings of a run from flags, DROVER_* variables, a YAML file and defaults, in this order. Unknown keys are
// refused. Never reads argv or the environment itself: main hands them in.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isName, parseDeviceId, parseName } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { RuntimePreference } from '@drover/infer/open';
import type { DecisionPolicy } from './decisions/log.ts';
import { DOOR_FLAGS, type EnrolConfig, parseEnrol } from './enrol/enrol-config.ts';

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

export type SourceConfig =
  | { readonly kind: 'csv'; readonly file: string }
  | { readonly kind: 'stdin' }
  | { readonly kind: 'mqtt'; readonly url: string; readonly topic: string };

/** `person`: only what a release key held off the hub signed is installed. */
export type ReleaseRule = 'any' | 'person';

export interface RunConfig {
  readonly command: 'run';
  readonly dataDir: string;
  readonly http: HttpAddress | undefined;
  readonly socket: string | undefined;
  readonly runtime: RuntimePreference;
  readonly source: SourceConfig | undefined;
  readonly slot: string;
  readonly rate: number;
  readonly labelColumn: string | undefined;
  readonly labelDelayMs: number;
  readonly slots: readonly string[] | undefined;
  /** Undefined: as it was said at join. */
  readonly release: ReleaseRule | undefined;
  /** Where this device serves artifacts to its neighbours. */
  readonly cache: HttpAddress | undefined;
  /** Artifacts may come by HTTPS, beside MQTT. */
  readonly httpDelivery: boolean;
  /** While this file is there nothing is switched. */
  readonly holdFile: string | undefined;
  /** The longest that it waits between two tries to reach the hub. */
  readonly reconnectMaxMs: number;
  /** What the decision log keeps of each prediction, and how large it may become. */
  readonly decisions: DecisionPolicy;
  readonly decisionBytes: number;
  /** `deny`: no raw row ever leaves this device. */
  readonly raw: 'deny' | 'allow';
  /** Names of fields whose values are neither counted, kept, logged nor sent. */
  readonly personal: readonly string[];
  /** What captured rows may cost on the wire in a day (UTC), and how often they are handed on. */
  readonly captureBytes: number;
  readonly captureEveryMs: number;
  /** What windows may cost on the wire in a day (UTC); 0 is no limit. */
  readonly telemetryBytes: number;
  readonly logLevel: string;
}

/** Without a running agent: one logged prediction is run again. */
export interface ReplayConfig {
  readonly command: 'replay';
  readonly dataDir: string;
  readonly predictionId: string;
}

export interface JoinConfig {
  readonly command: 'join';
  readonly dataDir: string;
  readonly hubUrl: string;
  readonly tokenFile: string | undefined;
  readonly id: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly rejoin: boolean;
  readonly release: ReleaseRule | undefined;
}

export interface CarryConfig {
  readonly command: 'export' | 'import';
  readonly dataDir: string;
  /** The carried directory. */
  readonly dir: string;
}

export type Config = RunConfig | JoinConfig | EnrolConfig | CarryConfig | ReplayConfig | { readonly command: 'help' };

export const USAGE = `drover agent: the process that serves models on a device

  agent join [--hub URL] [--token-file FILE] [--id ID] [--label KEY=VALUE ...] [--rejoin]
             [--release any|person] [--data DIR]
  agent join --claim STRING|- [--id ID] [--hardware SERIAL] [--rejoin] [--new-key] [--wait SECONDS] [--data DIR]
  agent join --batch-token-file FILE --devices-url URL --ca-fingerprint SHA256 [--id ID] [--hardware SERIAL] [...]
  agent join --factory-cert FILE --factory-key FILE --devices-url URL --ca-fingerprint SHA256 [--id ID] [...]
  agent run  [--data DIR] [--http HOST:PORT | --http off] [--socket PATH] [--runtime auto|native|wasm]
             [--source csv:FILE | stdin | mqtt:TOPIC | mqtt://HOST[:PORT]/TOPIC] [--slot NAME] [--rate ROWS_PER_SECOND]
             [--label-column NAME] [--label-delay-ms MS] [--slots NAME,NAME] [--release any|person] [--cache HOST:PORT]
             [--http-delivery on|off] [--reconnect-max SECONDS] [--decisions inputs|digests|off] [--decisions-mb MB]
             [--raw deny|allow] [--pii FIELD,FIELD] [--capture-kb-day KB] [--capture-every SECONDS] [--telemetry-kb-day KB]
             [--hold-file FILE] [--log-level LEVEL] [--config FILE]
  agent replay PREDICTION [--data DIR]    runs a logged prediction again and compares, without a running agent

  agent export --out DIR [--data DIR]     everything for the hub, into a directory that is carried there
  agent import DIR [--data DIR]           what the hub answered and what it wants to run here, from that directory

Each flag of run is also a variable (DROVER_AGENT_HTTP, DROVER_AGENT_LABEL_COLUMN, DROVER_LOG_LEVEL) and a key of the YAML file.
`;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const RUN_KEYS = [
  'data', 'http', 'socket', 'runtime', 'source', 'slot', 'rate', 'label-column', 'label-delay-ms', 'slots', 'release', 'cache',
  'http-delivery', 'reconnect-max', 'decisions', 'decisions-mb', 'raw', 'pii',
  'capture-kb-day', 'capture-every', 'telemetry-kb-day', 'hold-file', 'log-level',
] as const; // biome-ignore format: one list
type RunKey = (typeof RUN_KEYS)[number];
type Settings = Partial<Record<RunKey, string>>;

const wrong = (detail: string) => refuse('agent_config_invalid', detail);

const variableOf = (key: RunKey): string =>
  key === 'log-level' ? 'DROVER_LOG_LEVEL' : `DROVER_AGENT_${key.toUpperCase().replaceAll('-', '_')}`;

async function readYaml(file: string): Promise<Result<Settings>> {
  let document: unknown;
  try {
    const { parse } = await import('yaml');
    document = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 });
  } catch (error) {
    return wrong(`"${file}": ${String(error instanceof Error ? error.message : error).slice(0, 200)}.`);
  }
  if (document === null || document === undefined) return accept({});
  if (typeof document !== 'object' || Array.isArray(document))
    return wrong(`"${file}" is not a list of keys and values.`);
  const settings: Settings = {};
  for (const [key, value] of Object.entries(document)) {
    const known = RUN_KEYS.find((each) => each === key);
    if (!known) return wrong(`"${file}" has the unknown key "${key.slice(0, 60)}".`);
    settings[known] = Array.isArray(value) ? value.join(',') : String(value);
  }
  return accept(settings);
}

export function parseAddress(text: string): HttpAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** Where a program on this machine finds what listens there. */
export function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

function parseSource(text: string): Result<SourceConfig> {
  if (text === 'stdin') return accept({ kind: 'stdin' });
  if (text.startsWith('csv:') && text.length > 4) {
    const file = path.resolve(text.slice(4));
    return existsSync(file) ? accept({ kind: 'csv', file }) : wrong(`--source: there is no file "${file}".`);
  }
  const remote = /^(mqtts?:\/\/[^/\s]+)\/(\S+)$/.exec(text);
  if (remote?.[1] && remote[2]) return accept({ kind: 'mqtt', url: remote[1], topic: remote[2] });
  const local = /^mqtt:([^/\s]\S*)$/.exec(text);
  if (local?.[1]) return accept({ kind: 'mqtt', url: 'mqtt://127.0.0.1:1883', topic: local[1] });
  return wrong(`--source "${text.slice(0, 80)}" is none of csv:FILE, stdin, mqtt:TOPIC, mqtt://HOST/TOPIC.`);
}

function parseCount(key: RunKey, text: string, most: number): Result<number> {
  const n = Number(text);
  return text.trim() !== '' && Number.isFinite(n) && n >= 0 && n <= most
    ? accept(n)
    : wrong(`--${key} "${text.slice(0, 40)}" is not a number from 0 to ${most}.`);
}

function parseRelease(text: string | undefined): Result<ReleaseRule | undefined> {
  if (text === undefined || text === 'any' || text === 'person') return accept(text);
  return wrong(`--release "${text.slice(0, 40)}" is neither any nor person.`);
}

function parseRun(settings: Settings): Result<RunConfig> {
  const httpText = settings.http ?? (settings.socket === undefined ? '127.0.0.1:0' : 'off');
  const http = httpText === 'off' ? undefined : parseAddress(httpText);
  if (httpText !== 'off' && !http) return wrong(`--http "${httpText.slice(0, 80)}" is not HOST:PORT.`);
  const runtime = (['auto', 'native', 'wasm'] as const).find((each) => each === (settings.runtime ?? 'auto'));
  if (!runtime) return wrong(`--runtime "${settings.runtime?.slice(0, 40)}" is none of auto, native, wasm.`);
  const source = settings.source === undefined ? accept(undefined) : parseSource(settings.source);
  if (!source.ok) return source;
  const slot = parseName(settings.slot ?? 'default');
  if (!slot.ok) return slot;
  const rate = parseCount('rate', settings.rate ?? '10', 1e6);
  if (!rate.ok) return rate;
  const delay = parseCount('label-delay-ms', settings['label-delay-ms'] ?? '0', 2 ** 31 - 1);
  if (!delay.ok) return delay;
  const slots = settings.slots?.split(',').map((name) => name.trim());
  const badSlot = slots?.find((name) => !isName(name));
  if (badSlot !== undefined) return wrong(`--slots: "${badSlot.slice(0, 80)}" is not a name.`);
  const release = parseRelease(settings.release);
  if (!release.ok) return release;
  const cache = settings.cache === undefined || settings.cache === 'off' ? undefined : parseAddress(settings.cache);
  if (settings.cache !== undefined && settings.cache !== 'off' && (!cache || isWildcard(cache.host)))
    return wrong(`--cache "${settings.cache.slice(0, 80)}" is not HOST:PORT with an address that neighbours can dial.`);
  const delivery = settings['http-delivery'] ?? 'on';
  if (delivery !== 'on' && delivery !== 'off')
    return wrong(`--http-delivery "${delivery.slice(0, 40)}" is neither on nor off.`);
  const reconnect = parseCount('reconnect-max', settings['reconnect-max'] ?? '300', 3600);
  if (!reconnect.ok) return reconnect;
  const decisions = (['inputs', 'digests', 'off'] as const).find((each) => each === (settings.decisions ?? 'inputs'));
  if (!decisions) return wrong(`--decisions "${settings.decisions?.slice(0, 40)}" is none of inputs, digests, off.`);
  const megabytes = parseCount('decisions-mb', settings['decisions-mb'] ?? '16', 65_536);
  if (!megabytes.ok) return megabytes;
  if (megabytes.value < 1) return wrong('--decisions-mb is at least 1; --decisions off keeps no log.');
  const raw = (['deny', 'allow'] as const).find((each) => each === (settings.raw ?? 'deny'));
  if (!raw) return wrong(`--raw "${settings.raw?.slice(0, 40)}" is neither deny nor allow.`);
  const kilobytes = parseCount('capture-kb-day', settings['capture-kb-day'] ?? '256', 1e6);
  if (!kilobytes.ok) return kilobytes;
  const every = parseCount('capture-every', settings['capture-every'] ?? '600', 86_400);
  if (!every.ok) return every;
  const telemetry = parseCount('telemetry-kb-day', settings['telemetry-kb-day'] ?? '0', 1e7);
  if (!telemetry.ok) return telemetry;
  const logLevel = settings['log-level'] ?? 'info';
  if (!LEVELS.includes(logLevel))
    return wrong(`--log-level "${logLevel.slice(0, 40)}" is none of ${LEVELS.join(', ')}.`);
  return accept({
    command: 'run',
    dataDir: path.resolve(settings.data ?? '.drover/agent'),
    http,
    socket: settings.socket === undefined ? undefined : path.resolve(settings.socket),
    runtime,
    source: source.value,
    slot: slot.value,
    rate: rate.value,
    labelColumn: settings['label-column'],
    labelDelayMs: delay.value,
    slots,
    release: release.value,
    cache,
    httpDelivery: delivery === 'on',
    holdFile: settings['hold-file'] === undefined ? undefined : path.resolve(settings['hold-file']),
    reconnectMaxMs: reconnect.value * 1000,
    decisions,
    decisionBytes: Math.floor(megabytes.value * 1024 * 1024),
    raw,
    personal: (settings.pii ?? '')
      .split(',')
      .map((field) => field.trim())
      .filter((field) => field !== ''),
    captureBytes: Math.floor(kilobytes.value * 1024),
    captureEveryMs: Math.max(1000, every.value * 1000),
    telemetryBytes: Math.floor(telemetry.value * 1024),
    logLevel,
  });
}

interface Flags {
  readonly [name: string]: string | boolean | (string | boolean)[] | undefined;
}

const textOf = (flags: Flags, name: string): string | undefined => {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
};

function parseLabels(values: unknown): Result<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const text of Array.isArray(values) ? values.map(String) : []) {
    const at = text.indexOf('=');
    const key = text.slice(0, Math.max(0, at));
    if (!isName(key)) return wrong(`--label "${text.slice(0, 80)}" is not KEY=VALUE.`);
    labels[key] = text.slice(at + 1);
  }
  return accept(labels);
}

const joinDataDir = (flags: Flags, env: Readonly<Record<string, string | undefined>>): string =>
  path.resolve(textOf(flags, 'data') ?? env['DROVER_AGENT_DATA'] ?? '.drover/agent');

function parseJoin(flags: Flags, env: Readonly<Record<string, string | undefined>>): Result<JoinConfig> {
  const hubUrl = textOf(flags, 'hub') ?? env['DROVER_HUB'] ?? 'http://127.0.0.1:8080';
  if (!/^https?:\/\/\S+$/.test(hubUrl) || !URL.canParse(hubUrl))
    return wrong(`--hub "${hubUrl.slice(0, 80)}" is not an address like http://HOST:PORT.`);
  const id = textOf(flags, 'id');
  const checked = id === undefined ? accept(undefined) : parseDeviceId(id);
  if (!checked.ok) return checked;
  const release = parseRelease(textOf(flags, 'release') ?? env['DROVER_AGENT_RELEASE']);
  if (!release.ok) return release;
  const labels = parseLabels(flags['label']);
  if (!labels.ok) return labels;
  const local = path.resolve('.drover/hub/run/token');
  const tokenFile = textOf(flags, 'token-file') ?? env['DROVER_TOKEN_FILE'] ?? (existsSync(local) ? local : undefined);
  return accept({
    command: 'join',
    dataDir: joinDataDir(flags, env),
    hubUrl,
    tokenFile,
    id,
    labels: labels.value,
    rejoin: flags['rejoin'] === true,
    release: release.value,
  });
}

function parseCarry(
  command: CarryConfig['command'],
  rest: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Result<CarryConfig> {
  const isExport = command === 'export';
  let parsed: { values: Flags; positionals: string[] };
  try {
    const options: Record<string, { type: 'string' }> = { data: { type: 'string' } };
    if (isExport) options['out'] = { type: 'string' };
    parsed = parseArgs({ args: [...rest], options, strict: true, allowPositionals: !isExport });
  } catch (error) {
    return wrong(`${String(error instanceof Error ? error.message : error).slice(0, 200)}`);
  }
  const { values, positionals } = parsed;
  const dir = isExport ? textOf(values, 'out') : positionals[0];
  if (!dir || positionals.length > 1)
    return wrong(isExport ? 'Give the directory with --out DIR.' : 'Give one directory: agent import DIR.');
  const dataDir = path.resolve(textOf(values, 'data') ?? env['DROVER_AGENT_DATA'] ?? '.drover/agent');
  return accept({ command, dataDir, dir: path.resolve(dir) });
}

function parseReplay(rest: readonly string[], env: Readonly<Record<string, string | undefined>>): Result<ReplayConfig> {
  try {
    const options = { data: { type: 'string' } } as const;
    const { values, positionals } = parseArgs({ args: [...rest], options, strict: true, allowPositionals: true });
    const [predictionId] = positionals;
    if (predictionId === undefined || positionals.length > 1)
      return wrong('Give one prediction: agent replay PREDICTION.');
    return accept({ command: 'replay', dataDir: joinDataDir(values, env), predictionId });
  } catch (error) {
    return wrong(`${String(error instanceof Error ? error.message : error).slice(0, 200)}`);
  }
}

/** @param args what follows the program's name. @param env the environment. */
export async function parseConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<Config>> {
  const [command, ...rest] = args;
  if (command === undefined || command === 'help' || args.includes('--help') || args.includes('-h'))
    return accept({ command: 'help' });
  if (command === 'export' || command === 'import') return parseCarry(command, rest, env);
  if (command === 'replay') return parseReplay(rest, env);
  if (command !== 'run' && command !== 'join')
    return wrong(`"${command.slice(0, 40)}" is none of run, join, export, import, replay.`);
  const names =
    command === 'run' ? [...RUN_KEYS, 'config'] : ['hub', 'token-file', 'id', 'data', 'release', ...DOOR_FLAGS];
  const options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> = Object.fromEntries(
    names.map((name) => [name, { type: 'string' }]),
  );
  if (command === 'join') {
    options['label'] = { type: 'string', multiple: true };
    options['rejoin'] = { type: 'boolean' };
    options['new-key'] = { type: 'boolean' };
  }
  let flags: Flags;
  try {
    flags = parseArgs({ args: rest, options, strict: true }).values as Flags;
  } catch (error) {
    return wrong(`${String(error instanceof Error ? error.message : error).slice(0, 200)}`);
  }
  if (command === 'join') {
    const enrol = parseEnrol(
      (name) => textOf(flags, name),
      (name) => flags[name] === true,
      joinDataDir(flags, env),
    );
    if (!enrol.ok) return enrol;
    if (enrol.value === undefined) return parseJoin(flags, env);
    const release = parseRelease(textOf(flags, 'release') ?? env['DROVER_AGENT_RELEASE']);
    return release.ok ? accept({ ...enrol.value, ...(release.value && { release: release.value }) }) : release;
  }
  const file = textOf(flags, 'config') ?? env['DROVER_AGENT_CONFIG'];
  const fromFile = file === undefined ? accept({}) : await readYaml(file);
  if (!fromFile.ok) return fromFile;
  const settings: Settings = { ...fromFile.value };
  for (const key of RUN_KEYS) {
    const value = textOf(flags, key) ?? env[variableOf(key)];
    if (value !== undefined) settings[key] = value;
  }
  return parseRun(settings);
}
