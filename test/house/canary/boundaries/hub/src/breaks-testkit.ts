// Canary: the rule testkit-in-tests-only must report this import.
export * from '../../packages/testkit/src/leaf.ts';
