// Decides which alerts are not spoken of for a while. Never hides one: a silenced alert is shown as before.
import { matchesQuery, type Query } from '../query.ts';

export interface Silence {
  readonly id: string;
  /** A rule, or all. */
  readonly rule: string | null;
  /** Label query: the devices. */
  readonly where: string;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly reason: string;
  readonly by: string;
}

export interface ReadySilence extends Silence {
  readonly query: Query;
}

export const isSilenced = (
  rule: string,
  labels: Readonly<Record<string, string>>,
  silences: readonly ReadySilence[],
  now: number,
): boolean =>
  silences.some(
    (one) =>
      one.startsAt <= now &&
      now < one.endsAt &&
      (one.rule === null || one.rule === rule) &&
      matchesQuery(one.query, labels),
  );
