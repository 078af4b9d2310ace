// Canary: the rule room-wire must report this import.
export * from '../../trust/src/leaf.ts';
