// Decides which hub a command talks to, with which token file and which CA, and says where each answer came from. Opens no
// socket.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { parse as parseYaml } from 'yaml';
import type { Shell } from './shell.ts';

export const DEFAULT_HUB = 'http://127.0.0.1:8080';
const SERVICE_DATA = '/var/lib/drover';

/** A value and where it came from, as `drover config show` prints it. */
export interface Origin<T> {
  readonly value: T;
  readonly from: string;
}

export interface Target {
  readonly hub: Origin<string>;
  /** Absent when no token file was found; the hub then answers 401. */
  readonly tokenFile: Origin<string> | undefined;
  /** Where `drover login` keeps what it got from this hub, whether or not it is there. */
  readonly loginFile: string;
  /** The CA that the hub's certificate is from, where it is not one of the system's. */
  readonly caFile: Origin<string> | undefined;
  /** The data directory of the local hub, whether or not it exists. */
  readonly hubData: Origin<string>;
  readonly agentData: Origin<string>;
  readonly contextFile: Origin<string>;
}

export interface TargetOptions {
  readonly hub?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly data?: string | undefined;
}

interface Context {
  readonly hub?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

const CONTEXT_KEYS = new Set(['hub', 'tokenFile', 'caFile']);

/** Reads a context file: YAML with `hub`, `tokenFile` and `caFile`; an unknown key is refused. */
export function parseContext(text: string, file: string): Result<Context> {
  let document: unknown;
  try {
    document = parseYaml(text, { logLevel: 'error' });
  } catch (error) {
    return refuse(
      'client_config_invalid',
      `"${file}": ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'not YAML'}`,
    );
  }
  if (document === null || document === undefined) return accept({});
  if (typeof document !== 'object' || Array.isArray(document))
    return refuse('client_config_invalid', `"${file}" is not a list of keys.`);
  for (const [key, value] of Object.entries(document)) {
    if (!CONTEXT_KEYS.has(key))
      return refuse('client_config_invalid', `"${file}" has the unknown key "${key}"; known: hub, tokenFile, caFile.`);
    if (typeof value !== 'string') return refuse('client_config_invalid', `"${file}": "${key}" must be text.`);
  }
  return accept(document as Context);
}

/** A hub address as people write it: with or without scheme, without a trailing slash. */
export function parseHubUrl(text: string): Result<string> {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.password !== '') {
    return refuse('client_config_invalid', `"${text}" is not an address of a hub such as http://127.0.0.1:8080.`);
  }
  return accept(`${url.origin}${url.pathname.replace(/\/+$/, '')}`);
}

