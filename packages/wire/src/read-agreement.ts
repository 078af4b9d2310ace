// Decides whether what a device says of the agreement of its shadow can be. Never adds it up.
import type { Agreement } from '@drover/core/shadow';
import type { FieldCheck } from './fields.ts';
import type { drover } from './gen/drover.js';

/** What cannot be is refused: a gate is decided by it. */
export function readAgreement(f: FieldCheck, a: drover.v1.Agreement.$Properties): Agreement {
  const compared = f.uint('agreement.compared', a.compared);
  const agreed = f.uint('agreement.agreed', a.agreed);
  const gap = a.gap ?? 0;
  if (agreed > compared) f.wrong('agreement.agreed', 'is more than was compared');
  if (!(gap >= 0 && gap < Number.POSITIVE_INFINITY)) f.wrong('agreement.gap', 'is not a distance');
  return { compared, agreed, skipped: f.uint('agreement.skipped', a.skipped), gap };
}
