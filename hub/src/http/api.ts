// Owns the type of the server as route files and the parts of the server see it. Never makes one.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerBase } from 'fastify';

/** What every route file gets. */
export type Api = FastifyInstance<RawServerBase, never, never, FastifyBaseLogger, TypeBoxTypeProvider>;
