// Canary: the rule fastify-in-http must report this import.
export * from 'fastify';
