// Canary: the rule room-console must report this import.
export * from '../../trust/src/leaf.ts';
