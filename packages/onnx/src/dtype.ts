// Owns the element types of ONNX tensors: their numbers in the file, their names, and how many bits a value takes.

/** Names as ONNX Runtime's JavaScript API spells them; the numbers are those of TensorProto.DataType. */
export const DTYPES = {
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  /** No fixed size: each value is its own byte string. */
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
  uint2: { code: 25, bits: 2 },
  int2: { code: 26, bits: 2 },
} as const satisfies Record<string, { code: number; bits: number }>;

export type DType = keyof typeof DTYPES;

const BY_CODE: ReadonlyMap<number, DType> = new Map(
  Object.entries(DTYPES).map(([name, { code }]) => [code, name as DType]),
);

/** The name of a TensorProto.DataType number, or undefined for 0 and for numbers this format version does not have. */
export const nameDType = (code: number): DType | undefined => BY_CODE.get(code);

/** Bytes that `count` values take in `raw_data`; sub-byte types are packed, the last byte padded. Not for strings. */
export const countBytes = (dtype: DType, count: number): number => Math.ceil((count * DTYPES[dtype].bits) / 8);
