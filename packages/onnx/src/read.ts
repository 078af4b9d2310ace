// Decodes an ONNX file into plain objects, within bounds that hold for any bytes. It judges no content: `check.ts` does.
import { accept, type Result, refuse } from '@drover/core/reasons';
import protobuf from 'protobufjs/minimal.js';
import { onnx } from './gen/onnx.js';
import { type SurveyLimits, surveyModel } from './survey.ts';

export type OnnxModel = onnx.ModelProto.$Properties;

export interface ReadLimits extends SurveyLimits {
  /** Size of the file. */
  readonly maxBytes: number;
}

export const READ_LIMITS: ReadLimits = {
  maxBytes: 512 * 1024 * 1024,
  maxObjects: 1_000_000,
  maxScalars: 32_000_000,
  maxDepth: 60,
};

/** What protobufjs declares for 64-bit integers; at run time this reader returns numbers. */
type Int64 = ReturnType<protobuf.Reader['int64']>;

/**
 * protobufjs gives 64-bit integers as Long objects whenever that package is anywhere in the tree. This reader gives
 * numbers instead, without touching the switch that all users of protobufjs in the process share. A number beyond 2^53
 * is rounded: in content that is legitimate (Slice writes "to the end" as 2^63 - 1), and `check.ts` refuses it where a
 * size or a version is meant.
 */
class NumberReader extends protobuf.Reader {
  private readVarint64(signed: boolean): number {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index += 1) {
      if (this.pos >= this.len) throw new RangeError('the varint ends outside its message');
      const byte = this.buf[this.pos] ?? 0;
      this.pos += 1;
      const group = byte & 127;
      if (index < 4) low += group * 2 ** (7 * index);
      else if (index === 4) {
        low += (group & 15) * 2 ** 28;
        high += group >>> 4;
      } else high += group * 2 ** (7 * index - 32);
      if (byte < 128) {
        high %= 2 ** 32;
        if (signed && high >= 2 ** 31) high -= 2 ** 32;
        return high * 2 ** 32 + low;
      }
    }
    throw new RangeError('the varint is longer than ten bytes');
  }

  override int64(): Int64 {
    return this.readVarint64(true) as unknown as Int64;
  }

  override uint64(): Int64 {
    return this.readVarint64(false) as unknown as Int64;
  }
}

/**
 * Reads an ONNX file of at most `limits.maxBytes`. `raw_data` shares memory with `bytes`. Refuses with onnx_too_large
 * or onnx_malformed and never throws, whatever the bytes. 64-bit integers beyond 2^53 are rounded to the nearest
 * number, so a model must not be written back from this: `metadata.ts` rewrites bytes instead.
 */
export function readModel(bytes: Uint8Array, limits: Partial<ReadLimits> = {}): Result<OnnxModel> {
  const bounds = { ...READ_LIMITS, ...limits };
  if (bytes.length > bounds.maxBytes) {
    return refuse('onnx_too_large', `The file has ${bytes.length} bytes; the limit is ${bounds.maxBytes}.`);
  }
  const survey = surveyModel(bytes, bounds);
  if (!survey.ok) return survey;
  try {
    return accept(onnx.ModelProto.decode(new NumberReader(bytes)));
  } catch (error) {
    return refuse('onnx_malformed', `${error instanceof Error ? error.message : 'unreadable'}.`);
  }
}
