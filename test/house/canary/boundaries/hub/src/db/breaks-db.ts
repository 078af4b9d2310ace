// Canary: the rule hub-db-lowest must report this import.
export * from '../registry/leaf.ts';
