// Serves liveness, readiness and metrics. Live means that the process answers; ready, that it can do its work. The two
// health routes answer anybody and say nothing about the fleet; metrics need any role.

import Type from 'typebox';
import type { HubMetrics } from '../metrics.ts';
import type { Api } from './server.ts';

export interface ReadyCheck {
  readonly name: string;
  /** Undefined when all is well, otherwise what is wrong. */
  readonly check: () => Promise<string | undefined>;
}

const Live = Type.Object({ status: Type.Literal('ok') });
const Ready = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('failing')]),
  checks: Type.Record(Type.String(), Type.String()),
});

async function runCheck({ name, check }: ReadyCheck): Promise<[string, string]> {
  try {
    return [name, (await check()) ?? 'ok'];
  } catch (error) {
    return [name, error instanceof Error ? error.message.slice(0, 200) : 'failed'];
  }
}

export function addHealthRoutes(
  api: Api,
  deps: { readonly checks: readonly ReadyCheck[]; readonly metrics: HubMetrics },
): void {
  api.get(
    '/health/live',
    { config: { needs: 'public' }, schema: { tags: ['health'], response: { 200: Live } } },
    async () => ({
      status: 'ok' as const,
    }),
  );

  api.get(
    '/health/ready',
    { config: { needs: 'public' }, schema: { tags: ['health'], response: { 200: Ready, 503: Ready } } },
    async (_request, reply) => {
      const checks = await Promise.all(deps.checks.map(runCheck));
      const isReady = checks.every(([, said]) => said === 'ok');
      return reply
        .status(isReady ? 200 : 503)
        .send({ status: isReady ? 'ok' : 'failing', checks: Object.fromEntries(checks) });
    },
  );

  api.get(
    '/metrics',
    { config: { needs: 'viewer' }, schema: { tags: ['health'], summary: 'Prometheus metrics' } },
    async (_request, reply) => reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  );
}
