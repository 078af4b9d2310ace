// Owns the one door to baselines: document, build, parse. Adds nothing of its own.

export * from './baseline-document.ts';
export * from './build-baseline.ts';
export type { CategoricalColumn, NumericColumn, TensorColumn, TrainingColumn } from './derive-columns.ts';
export * from './parse-baseline.ts';
