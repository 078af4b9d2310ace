// Owns what the hub and its trial process say to each other: one request on standard input, one answer on standard output.
import type { Result } from '@drover/core/reasons';
import type { Layout } from '@drover/infer/layout';

export interface TrialRequest {
  /** Path of the ONNX file. */
  readonly model: string;
  readonly runtimes: readonly ('native' | 'wasm')[];
  /** How rows go in and answers come out; absent for a model that is only loaded. */
  readonly layout?: Layout;
  /** Path of self-test vectors to replay on every runtime. */
  readonly vectors?: string;
}

export interface TrialReport {
  /** By runtime: milliseconds to load, and the largest difference from an expected answer. */
  readonly runtimes: readonly {
    readonly name: string;
    readonly loadMs: number;
    readonly worst: number;
    readonly rows: number;
  }[];
}

export type TrialAnswer = Result<TrialReport>;
