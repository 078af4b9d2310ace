// Builds the HTTP side: fastify with strict schemas, the gate, problems, limits, the API description. It knows no
// route of its own but the description; routes come as plugins. Never knows MQTT or SQL.

import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { refuse } from '@drover/core/reasons';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Api } from './api.ts';
import { addCookies, type Cookies } from './cookies.ts';
import { describeNeed } from './describe-need.ts';
import { handleError, sendRefusal } from './errors.ts';
import { addGate, type GateDeps, type RouteNeed } from './gate.ts';
import { addLimits, type Limits } from './limits.ts';
import { withoutListening } from './listen-log.ts';
import { compileStrictly } from './strict.ts';

export type { Api } from './api.ts';

/** What the server brings for routes that need it. */
export interface ServerParts {
  readonly limits: Limits;
  readonly cookies: Cookies;
}

export interface ServerDeps extends GateDeps {
  readonly log: FastifyBaseLogger;
  readonly tls: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  readonly version: string;
  readonly now: () => number;
  readonly routes: readonly ((api: Api, parts: ServerParts) => void)[];
  /** Told of each answer: method, route pattern, status, seconds. */
  readonly observe: (method: string, route: string, status: number, seconds: number) => void;
}

/** JSON bodies; uploads have their own limit. */
export const JSON_BODY_BYTES = 4 * 1024 * 1024;
/** An upload may take long; a body that trickles may not hold a connection for ever. */
const REQUEST_MS = 15 * 60_000;

export interface Server {
  readonly api: Api;
  /** Every route with what it needs. */
  readonly routes: readonly RouteNeed[];
}

export async function buildServer(deps: ServerDeps): Promise<Server> {
  const shared = {
    loggerInstance: withoutListening(deps.log),
    // One line of our own for each answer, without headers.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: JSON_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: 0,
    keepAliveTimeout: 72_000,
    routerOptions: { maxParamLength: 256 },
    requestIdHeader: false as const,
    genReqId: () => makeId(deps.now(), randomBytes(10)),
    forceCloseConnections: 'idle' as const,
    return503OnClosing: true,
    // Addresses that the router cannot read never reach the hooks and the error handler.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      void handleError(error, request, reply);
    },
  };
  const bare = deps.tls === undefined ? fastify(shared) : fastify({ ...shared, https: deps.tls });
  const api = bare.withTypeProvider<TypeBoxTypeProvider>() as unknown as Api;
  api.setValidatorCompiler(compileStrictly);
  api.setErrorHandler(handleError);
  api.setNotFoundHandler((request, reply) =>
    sendRefusal(
      reply,
      refuse('not_found', `${request.method} ${request.url.split('?')[0]?.slice(0, 200)} is no route.`),
    ),
  );
  api.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
  const cookies = await addCookies(api, deps.tls === undefined ? 'http' : 'https');
  const limits = await addLimits(api);
  const routes = addGate(api, deps, { limits, readSession: (request) => cookies.read(request, 'session') });
  api.addHook('onSend', async (_request, reply) => {
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  api.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    deps.observe(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    request.log.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Drover hub', version: deps.version, license: { name: 'Apache-2.0' } },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: describeNeed,
  });
  for (const route of deps.routes) {
    // A plugin of its own, so that content types of one part do not leak into the others.
    await api.register(async (scope) => route(scope as unknown as Api, { limits, cookies }));
  }
  await api.register(async (scope) => {
    scope.get('/api/v1/openapi.json', { config: { needs: 'viewer' }, schema: { hide: true } }, async () =>
      scope.swagger(),
    );
  });
  return { api, routes };
}
