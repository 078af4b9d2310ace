// Canary: the rule nobody-imports-the-top must report this import.
export * from '../../packages/cli/src/leaf.ts';
