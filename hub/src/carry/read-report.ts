// Decides whether the files of a carried report are what an agent writes: its messages in order, of one outbox, without a
// hole. Never stores anything.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { ReportIndex } from '@drover/trust/carrier/report';
import { reportFileKind } from '@drover/wire/carrier';
import type { Hello, State, Up } from '@drover/wire/messages';
import { readEntry, readMessage } from '@drover/wire/read';
import type { SpooledReport } from './spool.ts';

export interface ReportFacts {
  readonly hello: Hello;
  readonly state: State | undefined;
  /** The highest number in it, 0 when it holds no entry. */
  readonly lastSeq: number;
  readonly entries: number;
}

const wrong = (detail: string) => refuse('report_invalid', detail);

/** A number that is skipped must be covered by the gap marker that stands after it. */
function followsOn(before: number, { seq, body }: Up['items'][number]): boolean {
  if (seq === before + 1) return true;
  const entry = readEntry(body);
  if (!entry.ok || entry.value.body.kind !== 'gap') return false;
  const { fromSeq, toSeq } = entry.value.body;
  return fromSeq <= before + 1 && toSeq === seq;
}

function readUp(name: string, up: Up, index: ReportIndex, before: number): Result<number> {
  if (up.outboxId !== index.outboxId || up.oldestSeq !== index.oldestSeq)
    return wrong(`"${name}" is of another outbox than its index.`);
  let last = before;
  for (const item of up.items) {
    if (item.seq <= last || item.seq >= index.nextSeq || !followsOn(last, item))
      return wrong(`"${name}" has the number ${item.seq} after ${last}.`);
    last = item.seq;
  }
  return accept(last);
}

export function readReport({ index, files }: SpooledReport): Result<ReportFacts> {
  let hello: Hello | undefined;
  let state: State | undefined;
  let lastSeq = index.oldestSeq - 1;
  let entries = 0;
  for (const { file, bytes } of files()) {
    const kind = reportFileKind(file.name);
    if (!kind) return wrong(`"${file.name}" is of no kind.`);
    const arrived = readMessage(kind, bytes);
    if (!arrived.ok) return wrong(`"${file.name}": ${arrived.code}: ${arrived.detail}`);
    const { message } = arrived.value;
    if (kind === 'hello') hello = message as Hello;
    else if (kind === 'state') state = message as State;
    else {
      const read = readUp(file.name, message as Up, index, lastSeq);
      if (!read.ok) return read;
      lastSeq = read.value;
      entries += (message as Up).items.length;
    }
  }
  if (!hello) return wrong('It holds no hello.');
  const { outboxId, bootId, oldestSeq, nextSeq } = hello;
  if (
    outboxId !== index.outboxId ||
    bootId !== index.bootId ||
    oldestSeq !== index.oldestSeq ||
    nextSeq !== index.nextSeq
  )
    return wrong('Its hello says otherwise than its index.');
  if (state && state.bootId !== bootId) return wrong('Its state is of another boot than its hello.');
  if (lastSeq + 1 !== nextSeq) return wrong(`Its last entry is ${lastSeq} and the outbox had given ${nextSeq - 1}.`);
  return accept({ hello, state, lastSeq: entries === 0 ? 0 : lastSeq, entries });
}
