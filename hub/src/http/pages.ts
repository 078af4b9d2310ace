// Owns list cursors: an opaque text that stands for the last key of a page. Never reads a list.
import { accept, type Result, refuse } from '@drover/core/reasons';

export const DEFAULT_LIMIT = 100;

export const writeCursor = (key: string | number): string => Buffer.from(JSON.stringify(key)).toString('base64url');

function parseKey(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    // A cursor that is no JSON is one that we did not write.
    return undefined;
  }
}

/** The key that `cursor` stands for; undefined without a cursor. */
export function readCursor<T extends 'string' | 'number'>(
  cursor: string | undefined,
  type: T,
): Result<(T extends 'string' ? string : number) | undefined> {
  if (cursor === undefined) return accept(undefined);
  const key = parseKey(cursor);
  if (typeof key !== type) return refuse('request_invalid', 'The cursor was not written by this hub.');
  return accept(key as T extends 'string' ? string : number);
}

/** A page of at most `limit` items out of `limit + 1` rows that were read. */
export function cutPage<R, V>(
  rows: readonly R[],
  limit: number,
  keyOf: (row: R) => string | number,
  view: (row: R) => V,
): { items: V[]; nextCursor: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? writeCursor(keyOf(last)) : null;
  return { items: kept.map(view), nextCursor };
}
