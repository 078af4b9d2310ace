// Turns what one uplink message brought into the statements of a write transaction. Never runs them.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { Entry, EntryBody, LabelsEntry, WindowEntry } from '@drover/wire/messages';
import { readEntry } from '@drover/wire/read';
import { storeAgreement } from '../db/agreements.ts';
import { answerCmd } from '../db/cmds.ts';
import { insertReportEvent, storeDeviceClaim } from '../db/rollouts.ts';
import { storeSample } from '../db/samples.ts';
import type { Statement } from '../db/store.ts';
import {
  advanceOutbox,
  insertLog,
  insertOutbox,
  insertQuarantine,
  storeWindow,
  storeWindowLabels,
  trimOutboxes,
  type WindowLabelsRow,
  type WindowRow,
} from '../db/uplink.ts';
import { writeFloats } from '../samples/view-sample.ts';
import type { UpPlan } from './plan-up.ts';

/** Outboxes kept for one device: each belongs to one installation of the agent. */
const KEPT_OUTBOXES = 4;

/** An entry, or why this device may not say it. */
export function readEntryOf(device: string, body: Uint8Array): Result<Entry> {
  const entry = readEntry(body);
  if (!entry.ok || entry.value.subject === '' || entry.value.subject === device) return entry;
  return refuse('subject_not_allowed', `"${entry.value.subject}" is not known behind "${device}".`);
}

/** What must be looked at after the commit: the statement with this index changed no row. */
export type Doubt =
  | { readonly at: number; readonly kind: 'window'; readonly row: WindowRow }
  | { readonly at: number; readonly kind: 'labels'; readonly row: WindowLabelsRow };

export interface UpStatements {
  readonly statements: Statement[];
  readonly doubts: Doubt[];
  readonly windows: number;
  readonly predictions: number;
  /** Something about deployments came: someone should decide again. */
  readonly hasDeployments: boolean;
}

const windowRow = (device: string, w: WindowEntry, receivedAt: number): WindowRow => ({
  startAt: w.startAt,
  device,
  slot: w.slot,
  role: w.role,
  manifest: w.manifest,
  bootId: w.bootId,
  number: w.number,
  revision: w.revision,
  endAt: w.endAt,
  firstMono: w.firstMono,
  lastMono: w.lastMono,
  rows: w.rows,
  errors: w.errors,
  closedBy: w.closedBy,
  stats: w.stats,
  receivedAt,
});

const labelsRow = (device: string, l: LabelsEntry, receivedAt: number): WindowLabelsRow => ({
  startAt: l.startAt,
  device,
  slot: l.slot,
  role: l.role,
  manifest: l.manifest,
  bootId: l.bootId,
  number: l.number,
  revision: l.revision,
  labelled: l.labelled,
  unmatched: l.unmatched,
  counts: l.counts,
  receivedAt,
});

interface Writing {
  readonly device: string;
  readonly receivedAt: number;
  readonly statements: Statement[];
  readonly doubts: Doubt[];
  windows: number;
  predictions: number;
  hasDeployments: boolean;
}

function writeEntry(w: Writing, at: number, body: EntryBody): void {
  const { device, receivedAt, statements } = w;
  switch (body.kind) {
    case 'window': {
      const row = windowRow(device, body, receivedAt);
      w.doubts.push({ at: statements.length, kind: 'window', row });
      statements.push(storeWindow(row));
      if (body.agreement) {
        const { slot, manifest, startAt, bootId, number } = row;
        statements.push(
          storeAgreement({ slot, manifest, startAt, device, bootId, number, ...body.agreement, receivedAt }),
        );
      }
      w.windows++;
      // An amendment brings the same rows again.
      if (body.revision <= 1) w.predictions += body.rows;
      return;
    }
    case 'labels': {
      const row = labelsRow(device, body, receivedAt);
      w.doubts.push({ at: statements.length, kind: 'labels', row });
      statements.push(storeWindowLabels(row));
      return;
    }
    case 'deployment': {
      const claim = {
        id: body.deploymentId,
        device,
        deviceState: body.state,
        deviceRevision: body.revision,
        deviceCode: body.code ?? null,
        deviceDetail: body.detail ?? null,
      };
      statements.push(insertReportEvent(claim, at), storeDeviceClaim(claim));
      w.hasDeployments = true;
      return;
    }
    case 'samples': {
      const { slot, manifest, withheld, samples } = body;
      for (const { predictionId, at: capturedAt, why, score, numbers, texts, classIndex, scores, value } of samples) {
        statements.push(
          storeSample({
            device, predictionId, slot, manifest, at: capturedAt, why, score, classIndex, receivedAt,
            numbers: writeFloats(numbers), textsJson: JSON.stringify(texts), withheldJson: JSON.stringify(withheld),
            scores: writeFloats(classIndex < 0 ? [value] : scores),
          }), // biome-ignore format: one record
        );
      }
      return;
    }
    case 'log': {
      const { level, message, code } = body;
      statements.push(insertLog({ device, at, level, code: code ?? null, message, receivedAt }));
      return;
    }
    case 'gap': {
      const message = `The outbox was full: ${body.entries} entries (${body.bytes} bytes) were dropped.`;
      statements.push(insertLog({ device, at, level: 40, code: 'outbox_gap', message, receivedAt }));
      return;
    }
    case 'cmdResult': {
      const code = body.ok ? null : (body.code ?? 'run_failed');
      statements.push(answerCmd({ id: body.cmdId, device, code, detail: body.detail ?? null, endedAt: receivedAt }));
      return;
    }
    default:
      body satisfies never;
  }
}

/** `isNew`: the hub has no row for this outbox yet. */
export function writeUp(
  device: string,
  outboxId: string,
  isNew: boolean,
  plan: UpPlan,
  receivedAt: number,
): UpStatements {
  const w: Writing = {
    device,
    receivedAt,
    statements: [],
    doubts: [],
    windows: 0,
    predictions: 0,
    hasDeployments: false,
  };
  const { fromSeq, toSeq, lost, taken, refused } = plan;
  const lostAt = lost > 0 ? receivedAt : null;
  const counts = { entries: taken.length, lost, lostAt, refused: refused.length, updatedAt: receivedAt };
  if (isNew) {
    w.statements.push(
      insertOutbox({ device, outboxId, lastSeq: toSeq, ...counts }),
      trimOutboxes(device, KEPT_OUTBOXES),
    );
  } else if (toSeq > fromSeq) w.statements.push(advanceOutbox({ device, outboxId, fromSeq, toSeq, ...counts }));
  for (const { entry } of taken) writeEntry(w, entry.at, entry.body);
  for (const { seq, code, detail, body } of refused) {
    w.statements.push(insertQuarantine({ device, outboxId, seq, code, detail, body, receivedAt }));
  }
  return w;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Whether a stored row and one that was not stored say the same; only the same revision can contradict. */
export function checkDoubt(doubt: Doubt, stored: WindowRow | WindowLabelsRow | undefined): Result<undefined> | Refusal {
  const { row } = doubt;
  if (!stored || stored.revision !== row.revision) return accept(undefined);
  const isSame =
    doubt.kind === 'window'
      ? 'stats' in stored &&
        stored.rows === doubt.row.rows &&
        stored.errors === doubt.row.errors &&
        sameBytes(stored.stats, doubt.row.stats)
      : 'counts' in stored && stored.labelled === doubt.row.labelled && sameBytes(stored.counts, doubt.row.counts);
  if (isSame) return accept(undefined);
  return refuse(
    'window_conflict',
    `${doubt.kind} ${row.number} of slot "${row.slot}", boot ${row.bootId}, revision ${row.revision}.`,
  );
}
