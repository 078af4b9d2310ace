// Owns how models and versions look over HTTP, from their rows. Reads the database, never writes it.
import type { Model, ModelSignature, Version, VersionDetail } from '@drover/wire/http/models';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Static } from 'typebox';
import { countRunning } from '../db/devices.ts';
import { listAliasesOf, listLatestOf } from '../db/model-lookup.ts';
import type { ModelRow, VersionFacts, VersionRow } from '../db/models.ts';
import { listOms, type OmsFacts } from '../db/oms.ts';
import { listTargetsOf } from '../db/release.ts';
import type { Store } from '../db/store.ts';

type VersionView = Static<typeof Version>;

export async function viewModels(store: Store, rows: readonly ModelRow[]): Promise<Static<typeof Model>[]> {
  if (rows.length === 0) return [];
  const names = rows.map(({ name }) => name);
  const latest = new Map((await listLatestOf(store, names)).map((row) => [row.model, row.latest]));
  const aliases = await listAliasesOf(store, names);
  return rows.map(({ name, project, createdAt }) => ({
    name,
    project,
    createdAt: new Date(createdAt).toISOString(),
    latest: latest.get(name) ?? 0,
    aliases: Object.fromEntries(
      aliases.filter(({ model }) => model === name).map(({ alias, version }) => [alias, version]),
    ),
  }));
}

export async function viewVersions(store: Store, rows: readonly VersionFacts[]): Promise<VersionView[]> {
  if (rows.length === 0) return [];
  const aliases = await listAliasesOf(store, [...new Set(rows.map(({ model }) => model))]);
  const running = new Map((await countRunning(store)).map((row) => [row.running, row.devices]));
  return rows.map((row) => ({
    model: row.model,
    version: row.version,
    manifest: row.manifest,
    createdAt: new Date(row.createdAt).toISOString(),
    source: row.source,
    sizeBytes: row.sizeBytes,
    aliases: aliases
      .filter(({ model, version }) => model === row.model && version === row.version)
      .map(({ alias }) => alias),
    run: row.run,
    metrics: JSON.parse(row.metricsJson) as Record<string, number>,
    runningOn: running.get(row.manifest) ?? 0,
  }));
}

export const viewSignature = ({
  hint,
  publicKey,
  sha256,
  actor,
  createdAt,
}: OmsFacts): Static<typeof ModelSignature> => ({
  key: hint,
  publicKey,
  sha256,
  actor,
  createdAt: new Date(createdAt).toISOString(),
});

export async function viewVersionDetail(store: Store, row: VersionRow): Promise<Static<typeof VersionDetail>> {
  const [view] = await viewVersions(store, [row]);
  const envelope = readSignedEnvelope(row.envelope);
  if (view === undefined || !envelope.ok)
    throw new Error(`the stored envelope of ${row.model}@${row.version} cannot be read`);
  return {
    ...view,
    document: JSON.parse(row.documentJson) as unknown,
    payload: Buffer.from(envelope.value.payload).toString('base64'),
    released: (await listTargetsOf(store, row.manifest)).map(({ path }) => path),
    keyids: envelope.value.signatures.map(({ keyid }) => keyid),
    signatures: (await listOms(store, row.model, row.version)).map(viewSignature),
  };
}
