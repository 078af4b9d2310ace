// Decides how the API description shows what a route needs: a sentence, `x-needs`, and no security where it is public.
import type { Need } from '@drover/core/roles';
import type { FastifySchema, RouteOptions } from 'fastify';

interface Described extends FastifySchema {
  readonly hide?: boolean;
  readonly description?: string;
  readonly security?: readonly { [label: string]: readonly string[] }[];
  readonly 'x-needs'?: Need;
}

interface RouteAsRegistered {
  readonly schema: Described;
  readonly url: string;
  readonly route: RouteOptions;
}

const sayNeed = (need: Need): string =>
  need === 'public' ? 'Needs no sign-in.' : need === 'viewer' ? 'Needs any role.' : `Needs the role ${need} or admin.`;

/** The transform of @fastify/swagger: called once a route, with the schema as it was registered. */
export function describeNeed({ schema, url, route }: RouteAsRegistered): { schema: Described; url: string } {
  const need = route.config?.needs;
  if (need === undefined || schema?.hide === true) return { schema, url };
  const description = [schema?.description, sayNeed(need)].filter((text) => text !== undefined).join(' ');
  const security = need === 'public' ? { security: [] } : {};
  return { schema: { ...schema, description, 'x-needs': need, ...security }, url };
}
