// Reads exact numbers of bytes from a stream of pieces. Never holds more than what was asked for and one piece.
export interface ByteReader {
  /** Undefined when the stream ends before. */
  take(count: number): Promise<Uint8Array | undefined>;
  /** Lets go of the stream, so that its connection is not held for bytes that nobody reads. */
  close(): Promise<void>;
}

export function readBytes(source: AsyncIterable<Uint8Array>): ByteReader {
  const pieces = source[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array(0);
  return {
    async take(count) {
      const parts = [held];
      let size = held.length;
      while (size < count) {
        const next = await pieces.next();
        if (next.done) return undefined;
        parts.push(next.value);
        size += next.value.length;
      }
      const all = parts.length === 1 ? held : Buffer.concat(parts);
      held = all.subarray(count);
      return all.subarray(0, count);
    },
    async close() {
      await pieces.return?.();
    },
  };
}
