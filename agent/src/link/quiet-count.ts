// Counts what comes again and again by its code and tells of the first of each. Never decides what is bad.

export interface QuietCount {
  add(code: string, detail: string): void;
  counts(): Readonly<Record<string, number>>;
}

export function makeQuietCount(onFirst: (code: string, detail: string) => void): QuietCount {
  const counts: Record<string, number> = {};
  return {
    add(code, detail) {
      counts[code] = (counts[code] ?? 0) + 1;
      if (counts[code] === 1) onFirst(code, detail);
    },
    counts: () => counts,
  };
}
