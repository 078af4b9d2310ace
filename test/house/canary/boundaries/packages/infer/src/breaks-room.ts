// Canary: the rule room-infer must report this import.
export * from '../../learn/src/leaf.ts';
