// Owns how often somebody may ask: by address where nobody is known, by who asks where somebody is, and far less often
// where a secret could be guessed. Never locks an account (people/lockout.ts does).
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import type { Api } from './api.ts';

const MINUTE_MS = 60_000;

/** Requests a minute. */
export const PER_MINUTE = {
  /** Any request, by who asks or by address; the local token of development mode is free of it. */
  general: 6000,
  /** Tokens and sessions that do not hold, by address. */
  failure: 60,
  /** Sign-ins, by address. */
  signInAddress: 30,
  /** Sign-ins, by name and where they come from. */
  signInName: 10,
  /** Setup codes, by address. */
  setup: 10,
  /** Beginnings of a sign-in at another service, by address. */
  oidc: 30,
} as const;
export type LimitName = keyof typeof PER_MINUTE;

export interface Limits {
  /** Counts one; answers in how many seconds the next is taken, or 0 when this one is. */
  count(name: LimitName, key: string): Promise<number>;
}

/** The address that limits count by: an IPv6 customer has a whole /64. */
export const addressOf = (request: FastifyRequest): string => normalizeIP(request.ip);

/** Keys remembered for each limit; the least recently used are forgotten. */
const KEYS = 20_000;

export async function addLimits(api: Api): Promise<Limits> {
  // Not global: the gate asks, because only it knows who sends a request.
  await api.register(rateLimit, { global: false, cache: KEYS });
  // The plugin takes a request and makes a key of it; here the key is all there is.
  const keyed = new WeakMap<object, string>();
  const names = Object.keys(PER_MINUTE) as LimitName[];
  const limiters = new Map(
    names.map((name) => [
      name,
      api.createRateLimit({
        max: PER_MINUTE[name],
        timeWindow: MINUTE_MS,
        keyGenerator: (request) => keyed.get(request) ?? '',
      }),
    ]),
  );
  return {
    async count(name, key) {
      const stub = { routeOptions: {} } as unknown as FastifyRequest;
      keyed.set(stub, key);
      const counted = await limiters.get(name)?.(stub);
      return counted === undefined || counted.isAllowed || !counted.isExceeded ? 0 : Math.max(1, counted.ttlInSeconds);
    },
  };
}
