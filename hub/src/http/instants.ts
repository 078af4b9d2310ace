// Decides what instant a query names. Never reads a clock.
import { accept, type Result, refuse } from '@drover/core/reasons';

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** In ms since epoch; undefined stays so. @param name what a refusal calls it. */
export function parseInstant(name: string, text: string | undefined): Result<number | undefined> {
  if (text === undefined) return accept(undefined);
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at)
    ? refuse('request_invalid', `"${name}" must be an RFC 3339 instant such as 2026-03-01T00:00:00Z.`)
    : accept(at);
}
