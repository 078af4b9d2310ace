// Canary: the rule cli-imports-no-program must report this import.
export * from '../../../hub/src/leaf.ts';
