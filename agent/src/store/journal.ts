// Owns the journaled deployment of each slot and whether the last process ended cleanly. Never decides a transition.
import type { DeploymentRecord } from '@drover/core/deployment/table';
import { type Db, readSignedAt } from './database.ts';
import type { Outbox } from './outbox.ts';

export interface Journal {
  read(slot: string): DeploymentRecord | undefined;
  list(): DeploymentRecord[];
  /** Stores the record and its report to the hub in one transaction: never one without the other. */
  put(record: DeploymentRecord, now: number): void;
  /**
   * Notes that a process starts. When the one before did not end cleanly, every deployment whose model was being read or run
   * (verifying, activating, on probation) gets one more crash; returns whether that was so.
   */
  begin(now: number): boolean;
  /** Notes a clean end. */
  end(): void;
  /** The last time that a verified signature vouched for, ms since epoch. */
  signedAt(): number;
}

const SUSPECT = new Set<DeploymentRecord['state']>(['verifying', 'activating', 'probation']);

export function openJournal(db: Db, outbox: Outbox): Journal {
  const select = db.prepare<[], { record: string }>('SELECT record FROM deployments ORDER BY slot');
  const upsert = db.prepare(
    'INSERT INTO deployments VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET record = excluded.record',
  );
  const wasRunning = db.prepare<[], { is_running: number }>('SELECT is_running FROM process');
  const setRunning = db.prepare('UPDATE process SET is_running = ?');
  const records = new Map<string, DeploymentRecord>();
  for (const { record } of select.all()) {
    const parsed = JSON.parse(record) as DeploymentRecord;
    records.set(parsed.slot, parsed);
  }

  const put = db.transaction((record: DeploymentRecord, now: number) => {
    upsert.run(record.slot, JSON.stringify(record));
    const { deploymentId, slot, manifest, state, revision, generation, code, detail } = record;
    outbox.append({
      subject: '',
      at: now,
      body: {
        kind: 'deployment',
        deploymentId,
        slot,
        manifest,
        state,
        revision,
        generation,
        ...(code && { code }),
        ...(detail && { detail: detail.slice(0, 1000) }),
      },
    });
  });

  return {
    read: (slot) => records.get(slot),
    list: () => [...records.values()],
    put(record, now) {
      put(record, now);
      records.set(record.slot, record);
    },
    begin(now) {
      const crashed = wasRunning.get()?.is_running === 1;
      setRunning.run(1);
      if (!crashed) return false;
      for (const record of records.values()) {
        if (!SUSPECT.has(record.state)) continue;
        this.put({ ...record, crashes: record.crashes + 1, revision: record.revision + 1 }, now);
      }
      return true;
    },
    end: () => void setRunning.run(0),
    signedAt: () => readSignedAt(db),
  };
}
