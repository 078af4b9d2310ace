// Owns how people write durations: `90s`, `5m`, `2h`, `7d`. Never knows where one is asked for.

const FACTORS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof FACTORS;

/** What the text of a duration must match where a unit is required; 0 needs none. */
export const DURATION_PATTERN = '^(0|[0-9]+(\\.[0-9]+)?(ms|s|m|h|d))$';

/** Milliseconds, 0 or more; a bare number is seconds. Undefined: it is not a duration. */
export function readDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match) return undefined;
  const value = Number(match[1]) * FACTORS[(match[2] ?? 's') as Unit];
  return Number.isFinite(value) ? value : undefined;
}

/** The shortest text that reads back to the same whole number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  const unit = (['d', 'h', 'm', 's'] as const).find((u) => ms % FACTORS[u] === 0) ?? 'ms';
  return `${ms / FACTORS[unit]}${unit}`;
}
