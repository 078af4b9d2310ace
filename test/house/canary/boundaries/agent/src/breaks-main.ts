// Canary: the rule main-is-the-root must report this import.
export * from './main.ts';
