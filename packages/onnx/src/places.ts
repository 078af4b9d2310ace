// Says where the values of each tensor lie in an ONNX file that is read piece by piece and never as a whole. It decodes
// nothing else and judges nothing: `check.ts` does.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type DType, nameDType } from './dtype.ts';
import { DELIMITED, FIXED32, FIXED64, VARINT } from './fields.ts';
import { MESSAGE_LAYOUTS, type MessageName } from './survey.ts';

/** Bytes that are read by position, such as an open file. `read` gives fewer bytes only at the end. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

export interface TensorPlace {
  readonly name: string;
  readonly dtype: DType;
  /** In bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface PlaceLimits {
  /** Fields that are looked at. */
  readonly maxFields: number;
  readonly maxDepth: number;
}

export const PLACE_LIMITS: PlaceLimits = { maxFields: 4_000_000, maxDepth: 60 };

const PAGE_BYTES = 64 * 1024;
const NAME_BYTES = 512;

/** Lists that are packed as plain little-endian values; `raw_data` is the field 9. */
const FLOAT_DATA = 4;
const RAW_DATA = 9;
const DOUBLE_DATA = 10;
/** Fields of an attribute: its name, and a packed list of float32, such as the thresholds of a forest. */
const NAME = 1;
const FLOATS = 7;

/** Messages that hold tensors, or messages that do. */
const ON_THE_WAY: ReadonlySet<string> = new Set<MessageName>([
  'Model',
  'Graph',
  'Node',
  'Attribute',
  'Tensor',
  'SparseTensor',
  'TrainingInfo',
  'Function',
]);

interface Walk {
  readonly source: ByteSource;
  readonly limits: PlaceLimits;
  readonly places: TensorPlace[];
  fields: number;
  page: Uint8Array;
  pageAt: number;
}

interface FieldPlace {
  readonly field: number;
  readonly wireType: number;
  readonly dataStart: number;
  readonly end: number;
  /** Of a varint. */
  readonly value: number;
}

/** The bytes around `offset`, from a page that is kept; empty past the end. */
function peek(walk: Walk, offset: number, length: number): Uint8Array {
  const from = offset - walk.pageAt;
  if (from >= 0 && from + length <= walk.page.length) return walk.page.subarray(from, from + length);
  walk.page = walk.source.read(offset, Math.max(PAGE_BYTES, length));
  walk.pageAt = offset;
  return walk.page.subarray(0, length);
}

function readField(walk: Walk, position: number, limit: number): FieldPlace | undefined {
  const head = peek(walk, position, Math.min(20, limit - position));
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let index = 0; index < 10 && at < head.length; index += 1) {
      const byte = head[at] ?? 0;
      at += 1;
      value += (byte & 127) * 2 ** (7 * index);
      if (byte < 128) return value;
    }
    return -1;
  };
  const tag = varint();
  if (tag < 8 || tag >= 2 ** 31) return undefined;
  const [field, wireType] = [tag >>> 3, tag & 7];
  let value = 0;
  let size = 0;
  if (wireType === VARINT || wireType === DELIMITED) value = varint();
  else if (wireType === FIXED64) size = 8;
  else if (wireType === FIXED32) size = 4;
  else return undefined;
  if (value < 0) return undefined;
  if (wireType === DELIMITED) size = value;
  const dataStart = position + at;
  const end = dataStart + size;
  return end <= limit ? { field, wireType, dataStart, end, value } : undefined;
}

const text = new TextDecoder();

const readName = (walk: Walk, { dataStart, end }: FieldPlace): string =>
  text.decode(peek(walk, dataStart, Math.min(NAME_BYTES, end - dataStart)));

function visitTensor(walk: Walk, start: number, end: number): Refusal | undefined {
  let name = '';
  let code = 0;
  const data: { field: number; offset: number; length: number }[] = [];
  for (let position = start; position < end; ) {
    const found = nextField(walk, position, end);
    if ('ok' in found) return found;
    const { field, wireType, dataStart, value } = found;
    if (field === 2 && wireType === VARINT) code = value;
    if (field === 8 && wireType === DELIMITED) name = readName(walk, found);
    const isData = field === FLOAT_DATA || field === RAW_DATA || field === DOUBLE_DATA;
    if (isData && wireType === DELIMITED) data.push({ field, offset: dataStart, length: found.end - dataStart });
    position = found.end;
  }
  for (const { field, offset, length } of data) {
    const dtype = field === FLOAT_DATA ? 'float32' : field === DOUBLE_DATA ? 'float64' : nameDType(code);
    if (dtype !== undefined && length > 0) walk.places.push({ name, dtype, offset, length });
  }
  return undefined;
}

function nextField(walk: Walk, position: number, limit: number): FieldPlace | Refusal {
  walk.fields += 1;
  if (walk.fields > walk.limits.maxFields)
    return refuse('onnx_too_large', `It has more than ${walk.limits.maxFields} fields.`);
  return readField(walk, position, limit) ?? refuse('onnx_malformed', `It cannot be read at byte ${position}.`);
}

function visit(walk: Walk, message: MessageName, start: number, end: number, depth: number): Refusal | undefined {
  if (depth > walk.limits.maxDepth)
    return refuse('onnx_malformed', `Messages are nested more than ${walk.limits.maxDepth} deep.`);
  if (message === 'Tensor') return visitTensor(walk, start, end);
  const layout = MESSAGE_LAYOUTS.get(message) ?? [];
  let name = '';
  for (let position = start; position < end; ) {
    const found = nextField(walk, position, end);
    if ('ok' in found) return found;
    const kind = layout[found.field]?.kind;
    if (message === 'Attribute' && found.field === NAME && found.wireType === DELIMITED) name = readName(walk, found);
    if (
      message === 'Attribute' &&
      found.field === FLOATS &&
      found.wireType === DELIMITED &&
      found.end > found.dataStart
    )
      walk.places.push({ name, dtype: 'float32', offset: found.dataStart, length: found.end - found.dataStart });
    if (kind !== undefined && ON_THE_WAY.has(kind) && found.wireType === DELIMITED) {
      const refusal = visit(walk, kind as MessageName, found.dataStart, found.end, depth + 1);
      if (refusal) return refusal;
    }
    position = found.end;
  }
  return undefined;
}

/**
 * The places of all values kept as plain little-endian bytes, in the order of the file and without overlap: initializers,
 * attributes (tensors and packed lists of floats), subgraphs, functions and training graphs. Refuses bytes that are no ONNX file, and never throws on them.
 */
export function placeTensors(source: ByteSource, limits: PlaceLimits = PLACE_LIMITS): Result<readonly TensorPlace[]> {
  const walk: Walk = { source, limits, places: [], fields: 0, page: new Uint8Array(0), pageAt: 0 };
  return (
    visit(walk, 'Model', 0, source.size, 0) ?? accept(walk.places.toSorted((one, other) => one.offset - other.offset))
  );
}
