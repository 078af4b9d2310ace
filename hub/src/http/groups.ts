// Serves groups: label queries that were given a name, and the devices that match them now. Evaluating one is core's.
import { matchesQuery, parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { Group, GroupBody, GroupDevices, GroupParams, Groups } from '@drover/wire/http/groups';
import Type from 'typebox';
import { commitWithAudit } from '../db/audit.ts';
import { deleteGroup, type GroupRow, listGroups, readGroup, writeGroup } from '../db/groups.ts';
import { listLiveRollouts } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { type FleetDevice, readFleet } from '../rollouts/targets.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

const tags = ['groups'];
const ROUTE = '/api/v1/groups/:group';

/** A query that was stored parses. */
function findMatching(query: string, fleet: readonly FleetDevice[]): FleetDevice[] {
  const parsed = parseQuery(query);
  return parsed.ok ? fleet.filter(({ labels }) => matchesQuery(parsed.value, labels)) : [];
}

function viewGroup({ name, query, note, createdAt, updatedAt }: GroupRow, fleet: readonly FleetDevice[]): Group {
  const matching = findMatching(query, fleet);
  return {
    name,
    query,
    note,
    devices: matching.length,
    online: matching.filter(({ isOnline }) => isOnline).length,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  };
}

/** What a rollout meant by its group is written down in it; the name alone is not taken away under its feet. */
async function checkUnused(store: Store, name: string): Promise<Result<undefined>> {
  const user = (await listLiveRollouts(store)).find(
    ({ targetJson }) => (JSON.parse(targetJson) as { group?: string }).group === name,
  );
  return user ? refuse('group_in_use', `Rollout ${user.id} is ${user.state}.`) : accept(undefined);
}

export function addGroupRoutes(api: Api, { store, now }: { readonly store: Store; readonly now: () => number }): void {
  api.get(
    '/api/v1/groups',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'List groups', response: { 200: Groups, ...problemResponses } },
    },
    async (_, reply) => {
      const [groups, fleet] = await Promise.all([listGroups(store), readFleet(store)]);
      return reply.send({ items: groups.map((group) => viewGroup(group, fleet)) });
    },
  );

  api.get(
    `${ROUTE}/devices`,
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'The devices that match a group now',
        params: GroupParams,
        querystring: Type.Object({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1000 })),
        }),
        response: { 200: GroupDevices, ...problemResponses },
      },
    },
    async (request, reply) => {
      const row = await readGroup(store, request.params.group);
      if (!row) return sendRefusal(reply, refuse('group_unknown', `"${request.params.group}".`));
      const matching = findMatching(row.query, await readFleet(store));
      const { limit = 1000 } = request.query;
      return reply.send({ items: matching.slice(0, limit).map(({ device }) => device), total: matching.length });
    },
  );

  api.put(
    ROUTE,
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Give a label query a name, or a name another query; rollouts under way keep the one they began with',
        params: GroupParams,
        body: GroupBody,
        response: { 200: Group, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { group: name } = request.params;
      const { query, note = '' } = request.body;
      const parsed = parseQuery(query);
      if (!parsed.ok) return sendRefusal(reply, parsed);
      const before = await readGroup(store, name);
      const at = now();
      const row = { name, query, note, actor: request.actor, createdAt: before?.createdAt ?? at, updatedAt: at };
      const detail = { before: before ? { query: before.query, note: before.note } : null, after: { query, note } };
      await commitWithAudit(store, [writeGroup(row)], {
        at,
        actor: request.actor,
        action: 'group.set',
        subject: name,
        detail,
      });
      return reply.send(viewGroup(row, await readFleet(store)));
    },
  );

  api.delete(
    ROUTE,
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Remove the name of a group',
        params: GroupParams,
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { group: name } = request.params;
      const before = await readGroup(store, name);
      if (!before) return sendRefusal(reply, refuse('group_unknown', `"${name}".`));
      const unused = await checkUnused(store, name);
      if (!unused.ok) return sendRefusal(reply, unused);
      const detail = { before: { query: before.query, note: before.note }, after: null };
      await commitWithAudit(store, [deleteGroup(name)], {
        at: now(),
        actor: request.actor,
        action: 'group.delete',
        subject: name,
        detail,
      });
      return reply.status(204).send(null);
    },
  );
}
