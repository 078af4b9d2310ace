// Canary: the rule hub-http-and-mqtt-apart must report this import.
export * from '../mqtt/leaf.ts';
