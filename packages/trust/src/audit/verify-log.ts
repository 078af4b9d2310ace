// Decides whether an exported audit log is whole: every row has its hash and follows from the one before, every checkpoint
// is signed and says what the log says, and nothing that an auditor kept from earlier contradicts it. Takes line by line
// and holds no rows.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { keyidOf } from '../dsse.ts';
import { type AuditPlace, type AuditRow, BEGINNING, findRowBreak } from './chain.ts';
import { type AuditCheckpoint, type AuditKeys, openCheckpoint } from './checkpoint.ts';
import { type AuditLine, parseAuditLine } from './lines.ts';

export interface AuditExpectation {
  /** Keys that checkpoints may be signed with; when empty, those that the log itself names, which proves less. */
  readonly keys: AuditKeys;
  /** Checkpoints kept from earlier, already opened with a key. */
  readonly kept: readonly AuditCheckpoint[];
}

export interface AuditFindings {
  readonly hub: string;
  /** First and last row; 0 for a log without rows. A log that begins behind 1 begins at a checkpoint. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Hash of the last row. */
  readonly lastHash: string;
  readonly rows: number;
  readonly checkpoints: number;
  /** Keys that signed, and whether the log itself was believed about them. */
  readonly keyids: readonly string[];
  readonly areKeysOwn: boolean;
  /** Kept checkpoints that were compared, and those about rows before the first one here. */
  readonly compared: number;
  readonly notCompared: number;
}

export interface LogVerifier {
  /** The next line with its end; the first refusal is the finding, and nothing more may be taken. */
  take(text: string): Result<AuditLine>;
  end(): Result<AuditFindings>;
}

const mismatch = (detail: string): Refusal => refuse('audit_checkpoint_mismatch', detail);

export function openLogVerifier({ keys: given, kept }: AuditExpectation): LogVerifier {
  const keptAt = Map.groupBy(kept, ({ seq }) => seq);
  const keyids = new Set<string>();
  let keys = given;
  /** Keys that the header names. */
  let named: AuditKeys = new Map();
  let hub: string | undefined;
  let isEnded = false;
  let number = 0;
  let last: AuditPlace = BEGINNING;
  let first = 0;
  let rows = 0;
  let checkpoints = 0;
  let covered = 0;
  let compared = 0;

  function takeHeader(line: AuditLine): Refusal | undefined {
    if (line.type !== 'drover.audit/1') return refuse('audit_line_invalid', 'The first line is not the header.');
    ({ hub } = line);
    named = new Map(line.keys.map((text) => Buffer.from(text, 'base64url')).map((raw) => [keyidOf(raw), raw]));
    if (given.size === 0) keys = named;
    const foreign = kept.find((checkpoint) => checkpoint.hub !== line.hub);
    return (
      foreign && mismatch(`The checkpoint at row ${foreign.seq} is of the hub ${foreign.hub}, the log of ${line.hub}.`)
    );
  }

  /** What was kept about this place. */
  function compareKept({ seq, hash }: AuditPlace): Refusal | undefined {
    for (const checkpoint of keptAt.get(seq) ?? []) {
      if (checkpoint.hash !== hash)
        return mismatch(
          `Row ${seq} has the hash ${hash} and a checkpoint of ${checkpoint.at} says ${checkpoint.hash}.`,
        );
      compared++;
    }
    return undefined;
  }

  function takeRow(row: AuditRow): Refusal | undefined {
    const broken = findRowBreak(row, last);
    if (broken === 'altered') return refuse('audit_row_altered', `It is row ${row.seq} in line ${number}.`);
    if (broken === 'chain')
      return refuse('audit_chain_broken', `Row ${row.seq} in line ${number} does not follow row ${last.seq}.`);
    last = { seq: row.seq, hash: row.hash };
    if (first === 0) first = row.seq;
    rows++;
    return compareKept(last);
  }

  function takeCheckpoint(line: Extract<AuditLine, { type: 'checkpoint' }>): Refusal | undefined {
    const opened = openCheckpoint(line.envelope, keys);
    if (!opened.ok) return refuse(opened.code, `Line ${number}: ${opened.detail}`);
    const { seq, hash, hub: of } = opened.value;
    if (of !== hub) return mismatch(`The checkpoint in line ${number} is of another hub.`);
    for (const { keyid } of line.envelope.signatures) {
      if (!named.has(keyid)) return refuse('audit_line_invalid', `The header does not name the key of line ${number}.`);
      keyids.add(keyid);
    }
    checkpoints++;
    // A log need not begin at its first row: then it begins with the checkpoint about the row before.
    if (checkpoints === 1 && rows === 0) {
      last = { seq, hash };
      covered = seq;
      return compareKept(last);
    }
    if (seq !== last.seq || hash !== last.hash)
      return mismatch(`The checkpoint in line ${number} is about row ${seq} and does not match row ${last.seq}.`);
    if (seq === covered) return mismatch(`The checkpoint in line ${number} is there twice.`);
    covered = seq;
    return undefined;
  }

  function takeEnd(line: Extract<AuditLine, { type: 'end' }>): Refusal | undefined {
    isEnded = true;
    return line.rows === rows && line.checkpoints === checkpoints
      ? undefined
      : refuse(
          'audit_incomplete',
          `It says ${line.rows} rows and ${line.checkpoints} checkpoints; ${rows} and ${checkpoints} are there.`,
        );
  }

  function takeLine(line: AuditLine): Refusal | undefined {
    if (isEnded) return refuse('audit_line_invalid', `Line ${number} stands behind the end.`);
    if (hub === undefined) return takeHeader(line);
    if (line.type === 'row') return takeRow(line);
    if (line.type === 'checkpoint') return takeCheckpoint(line);
    if (line.type === 'end') return takeEnd(line);
    return refuse('audit_line_invalid', `Line ${number} is a second header.`);
  }

  return {
    take(text) {
      number++;
      const line = parseAuditLine(text, number);
      if (!line.ok) return line;
      return takeLine(line.value) ?? line;
    },
    end() {
      if (hub === undefined || !isEnded) return refuse('audit_incomplete', `It stops after line ${number}.`);
      if (covered !== last.seq)
        return refuse('audit_uncovered', `The last checkpoint is at row ${covered} and the last row is ${last.seq}.`);
      const cut = kept.find(({ seq }) => seq > last.seq);
      if (cut)
        return refuse(
          'audit_truncated',
          `It ends at row ${last.seq} and a checkpoint of ${cut.at} is about row ${cut.seq}.`,
        );
      return accept({
        hub,
        firstSeq: first,
        lastSeq: last.seq,
        lastHash: last.hash,
        rows,
        checkpoints,
        keyids: [...keyids],
        areKeysOwn: given.size === 0,
        compared,
        notCompared: kept.length - compared,
      });
    },
  };
}

/** Verifies a whole log, line by line. */
export async function verifyLog(
  lines: AsyncIterable<string> | Iterable<string>,
  expectation: AuditExpectation,
): Promise<Result<AuditFindings>> {
  const verifier = openLogVerifier(expectation);
  for await (const line of lines) {
    const taken = verifier.take(line);
    if (!taken.ok) return taken;
  }
  return verifier.end();
}
