// Owns what the rest of Drover may know of ONNX Runtime: load a model, run it, release it. It names no package.
//
// Running blocks: ONNX Runtime computes on the calling thread even where its API returns a promise, so a model that
// takes longer than the event loop can spare belongs in a worker. Such a worker must stop cooperatively, between two
// runs: `worker.terminate()` on a worker that is inside a native run aborts the whole process (exit 134). Work that
// must be killable (training) belongs in a child process.
import type { Result } from '@drover/core/reasons';
import type { CheckLimits, ModelInfo, ValueInfo } from '@drover/onnx/check';

export type TensorInfo = ValueInfo;

/** The array that holds each element type; int64 values are BigInt, bool is 0 or 1. */
export interface TensorArrays {
  float32: Float32Array;
  float64: Float64Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: string[];
}

export type TensorType = keyof TensorArrays;

/** Row-major values: `data.length` is the product of `dims`. */
export type TensorOf<T extends TensorType> = {
  [K in T]: { readonly dtype: K; readonly data: TensorArrays[K]; readonly dims: readonly number[] };
}[T];
export type TensorValue = TensorOf<TensorType>;

/** By input name. */
export type Feeds = Readonly<Record<string, TensorValue>>;
/** By output name. Each run allocates new ones; a caller may keep them. */
export type Outputs = Readonly<Record<string, TensorValue>>;

/** A model in memory. After `release` nothing else may be called. */
export interface ModelSession {
  readonly info: ModelInfo;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Computes the named outputs, all unless told. Throws what the runtime says when the feeds do not fit or the
   * computation fails; the session stays usable. Do not change the arrays of `feeds` before it resolves.
   */
  run(feeds: Feeds, outputNames?: readonly string[]): Promise<Outputs>;
  /** The same without a promise, where the runtime has it. */
  runSync?(feeds: Feeds, outputNames?: readonly string[]): Outputs;
  /**
   * Prepares feeds that keep their arrays and dims: each call of the returned function runs on what the arrays then
   * hold. Saves building tensors on the hot path.
   */
  bind?(feeds: Feeds, outputNames?: readonly string[]): () => Outputs;
  release(): Promise<void>;
}

export interface LoadOptions {
  /** Bounds and domains for the check that runs before the runtime sees the file. */
  readonly check?: Partial<CheckLimits>;
  /** Threads inside one operator, native only; 1 unless told: small models lose by more. */
  readonly threads?: number;
}

export interface InferenceRuntime {
  readonly name: 'native' | 'wasm';
  /** Of ONNX Runtime, as it says itself. */
  readonly version: string;
  /** Checks the file (onnx_*), then loads it; onnx_load_failed is what the runtime itself refuses. */
  load(model: Uint8Array, options?: LoadOptions): Promise<Result<ModelSession>>;
}

/** What a runtime said, in one bounded line. */
export const quoteError = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/[\p{C}\s]+/gu, ' ').slice(0, 300);
