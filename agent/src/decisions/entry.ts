// Owns the bytes of one logged prediction: written into a buffer that is there already, read with every bound checked. Never
// stores them and never runs a model.
import type { ReasonCode } from '@drover/core/reasons';
import type { RowAnswer } from '@drover/infer/predictor';
import type { Feeds, TensorArrays, TensorType, TensorValue } from '@drover/infer/runtime';

/** Who gave the answer; the place in this list is what is written. */
export const ANSWERED_BY = ['model', 'previous', 'rule', 'none'] as const;
export type AnsweredBy = (typeof ANSWERED_BY)[number];

/** Why an answer is not simply the model's own; the place in this list is what is written, so it only grows. */
export const ANSWER_REASONS = [
  'run_failed',
  'answer_not_number',
  'answer_late',
  'answer_beyond_limit',
  'answer_novel',
  'answer_unsure',
] as const satisfies readonly ReasonCode[];
export type AnswerReason = (typeof ANSWER_REASONS)[number];

export type LoggedInput =
  | { readonly kind: 'row'; readonly x: Float32Array; readonly c: readonly string[] }
  | { readonly kind: 'tensors'; readonly tensors: Feeds }
  /** SHA-256 of what a kept input would have been written as. */
  | { readonly kind: 'digest'; readonly sha256: string }
  /** It has personal fields: neither they nor a digest of them. */
  | { readonly kind: 'withheld' };

/** What the model computed; `none` when its run failed. */
export type LoggedOutput =
  | { readonly kind: 'none' }
  | { readonly kind: 'class'; readonly index: number; readonly probabilities: Float32Array | Float64Array }
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'tensors'; readonly tensors: Feeds }
  | { readonly kind: 'digest'; readonly sha256: string };

export interface LoggedEntry {
  /** Of the first row; `rows` predictions of one call share an entry. */
  readonly number: number;
  readonly rows: number;
  readonly at: number;
  /** Place in the list of contexts that is stored beside the bytes. */
  readonly context: number;
  readonly answeredBy: AnsweredBy;
  readonly reason: AnswerReason | undefined;
  readonly input: LoggedInput;
  readonly output: LoggedOutput;
}

const ROW = 1;
const TENSORS = 2;
const DIGEST = 3;
const CLASS = 4;
const VALUE = 5;
const NONE = 6;

/** Length, number, rows, time, context, answered by, reason. */
export const HEAD_BYTES = 4 + 8 + 4 + 8 + 3;
export const DIGEST_BYTES = 33;
const MAX_RANK = 8;
const MAX_TENSORS = 64;

const DTYPES = [
  'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool', 'string',
] as const satisfies readonly TensorType[]; // biome-ignore format: one list
const MAKE: { readonly [T in Exclude<TensorType, 'string'>]: (bytes: ArrayBuffer) => TensorArrays[T] } = {
  float32: (b) => new Float32Array(b), float64: (b) => new Float64Array(b), int8: (b) => new Int8Array(b),
  int16: (b) => new Int16Array(b), int32: (b) => new Int32Array(b), int64: (b) => new BigInt64Array(b),
  uint8: (b) => new Uint8Array(b), uint16: (b) => new Uint16Array(b), uint32: (b) => new Uint32Array(b),
  uint64: (b) => new BigUint64Array(b), bool: (b) => new Uint8Array(b),
}; // biome-ignore format: one table
const WIDTH: { readonly [T in Exclude<TensorType, 'string'>]: number } = {
  float32: 4, float64: 8, int8: 1, int16: 2, int32: 4, int64: 8, uint8: 1, uint16: 2, uint32: 4, uint64: 8, bool: 1,
}; // biome-ignore format: one table

/** At most this many bytes; a text takes up to three for each of its code units. */
export function rowBytes(x: Float32Array, c: readonly string[]): number {
  let bytes = 9 + x.length * 4 + c.length * 4;
  for (let i = 0; i < c.length; i++) bytes += 3 * (c[i] as string).length;
  return bytes;
}
export const answerBytes = (answer: RowAnswer | undefined): number =>
  14 + (answer === undefined ? 0 : answer.probabilities.byteLength);

