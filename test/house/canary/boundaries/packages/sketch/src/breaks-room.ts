// Canary: the rule room-sketch must report this import.
export * from '../../core/src/leaf.ts';
