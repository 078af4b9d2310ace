// Canary: the rule sqlite-in-stores must report this import.
export * from 'better-sqlite3';
