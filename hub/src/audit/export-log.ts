// Writes the audit log as JSON Lines, a page of rows at a time, from the beginning or from a checkpoint on. Ends with a
// checkpoint about its last row. Never judges the log: whoever gets it does.
import { encodeAuditLine } from '@drover/trust/audit/lines';
import { readSignedEnvelope } from '@drover/wire/read';
import {
  type CheckpointRow,
  listAudit,
  listCheckpointKeys,
  listCheckpointsAfter,
  readAuditSince,
  readCheckpointBefore,
  readLastAudit,
} from '../db/audit.ts';
import type { Store } from '../db/store.ts';
import type { Checkpoints } from './checkpoints.ts';

export interface ExportDeps {
  readonly store: Store;
  readonly hubId: string;
  readonly checkpoints: Pick<Checkpoints, 'take' | 'signer'>;
}

const PAGE = 500;

export function writeCheckpointLine({ seq, envelope }: CheckpointRow): string {
  const read = readSignedEnvelope(envelope);
  if (!read.ok) throw new Error(`the stored checkpoint of row ${seq} cannot be read`);
  return encodeAuditLine({ type: 'checkpoint', envelope: read.value });
}

/** `since`: ms since epoch; rows from there on, and those behind the checkpoint before, so that the chain is held. */
export async function* exportLog(deps: ExportDeps, since?: number): AsyncGenerator<string> {
  const { store, hubId, checkpoints } = deps;
  const taken = await checkpoints.take();
  // A broken log is exported as it is: its reader must see where it breaks.
  const end = taken.ok ? taken.value?.seq : (await readLastAudit(store))?.seq;
  const first = since === undefined ? undefined : ((await readAuditSince(store, since))?.seq ?? (end ?? 0) + 1);
  const anchor = first === undefined ? undefined : await readCheckpointBefore(store, first);
  const keys = [
    ...new Set([Buffer.from(checkpoints.signer.publicKey).toString('base64url'), ...(await listCheckpointKeys(store))]),
  ];
  yield encodeAuditLine({ type: 'drover.audit/1', hub: hubId, keys: keys.toSorted() });
  let [rows, marks] = [0, 0];
  if (anchor !== undefined) {
    yield writeCheckpointLine(anchor);
    marks++;
  }
  for (let after = anchor?.seq ?? 0; ; ) {
    const page = (await listAudit(store, { after, limit: PAGE })).filter(({ seq }) => seq <= (end ?? 0));
    const last = page.at(-1);
    if (last === undefined) break;
    const between = await listCheckpointsAfter(store, { after, upTo: last.seq, limit: PAGE });
    const bySeq = new Map(between.map((row) => [row.seq, row]));
    let text = '';
    for (const row of page) {
      text += encodeAuditLine({ type: 'row', ...row });
      const mark = bySeq.get(row.seq);
      if (mark === undefined) continue;
      text += writeCheckpointLine(mark);
      marks++;
    }
    rows += page.length;
    yield text;
    after = last.seq;
  }
  yield encodeAuditLine({ type: 'end', rows, checkpoints: marks });
}
