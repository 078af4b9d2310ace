// Owns the SQL of recipes: which are needed, wanted and made. Never decides and never makes one.
import type { DeploymentState } from '@drover/core/deployment/table';
import type { PatchNeed, PatchPair } from '@drover/core/patches';
import { type Selectable, sql } from 'kysely';
import type { PatchesTable } from './schema-delivery.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type PatchRow = Selectable<PatchesTable>;

/** States of a deployment whose bytes may not be on the device yet. */
const BEFORE_BYTES: readonly DeploymentState[] = ['queued', 'offered', 'accepted', 'deferred', 'downloading'];

const modelOf = (versions: 'wished' | 'runs') =>
  sql<string>`json_extract(${sql.ref(`${versions}.documentJson`)}, '$.blobs.model.sha256')`;

/** What devices run beside what they are wished, by the digests of the models; base is empty where a device runs nothing. */
export const listPatchNeeds = (store: Store): Promise<readonly PatchNeed[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments')
        .innerJoin('versions as wished', 'wished.manifest', 'deployments.manifest')
        .leftJoin('deviceSlots', (on) =>
          on.onRef('deviceSlots.device', '=', 'deployments.device').onRef('deviceSlots.slot', '=', 'deployments.slot'),
        )
        .leftJoin('versions as runs', 'runs.manifest', 'deviceSlots.running')
        .select([
          sql<string>`coalesce(${modelOf('runs')}, '')`.as('base'),
          modelOf('wished').as('target'),
          sql<number>`json_extract(wished.documentJson, '$.blobs.model.size')`.as('targetSize'),
        ])
        .distinct()
        .where('deployments.state', 'in', BEFORE_BYTES)
        // A recipe tells of its target: of a confidential one it would tell too much.
        .where('wished.model', 'not in', sqlOf.selectFrom('confidentialModels').select('model')),
    ),
  );

/** Models that this device holds: those that run now or ran before, by digest. */
export const listHeldModels = async (store: Store, device: string): Promise<readonly string[]> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('deviceSlots')
        .innerJoin('versions as runs', (on) =>
          on.on((e) =>
            e.or([
              e('runs.manifest', '=', e.ref('deviceSlots.running')),
              e('runs.manifest', '=', e.ref('deviceSlots.previous')),
            ]),
          ),
        )
        .select(modelOf('runs').as('model'))
        .distinct()
        .where('deviceSlots.device', '=', device),
    ),
  );
  return rows.map(({ model }) => model);
};

export const listPatches = (store: Store): Promise<readonly PatchRow[]> =>
  store.rows(query(sqlOf.selectFrom('patches').selectAll()));

export const listPatchesTo = (store: Store, target: string): Promise<readonly PatchRow[]> =>
  store.rows(query(sqlOf.selectFrom('patches').selectAll().where('target', '=', target)));

export const countPatchesOf = async (store: Store, recipe: string): Promise<number> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('patches')
          .select((e) => e.fn.countAll<number>().as('count'))
          .where((e) => e.or([e('recipe', '=', recipe), e('chunkList', '=', recipe)])),
      ),
    )
  )?.count ?? 0;

/** Whether a blob was given by somebody: such a one is not ours to remove. */
export const isUploaded = async (store: Store, sha256: string): Promise<boolean> =>
  (await store.first(query(sqlOf.selectFrom('blobs').select('sha256').where('sha256', '=', sha256)))) !== undefined;

export const insertPatch = ({ base, target }: PatchPair, now: number): Statement => ({
  query: query(
    sqlOf
      .insertInto('patches')
      .values({
        base, target, state: 'wanted', tries: 0, recipe: null, size: null, chunkList: null, detail: null, createdAt: now,
        endedAt: null, neededAt: now,
      }) // biome-ignore format: one record
      .onConflict((c) => c.columns(['target', 'base']).doNothing()),
  ),
  expect: 'any',
});

const change = ({ base, target }: PatchPair, set: Partial<PatchRow>): Statement => ({
  query: query(sqlOf.updateTable('patches').set(set).where('target', '=', target).where('base', '=', base)),
  expect: 'any',
});

export const renewPatch = (pair: PatchPair, now: number): Statement => change(pair, { neededAt: now });
/** Written before the work: what ends the process is counted. */
export const beginPatch = (pair: PatchPair, tries: number): Statement => change(pair, { tries });
export const endPatch = (
  pair: PatchPair,
  end: Pick<PatchRow, 'state' | 'recipe' | 'size' | 'chunkList' | 'detail' | 'endedAt'>,
): Statement => change(pair, end);

export const removePatch = ({ base, target }: PatchPair): Statement => ({
  query: query(sqlOf.deleteFrom('patches').where('target', '=', target).where('base', '=', base)),
  expect: 'any',
});
