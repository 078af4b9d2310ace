// Canary: the rule kysely-in-db must report this import.
export * from 'kysely';
