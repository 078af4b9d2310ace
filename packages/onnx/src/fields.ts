// Walks the fields of one protobuf message without decoding it: where each starts and what it spans. It accepts only
// encodings that every reader understands alike, and never reads outside the bytes it was given.

/** Wire types that the walk accepts; groups (3, 4) are not used by ONNX and are refused. */
export const VARINT = 0;
export const FIXED64 = 1;
export const DELIMITED = 2;
export const FIXED32 = 5;

/**
 * A position in a message, reused for all of its fields so that walking allocates nothing. After `readField` returned
 * true: `field` and `wireType` say what it is, [start, end) holds the tag too, [dataStart, end) the value alone.
 */
export interface FieldCursor {
  readonly bytes: Uint8Array;
  /** Where the message ends. */
  readonly limit: number;
  /** First byte not read yet. */
  position: number;
  field: number;
  wireType: number;
  start: number;
  dataStart: number;
  end: number;
  /** The bytes are not a protobuf message; nothing more can be read. */
  broken: boolean;
}

export const openMessage = (bytes: Uint8Array, start: number, limit: number): FieldCursor => ({
  bytes,
  limit,
  position: start,
  field: 0,
  wireType: 0,
  start,
  dataStart: start,
  end: start,
  broken: false,
});

/** Reads an unsigned varint below 2^31 at `position` and moves past it; -1 when there is none. */
function readSmallVarint(cursor: FieldCursor): number {
  const { bytes, limit } = cursor;
  let value = 0;
  let scale = 1;
  for (let index = 0; index < 5; index += 1) {
    if (cursor.position >= limit) return -1;
    const byte = bytes[cursor.position] ?? 0;
    cursor.position += 1;
    value += (byte & 127) * scale;
    if (byte < 128) return value < 2 ** 31 ? value : -1;
    scale *= 128;
  }
  return -1;
}

/** The position after the varint at `from`, or -1 when it does not end within ten bytes or before `limit`. */
export function skipVarint(bytes: Uint8Array, from: number, limit: number): number {
  const last = Math.min(limit, from + 10);
  for (let position = from; position < last; position += 1) {
    if ((bytes[position] ?? 0) < 128) return position + 1;
  }
  return -1;
}

function endOfValue(cursor: FieldCursor): number {
  switch (cursor.wireType) {
    case VARINT:
      return skipVarint(cursor.bytes, cursor.position, cursor.limit);
    case FIXED64:
      return cursor.position + 8;
    case FIXED32:
      return cursor.position + 4;
    case DELIMITED: {
      const length = readSmallVarint(cursor);
      return length < 0 ? -1 : cursor.position + length;
    }
    default:
      return -1;
  }
}

/** Moves to the next field. False at the end of the message, and for broken bytes, which `broken` then says. */
export function readField(cursor: FieldCursor): boolean {
  if (cursor.broken || cursor.position >= cursor.limit) return false;
  cursor.start = cursor.position;
  const tag = readSmallVarint(cursor);
  cursor.field = tag >>> 3;
  cursor.wireType = tag & 7;
  const end = tag < 8 ? -1 : endOfValue(cursor);
  if (end < 0 || end > cursor.limit) {
    cursor.broken = true;
    return false;
  }
  cursor.dataStart = cursor.position;
  cursor.end = end;
  cursor.position = end;
  return true;
}
