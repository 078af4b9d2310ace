// Owns the two small files that a carried report needs beside the outbox: how the device stood last, and how many reports
// were written. Never in the database: an export reads that one beside an agent that runs and writes nothing into it.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { encodeMessage } from '@drover/wire/encode';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Capabilities, Stamp, State } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import type { Logger } from 'pino';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import type { Clock } from '../clock.ts';
import { replaceFile } from '../store/durable-file.ts';
import { AGENT_VERSION } from '../version.ts';

const Kept = Type.Object({
  agentVersion: Type.String({ maxLength: 64 }),
  runtime: Type.Enum(['', 'native', 'wasm']),
  runtimeVersion: Type.String({ maxLength: 64 }),
  /** The bytes of a `state` message, in base64. */
  state: Type.String({ maxLength: Math.ceil((PAYLOAD_BYTES.state * 4) / 3) + 4 }),
});

export interface KeptReport extends Pick<Static<typeof Kept>, 'agentVersion'> {
  readonly runtime: Pick<Capabilities, 'runtime' | 'runtimeVersion'>;
  readonly state: State;
}

const folderOf = (dataDir: string): string => path.join(dataDir, 'carry');
const stateFile = (dataDir: string): string => path.join(folderOf(dataDir), 'state.json');
const takenFile = (dataDir: string): string => path.join(folderOf(dataDir), 'taken.json');
const numberFile = (dataDir: string): string => path.join(folderOf(dataDir), 'number');

export interface KeeperDeps {
  readonly dataDir: string;
  readonly clock: Clock;
  /** Undefined while none was opened. */
  readonly runtime: () => { readonly name: 'native' | 'wasm'; readonly version: string } | undefined;
  readonly log: Pick<Logger, 'warn'>;
}

/** Keeps each report that it is given; a disk that takes none is no reason to stop. */
export function makeReportKeeper({ dataDir, clock, runtime, log }: KeeperDeps): (state: State) => void {
  let isFailing = false;
  return (state) => {
    try {
      const stamp = { sentAt: clock.now(), sentMono: Math.floor(clock.mono()) };
      const { name = '', version = '' } = runtime() ?? {};
      const opened = { runtime: name, runtimeVersion: version } as const;
      keepReport(dataDir, { agentVersion: AGENT_VERSION, runtime: opened, state }, stamp);
      isFailing = false;
    } catch (error) {
      // A full disk leaves the report before.
      if (!isFailing) log.warn({ error: String(error) }, 'the newest report is not kept on the disk');
      isFailing = true;
    }
  };
}

function keepReport(dataDir: string, { agentVersion, runtime, state }: KeptReport, stamp: Stamp): void {
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 });
  const bytes = Buffer.from(encodeMessage('state', state, stamp)).toString('base64');
  replaceFile(stateFile(dataDir), `${JSON.stringify({ agentVersion, ...runtime, state: bytes })}\n`);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined when no agent ran here yet, or when the file is damaged: a report without a state is still one. */
export function readKeptReport(dataDir: string): KeptReport | undefined {
  let json: unknown;
  try {
    json = JSON.parse(readText(stateFile(dataDir)) ?? '');
  } catch {
    // Not there or not JSON.
    return undefined;
  }
  if (!Value.Check(Kept, json)) return undefined;
  const { agentVersion, runtime, runtimeVersion } = json;
  const state = readMessage('state', Buffer.from(json.state, 'base64'));
  if (!state.ok) return undefined;
  return { agentVersion, runtime: { runtime, runtimeVersion }, state: state.value.message };
}

const Taken = Type.Object({
  hubId: Type.String({ maxLength: 32 }),
  number: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
});

/** The number of the newest export of this hub that was taken, 0 when there was none. */
export function readExportNumber(dataDir: string, hubId: string): number {
  let json: unknown;
  try {
    json = JSON.parse(readText(takenFile(dataDir)) ?? '');
  } catch {
    // Not there or not JSON: generations and metadata versions still bar what is older.
    return 0;
  }
  return Value.Check(Taken, json) && json.hubId === hubId ? json.number : 0;
}

export function writeExportNumber(dataDir: string, hubId: string, number: number): void {
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 });
  replaceFile(takenFile(dataDir), `${JSON.stringify({ hubId, number })}\n`);
}

/**
 * The number of the next report, on the disk before it is used. It is no smaller than the seconds since epoch, so that a
 * device whose file was lost does not start again below what its hub saw.
 */
export function takeNumber(dataDir: string, now: number): number {
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 });
  const last = Number(readText(numberFile(dataDir))?.trim() || 0);
  const number = Math.max((Number.isSafeInteger(last) ? last : 0) + 1, Math.floor(now / 1000));
  replaceFile(numberFile(dataDir), `${number}\n`);
  return number;
}
