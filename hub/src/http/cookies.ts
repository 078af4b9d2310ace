// Owns the cookies of the hub: their names and flags. HttpOnly always; over TLS the __Host- prefix, which binds a cookie to
// this very host. Never knows what is in one.
import cookie, { type CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Api } from './api.ts';

const NAME = { session: 'drover_session', oidc: 'drover_oidc' } as const;
type CookieKind = keyof typeof NAME;

export interface Cookies {
  read(request: FastifyRequest, kind: CookieKind): string | undefined;
  /** Lasts `maxAgeS` seconds; without it as long as the browser is open. */
  write(reply: FastifyReply, kind: CookieKind, value: string, maxAgeS?: number): void;
  drop(reply: FastifyReply, kind: CookieKind): void;
}

/** Call before the hooks that read cookies: they are parsed in a hook of their own. */
export async function addCookies(api: Api, scheme: 'http' | 'https'): Promise<Cookies> {
  await api.register(cookie, { hook: 'onRequest' });
  const isTls = scheme === 'https';
  const nameOf = (kind: CookieKind): string => (isTls ? `__Host-${NAME[kind]}` : NAME[kind]);
  const flags = (kind: CookieKind): CookieSerializeOptions => ({
    path: '/',
    httpOnly: true,
    secure: isTls,
    // The way back from another service is a navigation from a foreign page: a strict cookie would not come along.
    sameSite: kind === 'oidc' ? 'lax' : 'strict',
  });
  return {
    read: (request, kind) => request.cookies[nameOf(kind)],
    write: (reply, kind, value, maxAgeS) =>
      void reply.setCookie(nameOf(kind), value, {
        ...flags(kind),
        ...(maxAgeS === undefined ? {} : { maxAge: maxAgeS }),
      }),
    drop: (reply, kind) => void reply.clearCookie(nameOf(kind), flags(kind)),
  };
}