export function tensorsBytes(tensors: Feeds): number {
  let bytes = 3;
  for (const [name, { data, dims }] of Object.entries(tensors)) {
    bytes += 3 * name.length + 16 + 4 * dims.length;
    if (Array.isArray(data)) for (const text of data) bytes += 4 + 3 * text.length;
    else bytes += data.byteLength;
  }
  return bytes;
}

/** Writes at its place without looking for the end: the caller has made room. Allocates nothing for a row. */
export class EntryWriter {
  readonly bytes: Buffer;
  private readonly view: DataView;
  private startAt = 0;
  at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  begin(
    number: number,
    rows: number,
    time: number,
    context: number,
    by: AnsweredBy,
    why: AnswerReason | undefined,
  ): void {
    const { view } = this;
    this.startAt = this.at;
    view.setFloat64(this.at + 4, number, true);
    view.setUint32(this.at + 12, rows, true);
    view.setFloat64(this.at + 16, time, true);
    view.setUint8(this.at + 24, context);
    view.setUint8(this.at + 25, ANSWERED_BY.indexOf(by));
    view.setUint8(this.at + 26, why === undefined ? 0 : ANSWER_REASONS.indexOf(why) + 1);
    this.at += HEAD_BYTES;
  }

  end(): void {
    this.view.setUint32(this.startAt, this.at - this.startAt - 4, true);
  }

  row(x: Float32Array, c: readonly string[]): void {
    this.u8(ROW);
    this.u32(x.length);
    for (let i = 0; i < x.length; i++) {
      this.view.setFloat32(this.at, x[i] as number, true);
      this.at += 4;
    }
    this.u32(c.length);
    for (let i = 0; i < c.length; i++) this.text(c[i] as string);
  }

  answer(answer: RowAnswer | undefined, isClass: boolean): void {
    if (answer === undefined) return this.u8(NONE);
    if (!isClass) {
      this.u8(VALUE);
      this.view.setFloat64(this.at, answer.value, true);
      this.at += 8;
      return;
    }
    this.u8(CLASS);
    this.view.setInt32(this.at, answer.classIndex, true);
    this.at += 4;
    const { probabilities } = answer;
    const isSingle = probabilities instanceof Float32Array;
    this.u8(isSingle ? 4 : 8);
    this.u32(probabilities.length);
    for (let i = 0; i < probabilities.length; i++) {
      if (isSingle) this.view.setFloat32(this.at, probabilities[i] as number, true);
      else this.view.setFloat64(this.at, probabilities[i] as number, true);
      this.at += isSingle ? 4 : 8;
    }
  }

  tensors(tensors: Feeds): void {
    const list = Object.entries(tensors);
    this.u8(TENSORS);
    this.u8(list.length);
    for (const [name, { dtype, data, dims }] of list) {
      this.text(name);
      this.u8(DTYPES.indexOf(dtype));
      this.u8(dims.length);
      for (const dim of dims) this.u32(dim);
      if (Array.isArray(data)) {
        this.u32(data.length);
        for (const text of data) this.text(text);
      } else {
        this.u32(data.byteLength);
        this.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), this.at);
        this.at += data.byteLength;
      }
    }
  }

  withheld(): void {
    this.u8(NONE);
  }

  digest(sha256: Uint8Array): void {
    this.u8(DIGEST);
    this.bytes.set(sha256, this.at);
    this.at += 32;
  }

  private u8(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }
  private u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }
  private text(text: string): void {
    const length = this.bytes.write(text, this.at + 4, 'utf8');
    this.u32(length);
    this.at += length;
  }
}

/** Reads within its end; what does not fit throws, and `readEntries` turns that into an answer. */
class EntryReader {
  private readonly bytes: Buffer;
  private readonly end: number;
  at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  take(length: number): number {
    const from = this.at;
    if (length < 0 || from + length > this.end) throw new RangeError('cut short');
    this.at += length;
    return from;
  }
  u8 = (): number => this.bytes.readUInt8(this.take(1));
  u32 = (): number => this.bytes.readUInt32LE(this.take(4));
  i32 = (): number => this.bytes.readInt32LE(this.take(4));
  f64 = (): number => this.bytes.readDoubleLE(this.take(8));

