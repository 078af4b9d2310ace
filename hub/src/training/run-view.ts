// Owns how a training run looks over HTTP. Never reads the database.
import type { Run } from '@drover/wire/http/runs';
import type { Static } from 'typebox';
import type { RunRow } from '../db/runs.ts';

const instant = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export function viewRun(row: RunRow): Static<typeof Run> {
  return {
    id: row.id,
    model: row.model,
    state: row.state,
    createdAt: new Date(row.createdAt).toISOString(),
    startedAt: instant(row.startedAt),
    endedAt: instant(row.endedAt),
    progress: row.progressJson === null ? null : (JSON.parse(row.progressJson) as Static<typeof Run>['progress']),
    metrics: JSON.parse(row.metricsJson) as Static<typeof Run>['metrics'],
    version: row.version,
    manifest: row.manifest,
    ...(row.code === null ? {} : { code: row.code }),
    ...(row.detail === null ? {} : { detail: row.detail }),
    notes: JSON.parse(row.notesJson) as string[],
  };
}
