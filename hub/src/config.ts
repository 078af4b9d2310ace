// Decides the hub's configuration: flag over environment over YAML file over default, each value with its origin.
// Pure: it is handed arguments, environment and the parsed file; it never reads one, and no value in it is a secret.
import { parseArgs } from 'node:util';
import { accept, type Result, refuse } from '@drover/core/reasons';
import Type, { type Static, type TSchema } from 'typebox';
import Value from 'typebox/value';

const Address = Type.String({ pattern: '^(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$' });
const Path = Type.String({ minLength: 1, maxLength: 4096 });

interface Setting {
  readonly schema: TSchema;
  readonly flag: string;
  readonly env: string;
  readonly means: string;
}

/** Every setting once: its key in YAML, flag, variable and meaning. `docs/configuration.md` and `--help` are made from it. */
export const SETTINGS = {
  data: {
    schema: Path,
    flag: 'data',
    env: 'DROVER_HUB_DATA',
    means: 'Folder for database, blobs, keys and run files.',
  },
  dev: {
    schema: Type.Boolean(),
    flag: 'dev',
    env: 'DROVER_HUB_DEV',
    means: 'Plain text on loopback only, keys made at first start.',
  },
  http: { schema: Address, flag: 'http', env: 'DROVER_HUB_HTTP', means: 'Where people and tools connect, HOST:PORT.' },
  mqtt: { schema: Address, flag: 'mqtt', env: 'DROVER_HUB_MQTT', means: 'Where agents connect, HOST:PORT.' },
  mqttUrl: {
    schema: Type.String({ pattern: '^mqtts?://[^\\s]{1,255}$' }),
    flag: 'mqtt-url',
    env: 'DROVER_HUB_MQTT_URL',
    means: 'The MQTT address handed to agents at join, where it is not the one listened on.',
  },
  allowHosts: {
    schema: Type.Array(Type.String({ pattern: '^[A-Za-z0-9.:\\[\\]-]{1,255}$' }), { maxItems: 64 }),
    flag: 'allow-host',
    env: 'DROVER_HUB_ALLOW_HOSTS',
    means: 'Names under which people reach the HTTP side, beside the address listened on.',
  },
  tlsCertFile: {
    schema: Path,
    flag: 'tls-cert',
    env: 'DROVER_HUB_TLS_CERT_FILE',
    means: 'Certificate chain (PEM) of both listeners.',
  },
  tlsKeyFile: {
    schema: Path,
    flag: 'tls-key',
    env: 'DROVER_HUB_TLS_KEY_FILE',
    means: 'Private key (PEM, mode 0600) of both listeners.',
  },
  windowSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 86_400 }),
    flag: 'window-seconds',
    env: 'DROVER_HUB_WINDOW_SECONDS',
    means: 'Length of a statistics window on the devices.',
  },
  probationSeconds: {
    schema: Type.Integer({ minimum: 0, maximum: 86_400 }),
    flag: 'probation-seconds',
    env: 'DROVER_HUB_PROBATION_SECONDS',
    means: 'How long a new model must serve before it is committed.',
  },
  maxBlobMb: {
    schema: Type.Integer({ minimum: 1, maximum: 1_048_576 }),
    flag: 'max-blob-mb',
    env: 'DROVER_HUB_MAX_BLOB_MB',
    means: 'Largest upload (model or data set) in MiB.',
  },
  blobQuotaGb: {
    schema: Type.Integer({ minimum: 1, maximum: 1_048_576 }),
    flag: 'blob-quota-gb',
    env: 'DROVER_HUB_BLOB_QUOTA_GB',
    means: 'Room for all uploads together in GiB.',
  },
  trainingMemoryMb: {
    schema: Type.Integer({ minimum: 64, maximum: 1_048_576 }),
    flag: 'training-memory-mb',
    env: 'DROVER_HUB_TRAINING_MEMORY_MB',
    means: 'JavaScript heap of a training process in MiB.',
  },
  trainingSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 86_400 }),
    flag: 'training-seconds',
    env: 'DROVER_HUB_TRAINING_SECONDS',
    means: 'Time a training process gets when its request does not say.',
  },
  logLevel: {
    schema: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    flag: 'log-level',
    env: 'DROVER_LOG_LEVEL',
    means: 'How much is logged on standard error.',
  },
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof SETTINGS;
type Values = { readonly [K in SettingKey]: Static<(typeof SETTINGS)[K]['schema']> };
type Optional = 'mqttUrl' | 'tlsCertFile' | 'tlsKeyFile';
export type HubConfig = Omit<Values, Optional> & { readonly [K in Optional]?: Values[K] };

export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface Resolved {
  readonly config: HubConfig;
  readonly origins: { readonly [K in SettingKey]: Origin };
}

const DEFAULTS: HubConfig = {
  data: './.drover/hub',
  dev: false,
  http: '127.0.0.1:8080',
  mqtt: '127.0.0.1:1883',
  allowHosts: [],
  windowSeconds: 900,
  probationSeconds: 10,
  maxBlobMb: 512,
  blobQuotaGb: 64,
  trainingMemoryMb: 2048,
  trainingSeconds: 3600,
  logLevel: 'info',
};

const KEYS = Object.keys(SETTINGS) as SettingKey[];
const isKey = (key: string): key is SettingKey => Object.hasOwn(SETTINGS, key);

const isFlagOnly = (schema: TSchema): boolean => Type.IsBoolean(schema);
const isList = (schema: TSchema): boolean => Type.IsArray(schema);

/** What the command line said: settings by key, and what is no setting. */
export interface CommandLine {
  readonly given: Readonly<Record<string, unknown>>;
  readonly configFile: string | undefined;
  readonly showConfig: boolean;
  readonly help: boolean;
}

