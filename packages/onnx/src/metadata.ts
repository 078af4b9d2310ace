// Reads and replaces the metadata of an ONNX file (ModelProto field 14) without decoding the rest: every other byte
// stays as it was, so that a signature over the graph could be compared and a large model costs one copy.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { DELIMITED, openMessage, readField } from './fields.ts';

const METADATA_FIELD = 14;
const utf8 = new TextEncoder();
const text = new TextDecoder('utf-8', { fatal: true });

/** Above this a file's metadata is no description of a model. */
const MAX_METADATA_BYTES = 4 * 1024 * 1024;

interface Entry {
  readonly key: string;
  readonly value: string;
}

function readEntry(bytes: Uint8Array, start: number, end: number): Entry | undefined {
  const cursor = openMessage(bytes, start, end);
  let key = '';
  let value = '';
  while (readField(cursor)) {
    if (cursor.field !== 1 && cursor.field !== 2) continue;
    if (cursor.wireType !== DELIMITED) return undefined;
    try {
      const content = text.decode(bytes.subarray(cursor.dataStart, cursor.end));
      if (cursor.field === 1) key = content;
      else value = content;
    } catch {
      return undefined;
    }
  }
  return cursor.broken ? undefined : { key, value };
}

interface Parts {
  readonly entries: Readonly<Record<string, string>>;
  /** Spans of the file that are not metadata, in order. */
  readonly rest: readonly { start: number; end: number }[];
}

function splitModel(bytes: Uint8Array): Result<Parts> {
  const entries = new Map<string, string>();
  const rest: { start: number; end: number }[] = [];
  const cursor = openMessage(bytes, 0, bytes.length);
  let seen = 0;
  while (readField(cursor)) {
    if (cursor.field !== METADATA_FIELD) {
      const last = rest.at(-1);
      if (last !== undefined && last.end === cursor.start) last.end = cursor.end;
      else rest.push({ start: cursor.start, end: cursor.end });
      continue;
    }
    seen += cursor.end - cursor.start;
    if (seen > MAX_METADATA_BYTES)
      return refuse('onnx_too_large', `The metadata is above ${MAX_METADATA_BYTES} bytes.`);
    const entry = cursor.wireType === DELIMITED ? readEntry(bytes, cursor.dataStart, cursor.end) : undefined;
    if (entry === undefined) return refuse('onnx_malformed', `The metadata at byte ${cursor.start} cannot be read.`);
    entries.set(entry.key, entry.value);
  }
  if (cursor.broken) return refuse('onnx_malformed', `It cannot be read at byte ${cursor.start}.`);
  return accept({ entries: Object.fromEntries(entries), rest });
}

function encodeVarint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...out, rest];
}

const encodeDelimited = (field: number, content: Uint8Array): Uint8Array => {
  const head = [...encodeVarint(field * 8 + DELIMITED), ...encodeVarint(content.length)];
  const out = new Uint8Array(head.length + content.length);
  out.set(head);
  out.set(content, head.length);
  return out;
};

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The metadata of an ONNX file; of a key that is there twice, the last value. Refuses bytes that are no protobuf. */
export function readMetadata(bytes: Uint8Array): Result<Readonly<Record<string, string>>> {
  const parts = splitModel(bytes);
  return parts.ok ? accept(parts.value.entries) : parts;
}

/**
 * The same file with exactly `entries` as its metadata, in the order of their keys, behind everything else. The same
 * file and entries give the same bytes, and doing it twice changes nothing.
 */
export function replaceMetadata(bytes: Uint8Array, entries: Readonly<Record<string, string>>): Result<Uint8Array> {
  const parts = splitModel(bytes);
  if (!parts.ok) return parts;
  const metadata = Object.entries(entries)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const entry = joinBytes([encodeDelimited(1, utf8.encode(key)), encodeDelimited(2, utf8.encode(value))]);
      return encodeDelimited(METADATA_FIELD, entry);
    });
  return accept(joinBytes([...parts.value.rest.map(({ start, end }) => bytes.subarray(start, end)), ...metadata]));
}
