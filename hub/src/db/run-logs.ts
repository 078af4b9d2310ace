// Owns the SQL of the log lines of training runs. Never reads what a line says.
import { query, type Statement, type Store, sqlOf } from './store.ts';

export interface RunLogLine {
  readonly run: string;
  readonly line: number;
  readonly at: number;
  readonly text: string;
}

export const insertRunLogs = (lines: readonly RunLogLine[]): Statement => ({
  query: query(sqlOf.insertInto('runLogs').values([...lines])),
  expect: lines.length,
});

/** In the order in which they were said. */
export const listRunLogs = (store: Store, run: string): Promise<readonly RunLogLine[]> =>
  store.rows(query(sqlOf.selectFrom('runLogs').selectAll().where('run', '=', run).orderBy('line')));
