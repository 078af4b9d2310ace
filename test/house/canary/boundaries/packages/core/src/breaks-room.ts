// Canary: the rule room-core must report this import.
export * from '../../wire/src/leaf.ts';
