// Decides the hub's configuration: flag over environment over YAML file over default, each value with its origin.
// Pure: it is handed arguments, environment and the parsed file; it never reads one, and no value in it is a secret.
import { parseArgs } from 'node:util';
import { accept, type Result, refuse } from '@drover/core/reasons';
import Type, { type Static, type TSchema } from 'typebox';
import Value from 'typebox/value';
import { isLoopback, splitAddress } from './address.ts';
import { ALERT_DEFAULTS, ALERT_SETTINGS } from './alert-settings.ts';
import { MONITORING_DEFAULTS, MONITORING_SETTINGS } from './monitoring-settings.ts';
import { PEOPLE_DEFAULTS, PEOPLE_SETTINGS } from './people-settings.ts';

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
  devices: {
    schema: Address,
    flag: 'devices',
    env: 'DROVER_HUB_DEVICES',
    means: 'Where agents enrol, renew and fetch over HTTP(S), HOST:PORT.',
  },
  devicesUrl: {
    schema: Type.String({ pattern: '^https?://[^\\s/]{1,255}$' }),
    flag: 'devices-url',
    env: 'DROVER_HUB_DEVICES_URL',
    means: 'The HTTP address handed to agents, where it is not the one listened on.',
  },
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
  passphraseFile: {
    schema: Path,
    flag: 'passphrase-file',
    env: 'DROVER_KEY_PASSPHRASE_FILE',
    means: 'File (mode 600) whose first line opens the encrypted keys; else DROVER_KEY_PASSPHRASE, or the terminal.',
  },
  tlsCertFile: {
    schema: Path,
    flag: 'tls-cert',
    env: 'DROVER_HUB_TLS_CERT_FILE',
    means: "Certificate chain (PEM) of the people's listener; without it the hub's own CA issues one.",
  },
  tlsKeyFile: {
    schema: Path,
    flag: 'tls-key',
    env: 'DROVER_HUB_TLS_KEY_FILE',
    means: "Private key (PEM, mode 0600) of the people's listener.",
  },
  caCertFile: {
    schema: Path,
    flag: 'ca-cert',
    env: 'DROVER_HUB_CA_CERT_FILE',
    means: 'Your own CA (PEM) for devices and their listeners; without it the hub makes one.',
  },
  caKeyFile: {
    schema: Path,
    flag: 'ca-key',
    env: 'DROVER_HUB_CA_KEY_FILE',
    means: 'Its P-256 private key (PEM, mode 0600).',
  },
  deviceCertDays: {
    schema: Type.Number({ exclusiveMinimum: 0, maximum: 3650 }),
    flag: 'device-cert-days',
    env: 'DROVER_HUB_DEVICE_CERT_DAYS',
    means: 'How long the certificate of a device is valid; it is renewed at two thirds.',
  },
  exportDays: {
    schema: Type.Integer({ minimum: 1, maximum: 3650 }),
    flag: 'export-days',
    env: 'DROVER_HUB_EXPORT_DAYS',
    means: 'How many days an export for devices without a network may be good at most.',
  },
  probationSeconds: {
    schema: Type.Integer({ minimum: 0, maximum: 86_400 }),
    flag: 'probation-seconds',
    env: 'DROVER_HUB_PROBATION_SECONDS',
    means: 'How long a new model must serve before it is committed.',
  },
  recipeWaitSeconds: {
    schema: Type.Integer({ minimum: 0, maximum: 600 }),
    flag: 'recipe-wait-seconds',
    env: 'DROVER_HUB_RECIPE_WAIT_SECONDS',
    means:
      'How long a device may be let wait for the recipe of a model, beside what its size allows; then it fetches all.',
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
  httpDelivery: {
    schema: Type.Enum(['on', 'off']),
    flag: 'http-delivery',
    env: 'DROVER_HUB_HTTP_DELIVERY',
    means: 'Whether devices may fetch artifacts by range requests from the listener for devices, beside MQTT.',
  },
  mirrors: {
    schema: Type.Array(Type.String({ pattern: '^https?://[^\\s{}]{1,1500}\\{sha256\\}[^\\s{}]{0,400}$' }), {
      maxItems: 4,
    }),
    flag: 'mirror',
    env: 'DROVER_HUB_MIRRORS',
    means: 'Addresses where devices find artifacts, with {sha256} in the place of the digest.',
  },
  siteTransfers: {
    schema: Type.Integer({ minimum: 1, maximum: 10_000 }),
    flag: 'site-transfers',
    env: 'DROVER_HUB_SITE_TRANSFERS',
    means: 'Devices of one site (label "site") that fetch at the same time.',
  },
  ...MONITORING_SETTINGS,
  ...ALERT_SETTINGS,
  ...PEOPLE_SETTINGS,
  logLevel: {
    schema: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    flag: 'log-level',
    env: 'DROVER_LOG_LEVEL',
    means: 'How much is logged on standard error.',
  },
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof SETTINGS;
type Values = { readonly [K in SettingKey]: Static<(typeof SETTINGS)[K]['schema']> };
type Optional =
  | 'mqttUrl'
  | 'devicesUrl'
  | 'passphraseFile'
  | 'tlsCertFile'
  | 'tlsKeyFile'
  | 'caCertFile'
  | 'caKeyFile'
  | 'driftLearnHours'
  | 'alertSecretFile'
  | 'oidcIssuer'
  | 'oidcClientId'
  | 'oidcClientSecretFile';
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
  devices: '127.0.0.1:8443',
  deviceCertDays: 30,
  allowHosts: [],
  exportDays: 90,
  probationSeconds: 10,
  recipeWaitSeconds: 2,
  maxBlobMb: 512,
  blobQuotaGb: 64,
  trainingMemoryMb: 2048,
  trainingSeconds: 3600,
  httpDelivery: 'off',
  mirrors: [],
  siteTransfers: 4,
  ...MONITORING_DEFAULTS,
  ...ALERT_DEFAULTS,
  ...PEOPLE_DEFAULTS,
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
  if (Type.IsNumber(schema) && typeof value === 'string')
    return /^[0-9]{1,6}(\.[0-9]{1,9})?$/.test(value) ? Number(value) : value;
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

/** What no single setting shows. */
function checkTogether(config: HubConfig): ReturnType<typeof refuse> | undefined {
  for (const key of ['http', 'mqtt', 'devices'] as const) {
    const { host, port } = splitAddress(config[key]);
    if (port > 65_535) return refuse('config_invalid', `--${key} has the port ${port}; the largest is 65535.`);
    if (config.dev && !isLoopback(host)) {
      return refuse(
        'dev_not_loopback',
        `--dev speaks plain text, so --${key} must be on loopback and not ${host}; for other machines leave --dev out.`,
      );
    }
  }
  for (const [cert, key] of [
    ['tlsCertFile', 'tlsKeyFile'],
    ['caCertFile', 'caKeyFile'],
  ] as const) {
    if ((config[cert] === undefined) !== (config[key] === undefined))
      return refuse('config_invalid', `--${SETTINGS[cert].flag} and --${SETTINGS[key].flag} go together.`);
  }
  if ((config.oidcIssuer === undefined) !== (config.oidcClientId === undefined))
    return refuse('config_invalid', '--oidc-issuer and --oidc-client-id belong together.');
  if (config.oidcIssuer?.startsWith('http:') && !(config.dev && isLoopback(new URL(config.oidcIssuer).hostname))) {
    return refuse('config_invalid', '--oidc-issuer must be https; plain http is for --dev and loopback only.');
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
