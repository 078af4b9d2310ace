// Canary: the rule hub-subjects-below-doors must report this import.
export * from '../http/leaf.ts';
