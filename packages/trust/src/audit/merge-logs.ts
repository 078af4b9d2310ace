// Decides how two exports of one audit log become one: every row and checkpoint once, in order, and none that the other
// contradicts. Streams both; never judges a hash or a signature: that is for `verify-log`.
import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type AuditLine, encodeAuditLine, parseAuditLine } from './lines.ts';

type Header = Extract<AuditLine, { type: 'drover.audit/1' }>;
type Lines = AsyncIterable<string> | Iterable<string>;

/** Rows before the checkpoint about them. */
interface Placed {
  readonly text: string;
  readonly seq: number;
  readonly rank: 0 | 1;
}

const seqOf = (payload: Uint8Array): number => {
  try {
    return Number((JSON.parse(Buffer.from(payload).toString('utf8')) as { seq?: unknown }).seq);
  } catch {
    // A checkpoint that says no place has none.
    return Number.NaN;
  }
};

class LogStopped extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

const stop = (refusal: Refusal): never => {
  throw new LogStopped(refusal);
};

async function* iterate(lines: Lines): AsyncGenerator<string> {
  yield* lines;
}

function openSource(lines: Lines): { header(): Promise<Header>; next(): Promise<Placed | undefined> } {
  const reader = iterate(lines);
  let number = 0;
  let isEnded = false;
  async function read(): Promise<{ line: AuditLine; text: string } | undefined> {
    const { value: text, done } = await reader.next();
    if (done === true) return isEnded ? undefined : stop(refuse('audit_incomplete', `One stops after line ${number}.`));
    number++;
    if (isEnded) return stop(refuse('audit_line_invalid', `Line ${number} stands behind the end.`));
    const line = parseAuditLine(text, number);
    return line.ok ? { line: line.value, text } : stop(line);
  }
  return {
    async header() {
      const first = await read();
      return first?.line.type === 'drover.audit/1'
        ? first.line
        : stop(refuse('audit_line_invalid', 'The first line is not the header.'));
    },
    async next() {
      const read1 = await read();
      if (read1 === undefined) return undefined;
      const { line, text } = read1;
      if (line.type === 'row') return { text, seq: line.seq, rank: 0 };
      if (line.type === 'checkpoint') {
        const seq = seqOf(line.envelope.payload);
        if (Number.isSafeInteger(seq)) return { text, seq, rank: 1 };
      }
      if (line.type !== 'end') return stop(refuse('audit_line_invalid', `Line ${number} has no place in the log.`));
      isEnded = true;
      await read();
      return undefined;
    },
  };
}

const compare = (a: Placed, b: Placed): number => a.seq - b.seq || a.rank - b.rank;

async function* merge(a: Lines, b: Lines): AsyncGenerator<string> {
  const [one, two] = [openSource(a), openSource(b)];
  const [first, second] = [await one.header(), await two.header()];
  if (first.hub !== second.hub)
    stop(refuse('audit_merge_conflict', `One is of the hub ${first.hub}, the other of ${second.hub}.`));
  const keys = [...new Set([...first.keys, ...second.keys])].toSorted();
  yield encodeAuditLine({ type: 'drover.audit/1', hub: first.hub, keys });
  let [left, right] = [await one.next(), await two.next()];
  let last: Placed | undefined;
  const count = [0, 0];
  while (left !== undefined || right !== undefined) {
    const order = left === undefined ? 1 : right === undefined ? -1 : compare(left, right);
    const taken = (order <= 0 ? left : right) as Placed;
    if (order === 0 && left?.text !== right?.text)
      stop(
        refuse(
          'audit_merge_conflict',
          `They differ at ${taken.rank === 0 ? 'row' : 'the checkpoint of row'} ${taken.seq}.`,
        ),
      );
    // A gap, or an order that no hub writes.
    if (
      last !== undefined &&
      (compare(last, taken) >= 0 || taken.seq > last.seq + 1 || (taken.rank === 1 && taken.seq !== last.seq))
    )
      stop(
        refuse(
          'audit_merge_conflict',
          `Between row ${last.seq} and row ${taken.seq} rows are missing or out of order.`,
        ),
      );
    yield taken.text;
    count[taken.rank] = (count[taken.rank] ?? 0) + 1;
    last = taken;
    if (order <= 0) left = await one.next();
    if (order >= 0) right = await two.next();
  }
  yield encodeAuditLine({ type: 'end', rows: count[0] ?? 0, checkpoints: count[1] ?? 0 });
}

/** Merges two exports; each line of the result goes to `write` in order. A refusal comes after what was written so far. */
export async function mergeLogs(
  a: Lines,
  b: Lines,
  write: (line: string) => Promise<void> | void,
): Promise<Result<undefined>> {
  try {
    for await (const line of merge(a, b)) await write(line);
    return { ok: true, value: undefined };
  } catch (error) {
    if (error instanceof LogStopped) return error.refusal;
    throw error;
  }
}
