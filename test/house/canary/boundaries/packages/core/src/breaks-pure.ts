// Canary: the rule pure-rooms-without-node must report this import.
export * from 'node:fs';
