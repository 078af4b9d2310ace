// Owns how a change and its diagnosis are said in few words. Never decides one.
import { UNSEEN_KEPT } from '@drover/sketch/unseen';
import type { Diagnosis } from './diagnose.ts';
import type { FeatureVerdict } from './verdict.ts';

/** Ranges with their sign, shares in percentage points. */
export function describeChange(aspect: FeatureVerdict['aspect'] | null, change: number): string {
  if (aspect === null || aspect === undefined) return '';
  if (aspect === 'stuck') return 'unchanged';
  if (aspect === 'dropout') return 'no values';
  const sign = change >= 0 ? '+' : '';
  return aspect === 'level' || aspect === 'spread'
    ? `${sign}${change.toFixed(2)} IQR`
    : `${sign}${(100 * change).toFixed(1)} pp`;
}

const short = (x: number): string => Number(x.toPrecision(3)).toString();

type Told = { readonly [K in keyof Diagnosis]: Diagnosis[K] | null };

/** What it looks like, in a word and its numbers. */
export function describeDiagnosis(diagnosis: Told | null | undefined): string {
  if (!diagnosis) return '';
  const { kind, slope, offset, unit, between, unseen } = diagnosis;
  if (kind === 'unit') return `unit ${unit ?? '?'}`;
  if (kind === 'bias' && typeof offset === 'number') return `bias ${offset >= 0 ? '+' : ''}${short(offset)}`;
  if (kind === 'gain' && typeof slope === 'number') return `gain ×${short(slope)}`;
  if (kind === 'relation' && between) return `relation of ${between.join(' and ')}`;
  if (kind === 'categories' && unseen) {
    const { distinct, most } = unseen;
    if (distinct === 1) return 'one new category';
    return `${distinct > UNSEEN_KEPT ? 'about ' : ''}${Math.round(distinct)} new categories, one of them ${Math.round(100 * most)} %`;
  }
  return kind ?? '';
}
