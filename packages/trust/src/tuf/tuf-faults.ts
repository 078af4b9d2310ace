// Turns what the TUF client throws into the closed reason codes. Never decides whether metadata is good.
import { type Refusal, refuse } from '@drover/core/reasons';
import {
  LengthOrHashMismatchError,
  RepositoryError as ModelRepositoryError,
  ValueError as ModelValueError,
  UnsignedMetadataError,
} from '@tufjs/models/dist/error.js';
import {
  BadVersionError,
  DownloadError,
  ExpiredMetadataError,
  PersistError,
  RepositoryError,
  RuntimeError,
  ValueError,
} from 'tuf-js/dist/error.js';
import { isDiskError } from './metadata-folder.ts';

/** A refusal on its way through the TUF client, which knows exceptions only. */
export class MetadataFault extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.detail}`);
    this.refusal = refusal;
  }
}

type ErrorKind = abstract new (...args: never[]) => Error;

/** What data may cause and no other row names: wrong JSON, wrong types, nesting that exhausts the stack. */
const DATA: readonly ErrorKind[] = [
  SyntaxError, TypeError, RangeError, ReferenceError, ValueError, ModelValueError, ModelRepositoryError, RuntimeError,
]; // biome-ignore format: one list

/** @param role what was being read. Anything that data cannot cause is thrown on. */
export function explainFault(error: unknown, role: string): Refusal {
  if (error instanceof MetadataFault) return error.refusal;
  const said = error instanceof Error ? error.message.slice(0, 200) : '';
  const detail = `Role "${role}": ${said}.`;
  const is = (...kinds: ErrorKind[]): boolean => kinds.some((kind) => error instanceof kind);
  // An expired timestamp is what a network shows that keeps newer files back (TUF 1.0.34 §5.4.4).
  if (is(ExpiredMetadataError))
    return refuse(said.startsWith('Final timestamp') ? 'metadata_frozen' : 'metadata_expired', detail);
  if (is(BadVersionError))
    return refuse(said.includes('is less than') ? 'metadata_rollback' : 'metadata_mismatch', detail);
  if (is(UnsignedMetadataError)) return refuse('metadata_unsigned', detail);
  if (is(LengthOrHashMismatchError)) return refuse('metadata_mismatch', detail);
  if (is(PersistError) || isDiskError(error)) return refuse('metadata_disk', detail);
  // A file that the older snapshot lists and the newer does not (TUF 1.0.34 §5.5.5).
  if (is(RepositoryError))
    return refuse(said.includes('in new snapshot') ? 'metadata_rollback' : 'metadata_mismatch', detail);
  if (is(DownloadError)) return refuse('metadata_not_found', detail);
  if (is(...DATA)) return refuse('metadata_malformed', detail);
  throw error;
}
