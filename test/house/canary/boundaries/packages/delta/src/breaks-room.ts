// Canary: the rule room-delta must report this import.
export * from '../../infer/src/leaf.ts';
