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

export const listDesired = (store: Store): Promise<readonly DesiredFacts[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('desiredDocs')
        .select([
          'device',
          'generation',
          'digest',
          'slotsJson',
          'policyJson',
          'manifestsJson',
          'issuedAt',
          'expiresAt',
        ]),
    ),
  );

const inserted = template<DesiredRow>(COLUMNS, (row) => sqlOf.insertInto('desiredDocs').values(row));
const replaced = template<DesiredRow & { readonly from: number }>([...COLUMNS, 'from'], ({ from, device, ...rest }) =>
  sqlOf.updateTable('desiredDocs').set(rest).where('device', '=', device).where('generation', '=', from),
);

/** `from`: the generation that this one follows, or undefined for the first. */
export const storeDesired = (row: DesiredRow, from: number | undefined): Statement => ({
  query: from === undefined ? inserted(row) : replaced({ ...row, from }),
});
