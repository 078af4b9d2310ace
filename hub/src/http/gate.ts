// Owns the one gate in front of every route: a route states what it needs, and the gate finds out who asks and whether
// they may. The hub does not start with a route that states nothing. Never decides who somebody is (people/ does).
import { accept, type Result, refuse } from '@drover/core/reasons';
import { mayDo, type Need } from '@drover/core/roles';
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { type Credentials, LOCAL_ACTOR, NOBODY, type Principal } from '../people/principal.ts';
import type { Delayed } from '../people/sign-in.ts';
import type { Api } from './api.ts';
import { type AuthRules, checkSender } from './auth.ts';
import { sendDelayed } from './errors.ts';
import { addressOf, type LimitName, type Limits } from './limits.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that this route asks for; every role implies viewer and admin may all. */
    needs?: Need;
  }
  interface FastifyRequest {
    /** Who asks, as audit rows name it: `person:alice`, `token:ci`, `local`; `anonymous` on public routes. */
    actor: string;
    /** Who asks and what they may; undefined on public routes. */
    principal: Principal | undefined;
  }
}

export type Identify = (credentials: Credentials) => Promise<Result<Principal>>;

export interface GateDeps {
  /** Read at each request: the port is known only once the hub listens. */
  readonly rules: () => AuthRules;
  readonly identify: Identify;
}

/** What the server itself brings. */
export interface GateParts {
  readonly limits: Pick<Limits, 'count'>;
  readonly readSession: (request: FastifyRequest) => string | undefined;
}

/** One route as it was registered. */
export interface RouteNeed {
  readonly method: HTTPMethods;
  readonly url: string;
  readonly needs: Need;
}

/** Where nothing is, only those who are known may find that out. */
const NOWHERE: Need = 'viewer';

/** What a role would have to be held for, as one sentence. */
export function checkRole(principal: Principal, need: Need): Result<undefined> {
  if (mayDo(principal.roles, need)) return accept(undefined);
  const held = principal.roles.length === 0 ? 'no role' : principal.roles.join(', ');
  return refuse('role_missing', `The role "${need}" (or admin) grants it; ${principal.actor} has ${held}.`);
}

const readHeader = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** Puts the gate before every route that is registered on `api` from here on; the list grows with them. */
export function addGate(api: Api, deps: GateDeps, parts: GateParts): readonly RouteNeed[] {
  const routes: RouteNeed[] = [];
  api.decorateRequest('actor', NOBODY);
  api.decorateRequest('principal', undefined);

  api.addHook('onRoute', ({ method, url, config }) => {
    const needs = config?.needs;
    if (needs === undefined) throw new Error(`the route ${String(method)} ${url} does not say what it needs`);
    for (const one of typeof method === 'string' ? [method] : method) routes.push({ method: one, url, needs });
  });

  async function checkLimit(name: LimitName, key: string): Promise<Delayed | undefined> {
    const retryAfterS = await parts.limits.count(name, key);
    return retryAfterS === 0
      ? undefined
      : { ...refuse('rate_limited', `The next one is taken in ${retryAfterS} s.`), retryAfterS };
  }

  async function pass(request: FastifyRequest): Promise<Delayed | undefined> {
    const { host, origin, authorization } = request.headers;
    const sender = checkSender({ host, origin }, deps.rules());
    if (!sender.ok) return sender;
    const need = request.routeOptions.config?.needs ?? NOWHERE;
    const address = addressOf(request);
    if (need === 'public') return checkLimit('general', address);
    const known = await deps.identify({
      authorization,
      cookie: parts.readSession(request),
      csrf: readHeader(request.headers['x-drover-csrf']),
      isSameOrigin: sender.value,
      method: request.method,
    });
    // A secret that holds is never held back by those that do not: only the failures of an address are counted.
    if (!known.ok) return (await checkLimit('failure', address)) ?? known;
    request.principal = known.value;
    request.actor = known.value.actor;
    const allowed = checkRole(known.value, need);
    if (!allowed.ok) return allowed;
    return request.actor === LOCAL_ACTOR ? undefined : checkLimit('general', request.actor);
  }

  api.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const refused = await pass(request);
    return refused === undefined ? undefined : sendDelayed(reply, refused);
  });
  return routes;
}
