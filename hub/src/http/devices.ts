// Serves devices: join, list with a label query, detail, labels, removal. Never speaks MQTT.
import { matchesQuery, parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { DeviceId, Labels, PageQuery, page } from '@drover/wire/http/common';
import { Device, DeviceDetail, DeviceLogsPage, JoinRequest, JoinResponse } from '@drover/wire/http/devices';
import Type from 'typebox';
import { type DeviceRow, listDeviceLabels, listDevices, listDevicesById, readDevice } from '../db/devices.ts';
import { listLogs } from '../db/uplink.ts';
import { viewDeviceDetail, viewDevices } from '../devices/device-views.ts';
import { type JoinDeps, joinDevice, removeDevice } from '../devices/join.ts';
import { labelDevice } from '../devices/label.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

export interface DeviceRouteDeps extends JoinDeps {
  /** Only then a secret opens the broker. */
  readonly isDev: boolean;
  readonly hubId: string;
  readonly mqttUrl: string;
  readonly devicesUrl: string;
  /** What a device is handed to begin its trust with, as it is now. */
  readonly roots: () => Promise<Pick<JoinResponse, 'root' | 'tufRoot'>>;
}

const tags = ['devices'];
const One = Type.Object({ id: DeviceId });
const ListQuery = Type.Object({ ...PageQuery.properties, query: Type.Optional(Type.String({ maxLength: 1024 })) });

/** At most `limit` devices after `cursor` that match. */
async function findDevices(
  deps: DeviceRouteDeps,
  text: string,
  cursor: string | undefined,
  limit: number,
): Promise<Result<readonly DeviceRow[]>> {
  const { store } = deps;
  if (text === '') return accept(await listDevices(store, { limit, ...(cursor === undefined ? {} : { cursor }) }));
  const query = parseQuery(text);
  if (!query.ok) return query;
  const ids = (await listDeviceLabels(store))
    .filter(
      ({ id, labelsJson }) =>
        (cursor === undefined || id > cursor) && matchesQuery(query.value, JSON.parse(labelsJson) as Labels),
    )
    .slice(0, limit)
    .map(({ id }) => id);
  const rows = ids.length === 0 ? [] : await listDevicesById(store, ids);
  return accept(rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
}

export function addDeviceRoutes(api: Api, deps: DeviceRouteDeps): void {
  const { store, mqttUrl, devicesUrl, hubId } = deps;

  // No Idempotency-Key here: the answer holds a secret that the hub must not keep.
  api.post(
    '/api/v1/devices',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Let a device join; its secret is shown once',
        body: JoinRequest,
        response: { 201: JoinResponse, ...problemResponses },
      },
    },
    async (request, reply) => {
      if (!deps.isDev) return sendRefusal(reply, refuse('join_needs_claim', 'This hub runs without --dev.'));
      const joined = await joinDevice(deps, request.body, request.actor);
      if (!joined.ok) return sendRefusal(reply, joined);
      return reply.status(201).send({ ...joined.value, mqttUrl, devicesUrl, hubId, ...(await deps.roots()) });
    },
  );

  api.get(
    '/api/v1/devices',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'List devices by id',
        querystring: ListQuery,
        response: { 200: page(Device), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT, query = '' } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await findDevices(deps, query.trim(), cursor.value, limit + 1);
      if (!rows.ok) return sendRefusal(reply, rows);
      const cut = cutPage(
        rows.value,
        limit,
        ({ id }) => id,
        (row) => row,
      );
      return reply.send({ items: await viewDevices(store, cut.items, deps.now()), nextCursor: cut.nextCursor });
    },
  );

  api.get(
    '/api/v1/devices/:id',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'One device', params: One, response: { 200: DeviceDetail, ...problemResponses } },
    },
    async (request, reply) => {
      const row = await readDevice(store, request.params.id);
      if (row === undefined) return sendRefusal(reply, refuse('device_unknown', `"${request.params.id}".`));
      return reply.send(await viewDeviceDetail(store, row, deps.now()));
    },
  );

  api.get(
    '/api/v1/devices/:id/logs',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'What a device thought worth telling, newest first',
        params: One,
        querystring: PageQuery,
        response: { 200: DeviceLogsPage, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { cursor: text, limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(text, 'number');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      if ((await readDevice(store, id)) === undefined) return sendRefusal(reply, refuse('device_unknown', `"${id}".`));
      const rows = await listLogs(store, id, limit + 1, cursor.value);
      return reply.send(
        cutPage(
          rows,
          limit,
          (row) => row.id,
          ({ id: number, at, receivedAt, level, code, message }) => ({
            id: number, at: new Date(at).toISOString(), receivedAt: new Date(receivedAt).toISOString(), level, code, message,
          }), // biome-ignore format: one record
        ),
      );
    },
  );

  api.put(
    '/api/v1/devices/:id/labels',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Replace the labels of a device',
        params: One,
        body: Labels,
        response: { 200: DeviceDetail, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const labelled = await labelDevice(deps, id, request.body, request.actor);
      if (!labelled.ok) return sendRefusal(reply, labelled);
      return reply.send(await viewDeviceDetail(store, labelled.value, deps.now()));
    },
  );

  api.delete(
    '/api/v1/devices/:id',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Remove a device and end its session',
        params: One,
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const removed = await removeDevice(deps, request.params.id, request.actor);
      return removed.ok ? reply.status(204).send(null) : sendRefusal(reply, removed);
    },
  );
}
