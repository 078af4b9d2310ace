// Owns what must outlive a restart of the label join: counts of labelled windows, and predictions still without a label.
// Never joins anything.

import { decodeLabelled, LabelledCounts } from '@drover/sketch/labelled';
import type { WindowId } from '@drover/wire/messages';
import { type Db, isDiskTrouble } from './database.ts';

export interface StoredWindow {
  readonly id: WindowId;
  readonly revision: number;
  readonly counts: LabelledCounts;
}

export interface StoredPrediction {
  readonly predictionId: string;
  readonly window: WindowId;
  readonly predicted: number;
  readonly scores: Float64Array;
}

export interface LabelStore {
  /** False when the disk does not take it now. */
  putWindow(window: StoredWindow): boolean;
  findWindow(id: WindowId): StoredWindow | undefined;
  save(windows: readonly StoredWindow[], unlabelled: Iterable<StoredPrediction>): void;
  /** Takes out what `save` left: after a crash nothing is there, so that no label can ever be joined twice. */
  takeUnlabelled(): StoredPrediction[];
}

const KEPT_WINDOWS = 4096;

interface WindowRow {
  start_at: number;
  revision: number;
  counts: Buffer;
}
interface PredictionRow {
  prediction_id: string;
  boot_id: string;
  slot: string;
  role: WindowId['role'];
  manifest: string;
  number: number;
  start_at: number;
  predicted: number;
  scores: Buffer;
}

export function openLabelStore(db: Db): LabelStore {
  const put = db.prepare('INSERT OR REPLACE INTO labelled_windows VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const find = db.prepare<[string, string, string, string, number], WindowRow>(
    `SELECT start_at, revision, counts FROM labelled_windows
     WHERE boot_id = ? AND slot = ? AND role = ? AND manifest = ? AND number = ?`,
  );
  const trim = db.prepare(
    `DELETE FROM labelled_windows WHERE start_at < (
       SELECT start_at FROM labelled_windows ORDER BY start_at DESC LIMIT 1 OFFSET ${KEPT_WINDOWS})`,
  );
  const putPrediction = db.prepare('INSERT OR REPLACE INTO unlabelled VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const listPredictions = db.prepare<[], PredictionRow>('SELECT * FROM unlabelled');
  const clear = db.prepare('DELETE FROM unlabelled');

  const putWindow = ({ id, revision, counts }: StoredWindow): void => {
    put.run(id.bootId, id.slot, id.role, id.manifest, id.number, id.startAt, revision, counts.encode());
  };

  return {
    putWindow(window) {
      try {
        putWindow(window);
        return true;
      } catch (error) {
        if (!isDiskTrouble(error)) throw error;
        return false;
      }
    },
    findWindow(id) {
      const row = find.get(id.bootId, id.slot, id.role, id.manifest, id.number);
      const counts = row && decodeLabelled(row.counts);
      return row && counts?.ok ? { id, revision: row.revision, counts: counts.value } : undefined;
    },
    save: db.transaction((windows: readonly StoredWindow[], unlabelled: Iterable<StoredPrediction>) => {
      for (const window of windows) putWindow(window);
      trim.run();
      clear.run();
      for (const { predictionId, window: w, predicted, scores } of unlabelled) {
        const bytes = Buffer.from(scores.buffer, scores.byteOffset, scores.byteLength);
        putPrediction.run(predictionId, w.bootId, w.slot, w.role, w.manifest, w.number, w.startAt, predicted, bytes);
      }
    }),
    takeUnlabelled: db.transaction(() => {
      const rows = listPredictions.all();
      clear.run();
      const windows = new Map<string, WindowId>();
      return rows.map((row) => {
        const { boot_id: bootId, slot, role, manifest, number, start_at: startAt } = row;
        const key = `${bootId} ${slot} ${role} ${manifest} ${number}`;
        const window = windows.get(key) ?? { slot, role, manifest, bootId, number, startAt };
        windows.set(key, window);
        const bytes = new Uint8Array(row.scores);
        const scores = new Float64Array(bytes.buffer, 0, bytes.length >> 3);
        return { predictionId: row.prediction_id, window, predicted: row.predicted, scores };
      });
    }),
  };
}
