// Owns how a registered version looks as an entry of the release metadata. Never lists one.
import type { Manifest } from '@drover/trust/documents';
import type { Entry } from '@drover/trust/tuf/build';
import { TARGETS_PER_MODEL } from '@drover/trust/tuf/metadata';
import { readSignedEnvelope } from '@drover/wire/read';
import { listModels, listVersions, readVersion, type VersionRow } from '../db/models.ts';
import type { Store } from '../db/store.ts';

/** The exact bytes that were signed: what a target is, and what its digest is of. */
export function payloadOf(row: VersionRow): Uint8Array {
  const envelope = readSignedEnvelope(row.envelope);
  if (!envelope.ok) throw new Error(`the stored envelope of ${row.model}@${row.version} cannot be read`);
  return envelope.value.payload;
}

export const entryOf = (row: VersionRow): Entry => ({
  version: row.version,
  sha256: row.manifest,
  length: payloadOf(row).length,
  release: (JSON.parse(row.documentJson) as Manifest).release,
});

/** Versions a list has room for. */
const NEWEST = TARGETS_PER_MODEL;
const PAGE = 100;

/** Everything that is registered, the newest of each model, for a hub whose metadata is made for the first time. */
export async function listRegistered(
  store: Store,
): Promise<ReadonlyMap<string, readonly (Entry & { readonly isTrained: boolean })[]>> {
  const found = new Map<string, (Entry & { isTrained: boolean })[]>();
  for (let cursor: string | undefined, isMore = true; isMore; ) {
    const models = await listModels(store, { ...(cursor !== undefined && { cursor }), limit: PAGE });
    for (const { name } of models) {
      const entries: (Entry & { isTrained: boolean })[] = [];
      for (const { version } of await listVersions(store, name, { limit: NEWEST })) {
        const row = await readVersion(store, name, version);
        if (row !== undefined) entries.push({ ...entryOf(row), isTrained: row.source === 'trained' });
      }
      found.set(name, entries);
    }
    cursor = models.at(-1)?.name;
    isMore = models.length === PAGE;
  }
  return found;
}
