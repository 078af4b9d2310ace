// Owns how the hub talks to its database: queries are compiled here and run by a Store. Never runs one itself.
import {
  type Compilable,
  type CompiledQuery,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Tables } from './schema.ts';

/** Compiles queries. It has no driver: executing one through it returns nothing, so nobody does. */
export const sqlOf: Kysely<Tables> = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** What a Store needs of a compiled query; `T` is the type of a row. */
export interface Query<T = unknown> {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** Never set: it carries the row type. */
  readonly row?: T;
}

/** One statement of a write transaction. `expect`: rows that it must change (default 1), or 'any'. */
export interface Statement {
  readonly query: Query;
  readonly expect?: number | 'any';
}

/** `changes`: rows changed by each statement. A conflict names the statement that did not do what was expected. */
export type CommitResult =
  | { readonly ok: true; readonly changes: readonly number[] }
  | { readonly ok: false; readonly at: number; readonly why: 'count' | 'unique' | 'reference' };

/** The database cannot be reached or cannot write: its disk is full, broken or locked. Trying again may help. */
export class StoreUnavailable extends Error {}

/**
 * The database behind the hub. A write transaction is data: statements decided from a snapshot, run together or not at
 * all, with no `await` inside. A conflict is an answer; a broken disk is a `StoreUnavailable`, a defect any other exception.
 */
export interface Store {
  rows<T>(query: Query<T>): Promise<readonly T[]>;
  first<T>(query: Query<T>): Promise<T | undefined>;
  commit(statements: readonly Statement[]): Promise<CommitResult>;
  /** Writes a consistent copy to a new file. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Compiles a query once that runs as it is. */
export const query = <T>(compilable: Compilable<T>): Query<T> => {
  const { sql, parameters }: CompiledQuery<T> = compilable.compile();
  return { sql, parameters };
};

class Hole {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Compiles a query once and fills it many times: `build` gets a placeholder for each name. Hot paths use it, because
 * compiling costs more than the insert itself.
 */
export function template<P extends object, T = unknown>(
  names: readonly (keyof P & string)[],
  build: (holes: P) => Compilable<T>,
): (values: P) => Query<T> {
  const holes = Object.fromEntries(names.map((name) => [name, new Hole(name)]));
  // The builder only stores its arguments: a placeholder stands for any type until the query is compiled.
  const compiled = build(holes as P).compile();
  const order = compiled.parameters.map((parameter) =>
    parameter instanceof Hole ? (parameter.name as keyof P) : undefined,
  );
  const { sql } = compiled;
  return (values) => ({
    sql,
    parameters: order.map((name, i) => (name === undefined ? compiled.parameters[i] : values[name])),
  });
}
