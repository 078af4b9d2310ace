// Measures an ONNX file before anything is decoded: nesting, number of objects and of values, and encodings that two
// readers could take differently. What passes can be decoded within a known amount of memory. It judges no content.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { DELIMITED, FIXED32, FIXED64, openMessage, readField, skipVarint, VARINT } from './fields.ts';

type Scalar = 'varint' | 'float' | 'double' | 'text';

interface Field {
  readonly kind: Scalar | MessageName;
  readonly many: boolean;
}

/** `name: kind`, with `*` for a repeated field: the shape of onnx.proto, compared with it by a test. */
const LAYOUT = {
  Attribute:
    '1 text, 2 float, 3 varint, 4 text, 5 Tensor, 6 Graph, 7 float*, 8 varint*, 9 text*, 10 Tensor*, 11 Graph*, 13 text, 14 Type, 15 Type*, 20 varint, 21 text, 22 SparseTensor, 23 SparseTensor*',
  ValueInfo: '1 text, 2 Type, 3 text, 4 StringStringEntry*',
  Node: '1 text*, 2 text*, 3 text, 4 text, 5 Attribute*, 6 text, 7 text, 8 text, 9 StringStringEntry*',
  TrainingInfo: '1 Graph, 2 Graph, 3 StringStringEntry*, 4 StringStringEntry*',
  Model:
    '1 varint, 2 text, 3 text, 4 text, 5 varint, 6 text, 7 Graph, 8 OperatorSetId*, 14 StringStringEntry*, 20 TrainingInfo*, 25 Function*',
  StringStringEntry: '1 text, 2 text',
  TensorAnnotation: '1 text, 2 StringStringEntry*',
  Graph:
    '1 Node*, 2 text, 5 Tensor*, 10 text, 11 ValueInfo*, 12 ValueInfo*, 13 ValueInfo*, 14 TensorAnnotation*, 15 SparseTensor*, 16 StringStringEntry*',
  Tensor:
    '1 varint*, 2 varint, 3 Segment, 4 float*, 5 varint*, 6 text*, 7 varint*, 8 text, 9 text, 10 double*, 11 varint*, 12 text, 13 StringStringEntry*, 14 varint, 16 StringStringEntry*',
  Segment: '1 varint, 2 varint',
  SparseTensor: '1 Tensor, 2 Tensor, 3 varint*',
  TensorShape: '1 Dimension*',
  Dimension: '1 varint, 2 text, 3 text',
  Type: '1 TensorType, 4 SequenceType, 5 MapType, 6 text, 8 SparseTensorType, 9 OptionalType',
  TensorType: '1 varint, 2 TensorShape',
  SequenceType: '1 Type',
  MapType: '1 varint, 2 Type',
  OptionalType: '1 Type',
  SparseTensorType: '1 varint, 2 TensorShape',
  OperatorSetId: '1 text, 2 varint',
  Function:
    '1 text, 4 text*, 5 text*, 6 text*, 7 Node*, 8 text, 9 OperatorSetId*, 10 text, 11 Attribute*, 12 ValueInfo*, 13 text, 14 StringStringEntry*',
} as const satisfies Record<string, string>;

export type MessageName = keyof typeof LAYOUT;

const isMessage = (kind: string): kind is MessageName => Object.hasOwn(LAYOUT, kind);
const isScalar = (kind: string): kind is Scalar => ['varint', 'float', 'double', 'text'].includes(kind);

function parseLayout(text: string): (Field | undefined)[] {
  const fields: (Field | undefined)[] = [];
  for (const part of text.split(', ')) {
    const [number = '', type = ''] = part.split(' ');
    const kind = type.replace('*', '');
    if (!isMessage(kind) && !isScalar(kind)) throw new Error(`the layout names an unknown kind: ${part}`);
    fields[Number(number)] = { kind, many: type.endsWith('*') };
  }
  return fields;
}

