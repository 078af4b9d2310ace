// A device's data directory in the test process: joined to a hub for real, with an outbox that a test fills by hand. The
// agent's own code writes and reads the carried directory.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Result } from '@drover/core/reasons';
import { readHubRows } from '@drover/testkit/hub-tables';
import { newId } from '@drover/testkit/raw-device';
import type { Entry } from '@drover/wire/messages';
import { type ExportedReport, exportReport } from '../../agent/src/carry/export-report.ts';
import { importCarried } from '../../agent/src/carry/import-carried.ts';
import type { TakenAck } from '../../agent/src/carry/take-ack.ts';
import type { TakenModels } from '../../agent/src/carry/take-models.ts';
import { joinHub } from '../../agent/src/join.ts';
import { openDatabase } from '../../agent/src/store/database.ts';
import { type OutboxCounts, openOutbox } from '../../agent/src/store/outbox.ts';
import { runCli } from '../../packages/cli/src/cli.ts';

export interface InsideDevice {
  readonly id: string;
  readonly data: string;
  readonly secret: string;
  readonly hubId: string;
  append(...entries: readonly Entry[]): void;
  outbox(): OutboxCounts;
  exportTo(dir: string): Result<ExportedReport>;
  /** Both parts that were taken, or the first refusal. */
  importFrom(dir: string): Promise<Result<{ ack: TakenAck | undefined; models: TakenModels | undefined }>>;
}

/** A log line, the smallest entry whose arrival can be counted. */
export const line = (message: string): Entry => ({
  subject: '',
  at: Date.now(),
  body: { kind: 'log', level: 30, message },
});

export async function joinInside(
  hub: { readonly httpUrl: string; readonly token: string },
  id: string,
  data: string,
  rejoin = false,
): Promise<InsideDevice> {
  const joined = await joinHub({ dataDir: data, hubUrl: hub.httpUrl, token: hub.token, id, labels: {}, rejoin });
  if (!joined.ok) throw new Error(`${joined.code}: ${joined.detail}`);
  const { secret, hubId } = JSON.parse(readFileSync(path.join(data, 'identity.json'), 'utf8')) as Record<
    'secret' | 'hubId',
    string
  >;
  function withOutbox<T>(work: (outbox: ReturnType<typeof openOutbox>) => T): T {
    const db = openDatabase(data);
    if (!db.ok) throw new Error(db.detail);
    try {
      return work(openOutbox(db.value, newId));
    } finally {
      db.value.close();
    }
  }
  return {
    id,
    data,
    secret,
    hubId,
    append: (...entries) =>
      withOutbox((outbox) => {
        for (const entry of entries) outbox.append(entry);
      }),
    outbox: () => withOutbox((outbox) => outbox.counts()),
    exportTo: (dir) => exportReport(data, dir),
    async importFrom(dir) {
      const done = await importCarried(data, dir);
      if (!done.ok) return done;
      const { ack, models } = done.value;
      if (!ack.ok) return ack;
      return models.ok ? { ok: true, value: { ack: ack.value, models: models.value } } : models;
    },
  };
}

/** One command line of `drover` against this hub, in this process. */
export const drover = (at: HubAddress, ...args: readonly string[]): Promise<Said> => droverVia(fetch, at, ...args);

export interface HubAddress {
  readonly httpUrl: string;
  readonly data: { readonly tokenFile: string };
}

export interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** The same over a link of the test's own. */
export async function droverVia(fetcher: typeof fetch, hub: HubAddress, ...args: readonly string[]): Promise<Said> {
  let out = '';
  let err = '';
  const exit = await runCli([...args, '--hub', hub.httpUrl, '--token-file', hub.data.tokenFile], {
    env: {}, cwd: '/', home: '/nonexistent', isTerminal: false, width: 0,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    readStdin: async () => '', readSecret: async () => '',
    now: Date.now,
  }, fetcher); // biome-ignore format: one record
  process.exitCode = undefined;
  return { exit, out, err };
}

/** Everything in the hub's database that an import could change. */
export const readAll = (dataDir: string): Record<string, unknown[]> =>
  Object.fromEntries(
    [
      'devices',
      'deviceSlots',
      'outboxes',
      'windows',
      'logs',
      'quarantine',
      'carriedReports',
      'deployments',
      'audit',
    ].map((table) => [table, readHubRows(dataDir, `SELECT * FROM ${table}`)]),
  );

/** What the table of `drover import --json` says: the code of each report, null where it was taken. */
export async function importAt(hub: Parameters<typeof drover>[0], dir: string): Promise<(string | null)[]> {
  const { exit, out, err } = await drover(hub, 'import', dir, '--json');
  if (out === '') return [(JSON.parse(err) as { code: string }).code];
  const codes = (JSON.parse(out) as { items: { code: string | null }[] }).items.map(({ code }) => code);
  if ((exit === 0) !== codes.every((code) => code === null))
    throw new Error(`exit ${exit} does not fit ${codes.join()}`);
  return codes;
}
