// Holds things that are under way for minutes, under a secret name, at most so many: the oldest go. Never touches a disk.
import { makeSecret } from './secrets.ts';

export interface ShortLived<T> {
  /** Answers the name under which it is found. */
  put(value: T): string;
  read(name: string): T | undefined;
  /** Reads and forgets: the second who asks gets nothing. */
  take(name: string): T | undefined;
}

export interface ShortLivedLimits {
  readonly now: () => number;
  readonly lifeMs: number;
  readonly most: number;
}

export function openShortLived<T>({ now, lifeMs, most }: ShortLivedLimits): ShortLived<T> {
  /** In the order in which they were put, so the first are the oldest. */
  const held = new Map<string, { readonly value: T; readonly endsAt: number }>();
  const read = (name: string): T | undefined => {
    const found = held.get(name);
    return found !== undefined && now() < found.endsAt ? found.value : undefined;
  };
  return {
    put(value) {
      for (const [name, { endsAt }] of held) {
        if (now() < endsAt && held.size < most) break;
        held.delete(name);
      }
      const name = makeSecret();
      held.set(name, { value, endsAt: now() + lifeMs });
      return name;
    },
    read,
    take(name) {
      const value = read(name);
      held.delete(name);
      return value;
    },
  };
}