export function parseCommandLine(argv: readonly string[]): Result<CommandLine> {
  const options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> = {
    config: { type: 'string' },
    'show-config': { type: 'boolean' },
    help: { type: 'boolean' },
  };
  for (const key of KEYS) {
    const { flag, schema } = SETTINGS[key];
    options[flag] = { type: isFlagOnly(schema) ? 'boolean' : 'string', multiple: isList(schema) };
  }
  let values: Record<string, unknown>;
  try {
    values = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // node:util says "unknown option" by throwing; its first sentence names the option.
    const said = error instanceof Error ? (error.message.split('. ')[0] ?? '') : '';
    return refuse('config_invalid', `${said.slice(0, 200)}.`);
  }
  const given = Object.fromEntries(
    KEYS.filter((key) => values[SETTINGS[key].flag] !== undefined).map((key) => [key, values[SETTINGS[key].flag]]),
  );
  const { config, help } = values;
  return accept({
    given,
    configFile: typeof config === 'string' ? config : undefined,
    showConfig: values['show-config'] === true,
    help: help === true,
  });
}

/** Variables of this program; one that starts like ours and is none of ours is a spelling mistake. */
function readEnvironment(env: Readonly<Record<string, string | undefined>>): Result<Record<string, unknown>> {
  const byName = new Map<string, SettingKey>(KEYS.map((key) => [SETTINGS[key].env, key]));
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue;
    const key = byName.get(name);
    if (key !== undefined) given[key] = value;
    else if (name.startsWith('DROVER_HUB_') && name !== 'DROVER_HUB_CONFIG') {
      return refuse('config_invalid', `The variable ${name} is not known; known: ${[...byName.keys()].join(', ')}.`);
    }
  }
  return accept(given);
}

function readFileKeys(file: unknown): Result<Record<string, unknown>> {
  if (file === undefined || file === null) return accept({});
  if (typeof file !== 'object' || Array.isArray(file))
    return refuse('config_invalid', 'The file is not a YAML mapping.');
  const unknown = Object.keys(file).find((key) => !isKey(key));
  if (unknown !== undefined) {
    return refuse('config_invalid', `The key "${unknown.slice(0, 80)}" is not known; known: ${KEYS.join(', ')}.`);
  }
  return accept({ ...file });
}

/** Text from a flag or a variable as what the setting holds; the file has its types already. */
function spellOut(schema: TSchema, value: unknown): unknown {
  if (isList(schema) && typeof value === 'string') return value.split(',').map((item) => item.trim());
  if (Type.IsInteger(schema) && typeof value === 'string') return /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  if (isFlagOnly(schema) && (value === 'true' || value === 'false' || value === '1' || value === '0')) {
    return value === 'true' || value === '1';
  }
  return value;
}

/** @param file what the YAML file holds, parsed; undefined when there is none. */
export function resolveConfig(sources: {
  readonly given: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file: unknown;
}): Result<Resolved> {
  const environment = readEnvironment(sources.env);
  if (!environment.ok) return environment;
  const file = readFileKeys(sources.file);
  if (!file.ok) return file;
  const layers: readonly (readonly [Origin, Readonly<Record<string, unknown>>])[] = [
    ['flag', sources.given],
    ['environment', environment.value],
    ['file', file.value],
    ['default', { ...DEFAULTS }],
  ];
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const key of KEYS) {
    const found = layers.find(([, layer]) => layer[key] !== undefined);
    origins[key] = found?.[0] ?? 'default';
    if (found === undefined) continue;
    const [origin, layer] = found;
    const { schema, flag, env } = SETTINGS[key];
    const value = origin === 'file' ? layer[key] : spellOut(schema, layer[key]);
    if (!Value.Check(schema, value)) {
      const where = { flag: `--${flag}`, environment: env, file: `"${key}" in the file`, default: key }[origin];
      const [first] = Value.Errors(schema, value);
      return refuse(
        'config_invalid',
        `${where} ${first?.message ?? 'does not match'}: ${JSON.stringify(value)?.slice(0, 120)}.`,
      );
    }
    values[key] = value;
  }
  const config = values as HubConfig;
  const problem = checkTogether(config);
  return problem ?? accept({ config, origins: origins as Resolved['origins'] });
}

const LOOPBACK = /^(127(\.[0-9]{1,3}){3}|localhost|\[::1\])$/;

export interface HostPort {
  /** As one types it: an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number;
}

export function splitAddress(address: string): HostPort {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}

export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** What no single setting shows. */
function checkTogether(config: HubConfig): ReturnType<typeof refuse> | undefined {
  for (const key of ['http', 'mqtt'] as const) {
    const { host, port } = splitAddress(config[key]);
    if (port > 65_535) return refuse('config_invalid', `--${key} has the port ${port}; the largest is 65535.`);
    if (config.dev && !isLoopback(host)) {
      return refuse(
        'dev_not_loopback',
        `--dev speaks plain text, so --${key} must be on loopback and not ${host}; for other machines give --tls-cert and --tls-key instead of --dev.`,
      );
    }
  }
  if (config.dev) return undefined;
  if (config.tlsCertFile === undefined || config.tlsKeyFile === undefined) {
    return refuse('tls_required', 'Without --dev both listeners use TLS: give --tls-cert FILE and --tls-key FILE.');
  }
  return undefined;
}

/** One line a setting, for `--help`. */
export function describeSettings(): string {
  const line = (key: SettingKey): string => {
    const { flag, env, means } = SETTINGS[key];
    const fallback = DEFAULTS[key];
    const shown = fallback === undefined ? '' : ` (default ${JSON.stringify(fallback)})`;
    return `  --${flag.padEnd(20)} ${means}${shown}\n    ${' '.repeat(20)} ${env}, "${key}" in the file`;
  };
  return KEYS.map(line).join('\n');
}
