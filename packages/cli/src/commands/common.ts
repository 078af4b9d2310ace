// Owns what all commands share: connection options, output as table or JSON, waiting with a deadline. Knows no noun.
import { readDuration } from '@drover/core/duration';
import { isName } from '@drover/core/ids';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliFailure, EXIT, failRefused } from '../failure.ts';
import { type HubClient, openHubClient } from '../hub-client.ts';
import { type Shell, usesColor } from '../shell.ts';
import { renderTable, type TableColumn } from '../table.ts';
import { findTarget, type Target } from '../target.ts';
import { trustCa } from '../trust-ca.ts';

/** What every command is built with. */
export interface Cli {
  readonly shell: Shell;
  readonly fetcher: typeof fetch;
}

export interface OutputOptions {
  readonly json?: boolean;
}

export interface ConnectionOptions extends OutputOptions {
  readonly hub?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print JSON in the shapes of the HTTP API instead of a table');
}

export function addConnectionOptions(command: Command): Command {
  command.addOption(
    new Option('--hub <url>', 'address of the hub; else DROVER_HUB, the context file, the local hub').helpGroup(
      'Connection:',
    ),
  );
  command.addOption(
    new Option(
      '--token-file <file>',
      'file with a token; else DROVER_TOKEN_FILE, the context file, "drover login", <hub data>/run/token (--dev)',
    ).helpGroup('Connection:'),
  );
  command.addOption(
    new Option(
      '--ca-file <file>',
      "CA of the hub's certificate; else DROVER_CA_FILE, the context file, the local hub's own",
    ).helpGroup('Connection:'),
  );
  return addJsonOption(command);
}

export function locateHub(
  cli: Cli,
  options: { hub?: string; tokenFile?: string; caFile?: string; data?: string },
): Target {
  const target = findTarget(cli.shell, options);
  if (!target.ok) throw failRefused(target, EXIT.usage);
  trustCa(target.value);
  return target.value;
}

export const connect = (cli: Cli, options: ConnectionOptions): HubClient =>
  openHubClient(locateHub(cli, options), cli.fetcher);

/** Prints `value` as JSON, or what `render` makes of it for a person. */
export function present(cli: Cli, options: OutputOptions, value: unknown, render: () => string): void {
  cli.shell.out(options.json ? `${JSON.stringify(value, null, 2)}\n` : render());
}

/** A table for this terminal; `empty` is said instead of a table without rows. */
export function tableFor<Row>(
  cli: Cli,
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  empty: string,
): string {
  if (rows.length === 0) return `${empty}\n`;
  const titleStyle = usesColor(cli.shell) ? (text: string) => `\u001b[1m${text}\u001b[0m` : undefined;
  return renderTable(columns, rows, { maxWidth: cli.shell.width, ...(titleStyle ? { titleStyle } : {}) });
}

/** What a list answers as JSON: the API's page shape, with every page fetched. */
export const asPage = <T>(items: readonly T[]) => ({ items, nextCursor: null });

export const parseList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

export function parseModelName(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError('A name has lower-case letters, digits, ".", "-" and "_", at most 63.');
}

export function parsePositive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

export function parseWhole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('It must be a whole number, 1 or more.');
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('It must be a number, 0 or more.');
}

/** `90`, `90s`, `5m`, `2h` in milliseconds; a bare number is seconds. */
export function parseDuration(text: string): number {
  const value = readDuration(text);
  if (value !== undefined && value > 0) return value;
  throw new InvalidArgumentError('It must be a duration such as 90s, 5m or 2h.');
}

export const timeoutOption = (says: string, text: string): Option =>
  new Option('--timeout <duration>', says).argParser(parseDuration).default(parseDuration(text), text);

/** Collects an option that may be given several times. */
export const collect = (text: string, previous: string[] | undefined): string[] => [...(previous ?? []), text];

export interface WaitOptions {
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly now: () => number;
  /** Ends the wait early by throwing its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Calls `look` until it answers something; undefined when the time ran out. */
export async function waitFor<T>(look: () => Promise<T | undefined>, options: WaitOptions): Promise<T | undefined> {
  const deadline = options.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    const left = deadline - options.now();
    if (left <= 0) return undefined;
    await pause(Math.min(options.everyMs, left), options.signal);
  }
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new Error('interrupted'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export const failTimedOut = (what: string, timeoutMs: number, next: string): CliFailure =>
  new CliFailure(EXIT.timedOut, 'timed_out', `${what} within ${Math.round(timeoutMs / 1000)} s.`, next);
