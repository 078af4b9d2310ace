// Decides when the audit log gets a signed checkpoint, and makes it: after enough rows, after enough time, at start and
// stop, before an export. Never signs over rows that do not follow from the checkpoint before.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type AuditPlace, BEGINNING, findRowBreak } from '@drover/trust/audit/chain';
import { type AuditCheckpoint, openCheckpoint, signCheckpoint } from '@drover/trust/audit/checkpoint';
import { keyidOf, type Signer } from '@drover/trust/dsse';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Logger } from 'pino';
import {
  type CheckpointRow,
  commitWithAudit,
  insertCheckpoint,
  listAudit,
  listCheckpointKeys,
  listCheckpointsAfter,
  readLastAudit,
  readLastCheckpoint,
} from '../db/audit.ts';
import type { Store } from '../db/store.ts';
import { appendCheckpoints, openCheckpointFile } from './checkpoint-file.ts';

export const CHECKPOINT_RULES = { rows: 100, ms: 3_600_000 } as const;

export interface CheckpointFacts {
  /** The last row, and the row of the last checkpoint; 0 when there is none. */
  readonly lastSeq: number;
  readonly checkpointSeq: number;
  /** When the last checkpoint was made, ms since epoch. */
  readonly checkpointAt: number;
}

/** Whether a checkpoint is due: there is something new, and it is much or has waited long. */
export const isCheckpointDue = (facts: CheckpointFacts, now: number): boolean => {
  const fresh = facts.lastSeq - facts.checkpointSeq;
  return fresh >= CHECKPOINT_RULES.rows || (fresh > 0 && now - facts.checkpointAt >= CHECKPOINT_RULES.ms);
};

export interface CheckpointDeps {
  readonly store: Store;
  readonly signer: Signer;
  readonly hubId: string;
  /** Path of the file that auditors copy. */
  readonly file: string;
  readonly now: () => number;
  readonly log: Logger;
}

export interface Checkpoints {
  readonly signer: Signer;
  /** A checkpoint about the last row, made now if there is none; undefined when the log has no rows. */
  take(): Promise<Result<CheckpointRow | undefined>>;
  /** Makes one if it is due. */
  look(): Promise<void>;
  /** Makes the last one. */
  close(): Promise<void>;
}

const LOOK_MS = 5_000;
const PAGE = 500;

function envelopeOf(row: CheckpointRow): SignedEnvelope {
  const envelope = readSignedEnvelope(row.envelope);
  if (!envelope.ok) throw new Error(`the stored checkpoint of row ${row.seq} cannot be read`);
  return envelope.value;
}

/** Reads the rows behind `from` and finds the last of them; refuses when one does not follow. */
async function followChain(store: Store, from: AuditPlace): Promise<Result<AuditPlace>> {
  let place = from;
  for (;;) {
    const rows = await listAudit(store, { after: place.seq, limit: PAGE });
    for (const row of rows) {
      const broken = findRowBreak(row, place);
      if (broken !== undefined)
        return refuse(broken === 'altered' ? 'audit_row_altered' : 'audit_chain_broken', `It is row ${row.seq}.`);
      place = { seq: row.seq, hash: row.hash };
    }
    if (rows.length < PAGE) return accept(place);
  }
}

export async function startCheckpoints(deps: CheckpointDeps): Promise<Checkpoints> {
  const { store, signer, hubId, file, now, log } = deps;
  let held = await readLastCheckpoint(store);
  let turn: Promise<unknown> = Promise.resolve();

  /** What the file lacks is appended. A file that knows more than the database tells of a log that was set back. */
  async function catchUp(): Promise<void> {
    const envelope = openCheckpointFile(file);
    const raws = [signer.publicKey, ...(await listCheckpointKeys(store)).map((text) => Buffer.from(text, 'base64url'))];
    const opened = envelope && openCheckpoint(envelope, new Map(raws.map((raw) => [keyidOf(raw), raw])));
    if (opened?.ok === false) {
      log.error(
        { code: opened.code, detail: opened.detail, file },
        'the file of checkpoints was written by somebody else',
      );
      return;
    }
    const known: AuditCheckpoint | undefined = opened?.value;
    if (known !== undefined) {
      const [same] = await listCheckpointsAfter(store, { after: known.seq - 1, upTo: known.seq, limit: 1 });
      if (same?.hash !== known.hash) {
        const last = await readLastAudit(store);
        log.error({ known: known.seq, last: last?.seq ?? 0 }, 'the audit log was set back behind a checkpoint');
        const detail = {
          before: { seq: known.seq, hash: known.hash },
          after: { seq: last?.seq ?? 0, hash: last?.hash ?? BEGINNING.hash },
        };
        await commitWithAudit(store, [], { at: now(), actor: 'hub', action: 'audit.setback', subject: hubId, detail });
        return;
      }
    }
    for (let after = known?.seq ?? 0; ; ) {
      const rows = await listCheckpointsAfter(store, { after, limit: PAGE });
      appendCheckpoints(file, rows.map(envelopeOf));
      const seq = rows.at(-1)?.seq;
      if (seq === undefined || rows.length < PAGE) return;
      after = seq;
    }
  }

  async function make(): Promise<Result<CheckpointRow | undefined>> {
    const from = held === undefined ? BEGINNING : { seq: held.seq, hash: held.hash };
    const place = await followChain(store, from);
    if (!place.ok) {
      log.error({ code: place.code, detail: place.detail }, 'the audit log is broken; it gets no checkpoint');
      return place;
    }
    if (place.value.seq === from.seq) return accept(held);
    const at = now();
    const checkpoint: AuditCheckpoint = {
      type: 'drover.audit-checkpoint/1',
      hub: hubId,
      ...place.value,
      at: new Date(at).toISOString(),
    };
    const envelope = await signCheckpoint(checkpoint, signer);
    const row: CheckpointRow = {
      ...place.value,
      at,
      publicKey: Buffer.from(signer.publicKey).toString('base64url'),
      envelope: encodeSignedEnvelope(envelope),
    };
    const done = await store.commit([insertCheckpoint(row)]);
    if (!done.ok) return refuse('write_conflict', `Row ${row.seq} has a checkpoint already.`);
    held = row;
    try {
      appendCheckpoints(file, [envelope]);
    } catch (error) {
      // It is in the database; the next start appends what the file lacks.
      log.error({ err: error }, 'a checkpoint was not appended to its file');
    }
    return accept(row);
  }

  /** One after the other: two checkpoints of one row cannot be stored. */
  function take(): Promise<Result<CheckpointRow | undefined>> {
    const own = turn.then(make);
    turn = own.catch(() => undefined);
    return own;
  }

  async function look(): Promise<void> {
    const last = await readLastAudit(store);
    const facts = { lastSeq: last?.seq ?? 0, checkpointSeq: held?.seq ?? 0, checkpointAt: held?.at ?? 0 };
    if (isCheckpointDue(facts, now())) await take();
  }

  await catchUp();
  await take();
  const timer = setInterval(
    () => void look().catch((error: unknown) => log.error({ err: error }, 'no checkpoint was made')),
    LOOK_MS,
  );
  return {
    signer,
    take,
    look,
    async close() {
      clearInterval(timer);
      await take();
    },
  };
}
