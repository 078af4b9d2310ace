// Owns the decision log of this process: what is kept of each prediction, gathered in memory and written in batches. Never
// predicts, and never keeps a prediction from being answered.
import { hash } from 'node:crypto';
import { isId } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { RowAnswer } from '@drover/infer/predictor';
import type { Feeds, Outputs } from '@drover/infer/runtime';
import type { DecisionStore } from '../store/decision-store.ts';
import {
  type AnsweredBy,
  type AnswerReason,
  answerBytes,
  DIGEST_BYTES,
  EntryWriter,
  HEAD_BYTES,
  type LoggedEntry,
  readEntries,
  rowBytes,
  tensorsBytes,
} from './entry.ts';

/** `inputs`: exact inputs, so that a prediction can be replayed; `digests`: only their SHA-256; `off`: no log. */
export type DecisionPolicy = 'inputs' | 'digests' | 'off';

/** What the entries of one loaded model share. */
export interface DecisionContext {
  readonly slot: string;
  readonly manifest: string;
  readonly runtime: string;
  readonly runtimeVersion: string;
  /** The model takes personal fields: no input of it is kept. */
  readonly isWithheld?: boolean;
}

export interface Decision extends LoggedEntry {
  readonly predictionId: string;
  readonly of: DecisionContext;
}

/** Gathers what is written next; one for each segment. */
const BATCH_BYTES = 64 * 1024;
const MAX_CONTEXTS = 255;
/** A kill loses at most this much time of predictions, or a full batch. */
export const FLUSH_MS = 1000;

export interface DecisionLog {
  row(
    context: DecisionContext,
    number: number,
    x: Float32Array,
    c: readonly string[],
    answer: RowAnswer | undefined,
    isClass: boolean,
    by: AnsweredBy,
    why: AnswerReason | undefined,
  ): void;
  /** One call with raw tensors, which made `rows` predictions from `number` on. */
  tensors(context: DecisionContext, number: number, rows: number, feeds: Feeds, outputs: Outputs): void;
  flush(): void;
  find(predictionId: string): Result<Decision>;
  counts(): { readonly bytes: number; readonly entries: number; readonly lost: number };
  close(): void;
}

export interface DecisionLogDeps {
  readonly bootId: string;
  readonly now: () => number;
  readonly policy: Exclude<DecisionPolicy, 'off'>;
  /** Opened with the first batch: an agent that never predicts has no log. */
  readonly open: () => DecisionStore | undefined;
  /** An entry that is larger keeps digests in place of its tensors. */
  readonly entryBytes: number;
}

export function parsePredictionId(text: string): { bootId: string; number: number } | undefined {
  const bootId = text.slice(0, 32);
  const number = /^-[1-9]\d{0,15}$/.test(text.slice(32)) ? Number(text.slice(33)) : Number.NaN;
  return isId(bootId) && Number.isSafeInteger(number) ? { bootId, number } : undefined;
}

/** Finds one prediction in a store. */
export function findDecision(store: Pick<DecisionStore, 'find'>, predictionId: string): Result<Decision> {
  const unknown = refuse('decision_unknown', `Prediction "${predictionId.slice(0, 64)}".`);
  const id = parsePredictionId(predictionId);
  const segment = id && store.find(id.bootId, id.number);
  if (!id || !segment) return unknown;
  let entry: LoggedEntry | undefined;
  const isWhole = readEntries(segment.body, (read, number, rows) => {
    if (id.number < number || id.number >= number + rows) return false;
    entry = read();
    return true;
  });
  if (!isWhole) return refuse('decision_unknown', `The log is damaged where "${predictionId}" should be.`);
  const of = entry && (JSON.parse(segment.contexts) as DecisionContext[])[entry.context];
  return entry && of ? accept({ ...entry, predictionId, of }) : unknown;
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

export function openDecisionLog({ bootId, now, policy, open, entryBytes }: DecisionLogDeps): DecisionLog {
  const batch = new EntryWriter(BATCH_BYTES);
  const contexts: DecisionContext[] = [];
  let store: DecisionStore | undefined;
  let entries = 0;
  let first = 0;
  let last = 0;
  let lost = 0;
  let timer: NodeJS.Timeout | undefined;

  function put(body: Uint8Array, count: number): void {
    store ??= open();
    if (!store?.put({ bootId, first, last, entries: count, contexts: JSON.stringify(contexts), body })) lost += count;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (entries === 0) return;
    put(batch.bytes.subarray(0, batch.at), entries);
    entries = 0;
    batch.at = 0;
    contexts.length = 0;
  }

  function placeOf(context: DecisionContext): number {
    const place = contexts.lastIndexOf(context);
    return place === -1 ? contexts.push(context) - 1 : place;
  }

  /** Makes room for `bytes` more; an entry too large for a batch gets a writer, and then a segment, of its own. */
  function makeRoom(bytes: number): EntryWriter {
    if (bytes > batch.left || contexts.length >= MAX_CONTEXTS) flush();
    return bytes > BATCH_BYTES ? new EntryWriter(bytes) : batch;
  }

  function note(writer: EntryWriter, number: number, rows: number): void {
    writer.end();
    if (entries === 0) first = number;
    last = number + rows - 1;
    if (writer !== batch) {
      put(writer.bytes.subarray(0, writer.at), 1);
      contexts.length = 0;
      return;
    }
    entries += 1;
    timer ??= setTimeout(flush, FLUSH_MS).unref();
  }

  /** Replaces what was written from `at` on by its digest. */
  function digestFrom(writer: EntryWriter, at: number): void {
    const digest = sha256(writer.bytes.subarray(at, writer.at));
    writer.at = at;
    writer.digest(digest);
  }

  return {
    row(context, number, x, c, answer, isClass, by, why) {
      const writer = makeRoom(HEAD_BYTES + Math.max(DIGEST_BYTES, rowBytes(x, c)) + answerBytes(answer));
      writer.begin(number, 1, now(), placeOf(context), by, why);
      const at = writer.at;
      if (context.isWithheld) writer.withheld();
      else writer.row(x, c);
      if (!context.isWithheld && policy === 'digests') digestFrom(writer, at);
      writer.answer(answer, isClass);
      note(writer, number, 1);
    },
    tensors(context, number, rows, feeds, outputs) {
      const inputBytes = tensorsBytes(feeds);
      const outputBytes = tensorsBytes(outputs);
      const writer = makeRoom(HEAD_BYTES + DIGEST_BYTES * 2 + inputBytes + outputBytes);
      writer.begin(number, rows, now(), placeOf(context), 'model', undefined);
      const at = writer.at;
      if (context.isWithheld) writer.withheld();
      else writer.tensors(feeds);
      if (!context.isWithheld && (policy === 'digests' || inputBytes > entryBytes)) digestFrom(writer, at);
      const outputAt = writer.at;
      writer.tensors(outputs);
      if (outputBytes > entryBytes) digestFrom(writer, outputAt);
      note(writer, number, rows);
    },
    flush,
    find(predictionId) {
      flush();
      store ??= open();
      return store ? findDecision(store, predictionId) : refuse('decision_unknown', 'The log cannot be opened.');
    },
    counts: () => ({ bytes: 0, entries: 0, ...store?.counts(), lost }),
    close() {
      flush();
      store?.close();
    },
  };
}
