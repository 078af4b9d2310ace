// Canary: the rule aedes-in-broker must report this import.
export * from 'aedes';
