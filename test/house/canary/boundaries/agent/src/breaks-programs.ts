// Canary: the rule programs-apart must report this import.
export * from '../../hub/src/leaf.ts';
