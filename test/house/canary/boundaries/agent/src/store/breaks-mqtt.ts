// Canary: the rule mqtt-in-link must report this import.
export * from 'mqtt';
