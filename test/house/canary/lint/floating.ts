// Canary: oxlint must report the promise that nobody waits for (needs types), the non-null mark and the any.
import { setTimeout as wait } from 'node:timers/promises';

export function forget(names: readonly string[]): string {
  wait(1);
  const first: any = names[0]!;
  return first;
}
