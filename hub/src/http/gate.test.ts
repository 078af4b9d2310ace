import { accept, refuse } from '@drover/core/reasons';
import type { Role } from '@drover/core/roles';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { addGate, checkRole, type GateDeps } from './gate.ts';
import type { Api } from './server.ts';

const host = '127.0.0.1:8080';

function openGate(roles: readonly Role[] | undefined) {
  const api = fastify() as unknown as Api;
  const deps: GateDeps = {
    rules: () => ({ hosts: new Set([host]), scheme: 'http' }),
    identify: async () =>
      roles === undefined
        ? refuse('token_refused', 'There is none.')
        : accept({ actor: 'person:alice', roles, person: 'alice', session: undefined }),
  };
  return { api, routes: addGate(api, deps, { limits: { count: async () => 0 }, readSession: () => undefined }) };
}

describe('the gate', () => {
  it('takes no route that does not say what it needs', () => {
    const { api } = openGate(['admin']);
    expect(() => api.get('/x', async () => 'x')).toThrow('GET /x does not say what it needs');
    expect(() => api.get('/x', { config: {} }, async () => 'x')).toThrow('does not say');
  });

  it('lists what was registered', () => {
    const { api, routes } = openGate(['admin']);
    api.post('/x', { config: { needs: 'trainer' } }, async () => 'x');
    expect(routes).toEqual([{ method: 'POST', url: '/x', needs: 'trainer' }]);
  });

  it('tells who is unknown from who lacks the role, and names both', async () => {
    const answer = async (roles: readonly Role[] | undefined) => {
      const { api } = openGate(roles);
      api.get('/x', { config: { needs: 'trainer' } }, async (request) => ({ actor: request.actor }));
      return api.inject({ url: '/x', headers: { host } });
    };
    expect((await answer(undefined)).statusCode).toBe(401);
    const lacking = await answer(['viewer', 'operator']);
    expect([lacking.statusCode, lacking.json()]).toMatchObject([403, { code: 'role_missing' }]);
    expect((lacking.json() as { detail: string }).detail).toBe(
      'The role "trainer" (or admin) grants it; person:alice has viewer, operator.',
    );
    for (const roles of [['trainer'], ['admin']] as const)
      expect((await answer(roles)).json()).toEqual({ actor: 'person:alice' });
  });

  it('asks nobody on a public route, and everybody where nothing is', async () => {
    const { api } = openGate(undefined);
    api.get('/open', { config: { needs: 'public' } }, async (request) => ({ actor: request.actor }));
    expect((await api.inject({ url: '/open', headers: { host } })).json()).toEqual({ actor: 'anonymous' });
    expect((await api.inject({ url: '/nowhere', headers: { host } })).statusCode).toBe(401);
    expect((await api.inject({ url: '/open', headers: { host: 'evil.example' } })).statusCode).toBe(421);
  });

  it('gives nothing for no roles at all', () => {
    const nobody = { actor: 'person:x', roles: [], person: 'x', session: undefined };
    expect(checkRole(nobody, 'viewer')).toMatchObject({ code: 'role_missing' });
    expect(checkRole(nobody, 'public')).toMatchObject({ ok: true });
  });
});
