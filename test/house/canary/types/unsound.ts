// Canary: tsc must report the missing index check (TS2322).
export const firstOf = (names: readonly string[]): string => names[0];