  /** A copy that is aligned for any array. */
  copy(length: number): ArrayBuffer {
    const from = this.take(length);
    const copy = new Uint8Array(length);
    copy.set(this.bytes.subarray(from, from + length));
    return copy.buffer;
  }
  text(): string {
    const length = this.u32();
    const from = this.take(length);
    return this.bytes.toString('utf8', from, from + length);
  }
  count(width: number): number {
    const count = this.u32();
    if (count * width > this.end - this.at) throw new RangeError('more items than bytes');
    return count;
  }
  digest(): string {
    const from = this.take(32);
    return this.bytes.toString('hex', from, from + 32);
  }
  texts(): string[] {
    return Array.from({ length: this.count(4) }, () => this.text());
  }

  tensors(): Feeds {
    const count = this.u8();
    if (count > MAX_TENSORS) throw new RangeError('too many tensors');
    const tensors: Record<string, TensorValue> = {};
    for (let i = 0; i < count; i++) {
      const name = this.text();
      const dtype = DTYPES[this.u8()];
      const rank = this.u8();
      if (dtype === undefined || rank > MAX_RANK) throw new RangeError('no such tensor');
      const dims = Array.from({ length: rank }, () => this.u32());
      const elements = dims.reduce((product, dim) => product * dim, 1);
      const data = dtype === 'string' ? this.texts() : this.numbers(dtype);
      if (data.length !== elements) throw new RangeError('a tensor has another size than its shape');
      Object.defineProperty(tensors, name, { value: { dtype, data, dims }, enumerable: true });
    }
    return tensors;
  }

  input(): LoggedInput {
    const kind = this.u8();
    if (kind === DIGEST) return { kind: 'digest', sha256: this.digest() };
    if (kind === TENSORS) return { kind: 'tensors', tensors: this.tensors() };
    if (kind === NONE) return { kind: 'withheld' };
    if (kind !== ROW) throw new RangeError('no such input');
    const x = new Float32Array(this.copy(this.count(4) * 4));
    return { kind: 'row', x, c: this.texts() };
  }

  output(): LoggedOutput {
    const kind = this.u8();
    if (kind === NONE) return { kind: 'none' };
    if (kind === VALUE) return { kind: 'value', value: this.f64() };
    if (kind === DIGEST) return { kind: 'digest', sha256: this.digest() };
    if (kind === TENSORS) return { kind: 'tensors', tensors: this.tensors() };
    if (kind !== CLASS) throw new RangeError('no such output');
    const index = this.i32();
    const width = this.u8();
    if (width !== 4 && width !== 8) throw new RangeError('no such width');
    const bytes = this.copy(this.count(width) * width);
    return { kind: 'class', index, probabilities: width === 4 ? new Float32Array(bytes) : new Float64Array(bytes) };
  }

  private numbers(dtype: Exclude<TensorType, 'string'>): TensorValue['data'] {
    const length = this.u32();
    if (length % WIDTH[dtype] !== 0) throw new RangeError('half an element');
    return MAKE[dtype](this.copy(length));
  }
}

/** Visits the entries of one segment until `visit` answers true; false when the bytes are not what a segment holds. */
export function readEntries(
  bytes: Buffer,
  visit: (entry: () => LoggedEntry, number: number, rows: number) => boolean,
): boolean {
  try {
    for (let at = 0; at < bytes.length; ) {
      const frame = new EntryReader(bytes, at, bytes.length);
      const length = frame.u32();
      const end = frame.take(length) + length;
      const reader = new EntryReader(bytes, at + 4, end);
      const number = reader.f64();
      const rows = reader.u32();
      if (visit(() => readRest(reader, number, rows), number, rows)) return true;
      at = end;
    }
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function readRest(reader: EntryReader, number: number, rows: number): LoggedEntry {
  const at = reader.f64();
  const context = reader.u8();
  const answeredBy = ANSWERED_BY[reader.u8()];
  const why = reader.u8();
  if (answeredBy === undefined || why > ANSWER_REASONS.length) throw new RangeError('a word that is not known');
  const reason = why === 0 ? undefined : ANSWER_REASONS[why - 1];
  return { number, rows, at, context, answeredBy, reason, input: reader.input(), output: reader.output() };
}