/** Per message, by field number. All numbers are below 32, so that one integer can mark which were seen. */
export const MESSAGE_LAYOUTS: ReadonlyMap<MessageName, readonly (Field | undefined)[]> = new Map(
  Object.entries(LAYOUT).map(([name, text]) => [name as MessageName, parseLayout(text)]),
);

export interface SurveyLimits {
  /** Messages and texts: each becomes an object of up to about 300 bytes. */
  readonly maxObjects: number;
  /** Numbers outside `raw_data`: each becomes 8 bytes. */
  readonly maxScalars: number;
  /** Messages inside messages; one level of If, Loop or Scan takes three. */
  readonly maxDepth: number;
}

interface Tally {
  objects: number;
  scalars: number;
}

const malformed = (what: string, at: number): Refusal => refuse('onnx_malformed', `${what} at byte ${at}.`);

/** How many numbers a packed field holds, or -1 when its bytes are not whole numbers. */
function countPacked(kind: Scalar, bytes: Uint8Array, start: number, end: number): number {
  if (kind === 'float') return (end - start) % 4 === 0 ? (end - start) / 4 : -1;
  if (kind === 'double') return (end - start) % 8 === 0 ? (end - start) / 8 : -1;
  let count = 0;
  for (let position = start; position < end; count += 1) {
    position = skipVarint(bytes, position, end);
    if (position < 0) return -1;
  }
  return count;
}

const PLAIN_WIRE_TYPE: Readonly<Record<Scalar, number>> = {
  varint: VARINT,
  float: FIXED32,
  double: FIXED64,
  text: DELIMITED,
};

function surveyMessage(
  bytes: Uint8Array,
  name: MessageName,
  range: { start: number; end: number },
  depth: number,
  tally: Tally,
  limits: SurveyLimits,
): Refusal | undefined {
  if (depth > limits.maxDepth) return malformed(`Messages are nested more than ${limits.maxDepth} deep`, range.start);
  const layout = MESSAGE_LAYOUTS.get(name) ?? [];
  const cursor = openMessage(bytes, range.start, range.end);
  let seen = 0;
  while (readField(cursor)) {
    const field = layout[cursor.field];
    if (field === undefined) continue;
    const { kind, many } = field;
    const bit = 1 << cursor.field;
    // Some readers merge a field that comes twice, others keep the last: a graph could hide behind the difference.
    if (!many && (seen & bit) !== 0) return malformed(`Field ${cursor.field} of ${name} is there twice`, cursor.start);
    seen |= bit;
    if (isMessage(kind) || kind === 'text') {
      if (cursor.wireType !== DELIMITED) {
        return malformed(`Field ${cursor.field} of ${name} has the wrong form`, cursor.start);
      }
      tally.objects += 1;
      if (kind !== 'text') {
        const inner = { start: cursor.dataStart, end: cursor.end };
        const refusal = surveyMessage(bytes, kind, inner, depth + 1, tally, limits);
        if (refusal !== undefined) return refusal;
      }
    } else {
      const packed = many && cursor.wireType === DELIMITED;
      const count = packed ? countPacked(kind, bytes, cursor.dataStart, cursor.end) : 1;
      if (count < 0 || (!packed && cursor.wireType !== PLAIN_WIRE_TYPE[kind])) {
        return malformed(`Field ${cursor.field} of ${name} has the wrong form`, cursor.start);
      }
      tally.scalars += count;
    }
    if (tally.objects > limits.maxObjects || tally.scalars > limits.maxScalars) {
      return refuse('onnx_too_large', `More than ${limits.maxObjects} parts or ${limits.maxScalars} listed numbers.`);
    }
  }
  return cursor.broken ? malformed(`${name} cannot be read`, cursor.start) : undefined;
}

/** Accepts bytes that decode as a ModelProto within `limits`; otherwise says where they do not. Never throws. */
export function surveyModel(bytes: Uint8Array, limits: SurveyLimits): Result<void> {
  const tally: Tally = { objects: 0, scalars: 0 };
  const refusal = surveyMessage(bytes, 'Model', { start: 0, end: bytes.length }, 0, tally, limits);
  return refusal ?? accept(undefined);
}
