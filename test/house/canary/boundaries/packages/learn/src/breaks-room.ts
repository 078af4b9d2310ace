// Canary: the rule room-learn must report this import.
export * from '../../wire/src/leaf.ts';
