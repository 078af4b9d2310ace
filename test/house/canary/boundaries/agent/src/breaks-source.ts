// Canary: the rule source-imports-no-test must report this import.
export * from './leaf.test.ts';