export function isLoopback(hubUrl: string): boolean {
  const host = new URL(hubUrl).hostname;
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

/** The token of the local hub goes to where that hub listens while it runs, and to nothing else of this machine. */
function isSameHub(asked: string, local: string): boolean {
  const [a, b] = [new URL(asked), new URL(local)];
  return a.protocol === b.protocol && a.port === b.port && isLoopback(asked) && isLoopback(local);
}

/** The nearest `.drover` directory from `cwd` upwards, so that commands work in any folder of a checkout. */
function findDroverDir(cwd: string): string | undefined {
  for (let dir = cwd; ; dir = path.dirname(dir)) {
    if (existsSync(path.join(dir, '.drover'))) return path.join(dir, '.drover');
    if (dir === path.dirname(dir)) return undefined;
  }
}

function findData(shell: Shell, part: 'hub' | 'agent', flag: string | undefined): Origin<string> {
  const variable = part === 'hub' ? 'DROVER_HUB_DATA' : 'DROVER_AGENT_DATA';
  if (flag !== undefined) return { value: path.resolve(shell.cwd, flag), from: '--data' };
  const env = shell.env[variable];
  if (env) return { value: path.resolve(shell.cwd, env), from: variable };
  const near = findDroverDir(shell.cwd);
  if (near) return { value: path.join(near, part), from: 'nearest .drover directory' };
  const service = path.join(SERVICE_DATA, part);
  if (existsSync(service)) return { value: service, from: 'service directory' };
  return { value: path.join(shell.cwd, '.drover', part), from: 'default' };
}

interface HubFile {
  readonly pid: number;
  readonly httpUrl: string;
  readonly caFile?: string;
}

/** What a running local hub wrote about itself; undefined when none runs or the file is of a process that is gone. */
export function readHubFile(hubData: string): HubFile | undefined {
  try {
    const file = JSON.parse(readFileSync(path.join(hubData, 'run', 'hub.json'), 'utf8')) as Partial<HubFile>;
    if (typeof file.httpUrl !== 'string' || typeof file.pid !== 'number') return undefined;
    process.kill(file.pid, 0);
    const { pid, httpUrl, caFile } = file;
    return { pid, httpUrl, ...(typeof caFile === 'string' && { caFile }) };
  } catch {
    // Absent, unreadable or stale: all mean that no local hub can be read from here.
    return undefined;
  }
}

/** `--hub` > DROVER_HUB > context file > the local hub's own run file > 127.0.0.1:8080; the token likewise. */
export function findTarget(shell: Shell, options: TargetOptions): Result<Target> {
  const contextFile: Origin<string> = shell.env['DROVER_CONTEXT']
    ? { value: path.resolve(shell.cwd, shell.env['DROVER_CONTEXT']), from: 'DROVER_CONTEXT' }
    : {
        value: path.join(shell.env['XDG_CONFIG_HOME'] || path.join(shell.home, '.config'), 'drover', 'context.yaml'),
        from: 'default',
      };
  const context = existsSync(contextFile.value)
    ? parseContext(readFileSync(contextFile.value, 'utf8'), contextFile.value)
    : accept<Context>({});
  if (!context.ok) return context;
  const hubData = findData(shell, 'hub', options.data);
  const agentData = findData(shell, 'agent', options.data);
  const local = readHubFile(hubData.value);
  const [text, from] = options.hub
    ? [options.hub, '--hub']
    : shell.env['DROVER_HUB']
      ? [shell.env['DROVER_HUB'], 'DROVER_HUB']
      : context.value.hub
        ? [context.value.hub, contextFile.value]
        : local
          ? [local.httpUrl, path.join(hubData.value, 'run', 'hub.json')]
          : [DEFAULT_HUB, 'default'];
  const hub = parseHubUrl(text);
  if (!hub.ok) return hub;
  const loginFile = nameLoginFile(contextFile.value, hub.value);
  const ownToken = local && isSameHub(hub.value, local.httpUrl) ? path.join(hubData.value, 'run', 'token') : undefined;
  const places = { contextFile: contextFile.value, loginFile, ownToken };
  const tokenFile = findTokenFile(shell, options, context.value, places);
  const own =
    local?.caFile === undefined
      ? undefined
      : { value: local.caFile, from: path.join(hubData.value, 'run', 'hub.json') };
  const caFile =
    findCaFile(shell, options, context.value, contextFile.value) ?? (isLoopback(hub.value) ? own : undefined);
  return accept({ hub: { value: hub.value, from }, tokenFile, loginFile, caFile, hubData, agentData, contextFile });
}

/** One file a hub, beside the context file: its name shows the host to a person, and the hash keeps paths apart. */
function nameLoginFile(contextFile: string, hub: string): string {
  const { host } = new URL(hub);
  const name = `${host.replaceAll(/[^A-Za-z0-9.-]/g, '_')}-${createHash('sha256').update(hub).digest('hex').slice(0, 12)}`;
  return path.join(path.dirname(contextFile), 'logins', name);
}

function findCaFile(
  shell: Shell,
  options: TargetOptions,
  context: Context,
  contextFile: string,
): Origin<string> | undefined {
  if (options.caFile) return { value: path.resolve(shell.cwd, options.caFile), from: '--ca-file' };
  const env = shell.env['DROVER_CA_FILE'];
  if (env) return { value: path.resolve(shell.cwd, env), from: 'DROVER_CA_FILE' };
  if (context.caFile) return { value: path.resolve(path.dirname(contextFile), context.caFile), from: contextFile };
  return undefined;
}

function findTokenFile(
  shell: Shell,
  options: TargetOptions,
  context: Context,
  places: { readonly contextFile: string; readonly loginFile: string; readonly ownToken: string | undefined },
): Origin<string> | undefined {
  const { contextFile, loginFile, ownToken } = places;
  if (options.tokenFile) return { value: path.resolve(shell.cwd, options.tokenFile), from: '--token-file' };
  const env = shell.env['DROVER_TOKEN_FILE'];
  if (env) return { value: path.resolve(shell.cwd, env), from: 'DROVER_TOKEN_FILE' };
  if (context.tokenFile)
    return { value: path.resolve(path.dirname(contextFile), context.tokenFile), from: contextFile };
  // What one hub gave goes to that hub only: the file is named by its address.
  if (existsSync(loginFile)) return { value: loginFile, from: 'drover login' };
  if (ownToken === undefined || !existsSync(ownToken)) return undefined;
  return { value: ownToken, from: 'data directory of the local hub' };
}
