// Writes what the hub itself changed by starting and stopping: its version, its keys, its configuration, each beside what
// they were at the start before. Never holds a secret: keys are named by their ids.
import type { HubConfig } from '../config.ts';
import { commitWithAudit, readLastAction } from '../db/audit.ts';
import type { Store } from '../db/store.ts';

export interface StartFacts {
  readonly version: string;
  /** role → id of the key that signs for it now. */
  readonly keys: Readonly<Record<string, string>>;
  readonly config: HubConfig;
}

function readAfter(detailJson: string | undefined): unknown {
  const detail: unknown = detailJson === undefined ? null : JSON.parse(detailJson);
  return typeof detail === 'object' && detail !== null && 'after' in detail ? detail.after : null;
}

export async function recordStart(store: Store, hubId: string, at: number, facts: StartFacts): Promise<void> {
  const before = readAfter((await readLastAction(store, 'hub.start'))?.detailJson);
  const entry = { at, actor: 'hub', action: 'hub.start', subject: hubId, detail: { before, after: facts } };
  await commitWithAudit(store, [], entry);
}

/** Missing between two starts when the hub was killed. */
export async function recordStop(store: Store, hubId: string, at: number): Promise<void> {
  await commitWithAudit(store, [], { at, actor: 'hub', action: 'hub.stop', subject: hubId, detail: null });
}
