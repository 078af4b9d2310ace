// Owns the answer type of this package: a value or one of four refusals. Never throws; structurally a core Refusal.

/** The refusals that statistics bytes and baselines can meet; every code is a row of the table in core. */
export interface SketchRefusal {
  readonly ok: false;
  readonly code: 'sketch_malformed' | 'sketch_version' | 'sketch_baseline_mismatch' | 'baseline_invalid';
  /** Which part, in words; holds no data values. */
  readonly detail: string;
}

export type SketchResult<T> = { readonly ok: true; readonly value: T } | SketchRefusal;

export const accept = <T>(value: T): SketchResult<T> => ({ ok: true, value });
export const refuse = (code: SketchRefusal['code'], detail: string): SketchRefusal => ({ ok: false, code, detail });
