// Decides what fastify may say in the log: its only lines at `info` repeat where it listens, once for each address. What is
// wrong comes through, and everything does from `debug` on. Never writes a line.
import type { FastifyBaseLogger } from 'fastify';

export const withoutListening = (log: FastifyBaseLogger): FastifyBaseLogger =>
  log.level === 'info' ? log.child({}, { level: 'warn' }) : log;
