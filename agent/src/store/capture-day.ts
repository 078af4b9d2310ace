// Owns the row that says what captured samples have cost on the newest day. Never decides what may be spent.
import type { Db } from './database.ts';

export interface CaptureDay {
  read(): { readonly day: number; readonly bytes: number } | undefined;
  write(day: number, bytes: number): void;
}

export function openCaptureDay(db: Db): CaptureDay {
  const find = db.prepare<[], { day: number; bytes: number }>('SELECT day, bytes FROM capture_day');
  const put = db.prepare('INSERT OR REPLACE INTO capture_day VALUES (1, ?, ?)');
  return { read: () => find.get(), write: (day, bytes) => void put.run(day, bytes) };
}
