// Owns the SQL of desired documents: the newest signed one of each device. Never signs or sends.
import type { Selectable } from 'kysely';
import type { DesiredDocsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type DesiredRow = Selectable<DesiredDocsTable>;

const COLUMNS = [
  'device', 'generation', 'digest', 'envelope', 'slotsJson', 'policyJson', 'manifestsJson', 'issuedAt', 'expiresAt',
] as const; // biome-ignore format: one list

const byDevice = template<{ device: string }, DesiredRow>(['device'], ({ device }) =>
  sqlOf.selectFrom('desiredDocs').selectAll().where('device', '=', device),
);
export const readDesired = (store: Store, device: string): Promise<DesiredRow | undefined> =>
  store.first(byDevice({ device }));

/** Everything but the bytes. */
export type DesiredFacts = Omit<DesiredRow, 'envelope'>;

const FACTS = COLUMNS.filter((column) => column !== 'envelope');

export const listDesiredOf = (store: Store, devices: readonly string[]): Promise<readonly DesiredFacts[]> =>
  store.rows(query(sqlOf.selectFrom('desiredDocs').select(FACTS).where('device', 'in', devices)));

/** Devices that hold a later generation than the hub made, and those whose document carries another policy. */
export const listDesiredBehind = async (store: Store, policyJson: string): Promise<readonly string[]> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('desiredDocs')
        .innerJoin('devices', 'devices.id', 'desiredDocs.device')
        .select('desiredDocs.device')
        .where((e) =>
          e.or([
            e('devices.reportedGeneration', '>', e.ref('desiredDocs.generation')),
            e('desiredDocs.policyJson', '!=', policyJson),
          ]),
        ),
    ),
  );
  return rows.map((row) => row.device);
};

const inserted = template<DesiredRow>(COLUMNS, (row) => sqlOf.insertInto('desiredDocs').values(row));
const replaced = template<DesiredRow & { readonly from: number }>([...COLUMNS, 'from'], ({ from, device, ...rest }) =>
  sqlOf.updateTable('desiredDocs').set(rest).where('device', '=', device).where('generation', '=', from),
);

/** `from`: the generation that this one follows, or undefined for the first. */
export const storeDesired = (row: DesiredRow, from: number | undefined): Statement => ({
  query: from === undefined ? inserted(row) : replaced({ ...row, from }),
});
