// Owns the form of an exported audit log, JSON Lines: a header, rows and checkpoints in their order, an end. One spelling
// only: a line that is not byte for byte what would be written is refused. Never judges what the lines say.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { SignedEnvelope } from '@drover/wire/messages';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import type { AuditRow } from './chain.ts';

export type AuditLine =
  /** `keys`: raw Ed25519 public keys in base64url, for a reader who has none from elsewhere. */
  | { readonly type: 'drover.audit/1'; readonly hub: string; readonly keys: readonly string[] }
  | ({ readonly type: 'row' } & AuditRow)
  | { readonly type: 'checkpoint'; readonly envelope: SignedEnvelope }
  | { readonly type: 'end'; readonly rows: number; readonly checkpoints: number };

/** Longest line in bytes: a row with the longest detail, every character of it escaped twice. */
export const LINE_BYTES = 1024 * 1024;

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const closed = { additionalProperties: false };

const Line = Type.Union([
  Type.Object(
    {
      type: Type.Literal('row'),
      seq: Count,
      at: Type.Integer(),
      actor: Type.String(),
      action: Type.String(),
      subject: Type.String(),
      detailJson: Type.String(),
      prevHash: Hex64,
      hash: Hex64,
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('checkpoint'),
      payloadType: Type.String(),
      payload: Type.String(),
      signatures: Type.Array(Type.Object({ keyid: Hex64, sig: Type.String() }, closed), { maxItems: 8 }),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal('drover.audit/1'),
      hub: Type.String({ pattern: '^[0-9a-f]{32}$' }),
      keys: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }), { maxItems: 64 }),
    },
    closed,
  ),
  Type.Object({ type: Type.Literal('end'), rows: Count, checkpoints: Count }, closed),
]);

/** The line with its end. */
export function encodeAuditLine(line: AuditLine): string {
  const write = (value: unknown): string => `${JSON.stringify(value)}\n`;
  switch (line.type) {
    case 'row': {
      const { type, seq, at, actor, action, subject, detailJson, prevHash, hash } = line;
      return write({ type, seq, at, actor, action, subject, detailJson, prevHash, hash });
    }
    case 'checkpoint': {
      const { payloadType, payload, signatures } = line.envelope;
      const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
      return write({
        type: line.type,
        payloadType,
        payload: base64(payload),
        signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: base64(sig) })),
      });
    }
    case 'end':
      return write({ type: line.type, rows: line.rows, checkpoints: line.checkpoints });
    case 'drover.audit/1':
      return write({ type: line.type, hub: line.hub, keys: line.keys });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says that the line cannot be read.
    return undefined;
  }
}

function readLine(text: string): AuditLine | undefined {
  const json = parseJson(text);
  if (!Value.Check(Line, json)) return undefined;
  if (json.type !== 'checkpoint') return json;
  const { payloadType, payload, signatures } = json;
  const bytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64');
  return {
    type: 'checkpoint',
    envelope: {
      payloadType,
      payload: bytes(payload),
      signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: bytes(sig) })),
    },
  };
}

/** Reads a line with its end. `number`: which line of the file, for the message. */
export function parseAuditLine(text: string, number: number): Result<AuditLine> {
  if (text.length > LINE_BYTES)
    return refuse('audit_line_invalid', `Line ${number} is longer than ${LINE_BYTES} bytes.`);
  const line = readLine(text);
  if (line === undefined) return refuse('audit_line_invalid', `Line ${number} cannot be read.`);
  return encodeAuditLine(line) === text
    ? accept(line)
    : refuse('audit_line_invalid', `Line ${number} is spelled in another way.`);
}

/** Lines with their ends, of any stream of bytes. What is too long or no UTF-8 comes out as a line that nobody can read. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      // A line that is not UTF-8 is not one that a hub wrote.
      return '';
    }
  };
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      yield decode(Buffer.concat([...held, chunk.subarray(from, at + 1)]));
      held = [];
      size = 0;
      from = at + 1;
    }
    if (from === chunk.length) continue;
    held.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > LINE_BYTES) {
      yield '';
      return;
    }
  }
  if (size > 0) yield decode(Buffer.concat(held));
}
