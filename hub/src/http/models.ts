// Serves the registry: prepare, publish, list, aliases. The decisions are the registry's.
import { accept, refuse } from '@drover/core/reasons';
import { Name, PageQuery, page } from '@drover/wire/http/common';
import {
  AliasRequest,
  Model,
  PrepareRequest,
  PrepareResponse,
  PublishRequest,
  Version,
  VersionDetail,
} from '@drover/wire/http/models';
import Type from 'typebox';
import { listModels, listVersions, readModel, readVersion, readVersionByManifest } from '../db/models.ts';
import { pointAlias } from '../registry/aliases.ts';
import type { RegistryDeps } from '../registry/deps.ts';
import { prepareVersion } from '../registry/prepare.ts';
import { publishVersion } from '../registry/publish.ts';
import { viewModels, viewVersionDetail, viewVersions } from '../registry/version-views.ts';
import { envelopeFromJson } from './envelopes.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { addIdempotency } from './idempotency.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import { readPublication } from './release-files.ts';
import type { Api } from './server.ts';

/** A version number in a path. */
const Number1 = Type.Integer({ minimum: 1, maximum: 2 ** 31 });
const tags = ['models'];

export function addModelRoutes(api: Api, deps: RegistryDeps): void {
  const { store } = deps;
  addIdempotency(api, deps);

  api.get(
    '/api/v1/models',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'List models',
        querystring: PageQuery,
        response: { 200: page(Model), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listModels(store, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      const cut = cutPage(
        rows,
        limit,
        ({ name }) => name,
        (row) => row,
      );
      return reply.send({ items: await viewModels(store, cut.items), nextCursor: cut.nextCursor });
    },
  );

  api.get(
    '/api/v1/models/:model',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'One model',
        params: Type.Object({ model: Name }),
        response: { 200: Model, ...problemResponses },
      },
    },
    async (request, reply) => {
      const row = await readModel(store, request.params.model);
      const [view] = row === undefined ? [] : await viewModels(store, [row]);
      return view === undefined
        ? sendRefusal(reply, refuse('model_unknown', `"${request.params.model}".`))
        : reply.send(view);
    },
  );

  api.post(
    '/api/v1/models/:model/prepare',
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Check an uploaded ONNX file and propose the manifest to sign',
        params: Type.Object({ model: Name }),
        body: PrepareRequest,
        response: { 200: PrepareResponse, ...problemResponses },
      },
    },
    async (request, reply) => {
      const prepared = await prepareVersion(deps, request.params.model, request.body);
      return prepared.ok ? reply.send(prepared.value) : sendRefusal(reply, prepared);
    },
  );

  api.post(
    '/api/v1/models/:model/versions',
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Register a signed manifest as a version',
        params: Type.Object({ model: Name }),
        body: PublishRequest,
        response: { 201: Version, ...problemResponses },
      },
    },
    async (request, reply) => {
      const envelope = envelopeFromJson(request.body.envelope);
      if (!envelope.ok) return sendRefusal(reply, envelope);
      const release = request.body.release === undefined ? accept(undefined) : readPublication(request.body.release);
      if (!release.ok) return sendRefusal(reply, release);
      const published = await publishVersion(deps, envelope.value, {
        actor: request.actor,
        model: request.params.model,
        ...(release.value !== undefined && { release: release.value }),
      });
      if (!published.ok) return sendRefusal(reply, published);
      const [view] = await viewVersions(store, [published.value]);
      if (view === undefined) throw new Error('a version that was stored has no view');
      return reply.status(201).send(view);
    },
  );

  api.get(
    '/api/v1/models/:model/versions',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Versions of a model, newest first',
        params: Type.Object({ model: Name }),
        querystring: PageQuery,
        response: { 200: page(Version), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { model } = request.params;
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'number');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      if ((await readModel(store, model)) === undefined)
        return sendRefusal(reply, refuse('model_unknown', `"${model}".`));
      const rows = await listVersions(store, model, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      const cut = cutPage(
        rows,
        limit,
        ({ version }) => version,
        (row) => row,
      );
      return reply.send({ items: await viewVersions(store, cut.items), nextCursor: cut.nextCursor });
    },
  );

  api.get(
    '/api/v1/models/:model/versions/:version',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'One version and what was signed',
        params: Type.Object({ model: Name, version: Number1 }),
        response: { 200: VersionDetail, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { model, version } = request.params;
      const row = await readVersion(store, model, version);
      if (row === undefined) return sendRefusal(reply, refuse('version_unknown', `${model}@${version}.`));
      return reply.send(await viewVersionDetail(store, row));
    },
  );

  api.get(
    '/api/v1/manifests/:sha256',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'The version with this manifest digest',
        params: Type.Object({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }),
        response: { 200: VersionDetail, ...problemResponses },
      },
    },
    async (request, reply) => {
      const row = await readVersionByManifest(store, request.params.sha256);
      if (row === undefined) return sendRefusal(reply, refuse('version_unknown', `sha256:${request.params.sha256}.`));
      return reply.send(await viewVersionDetail(store, row));
    },
  );

  api.put(
    '/api/v1/models/:model/aliases/:alias',
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Point an alias at a version',
        params: Type.Object({ model: Name, alias: Name }),
        body: AliasRequest,
        response: { 200: Model, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { model, alias } = request.params;
      const pointed = await pointAlias(deps, { model, alias, version: request.body.version, actor: request.actor });
      if (!pointed.ok) return sendRefusal(reply, pointed);
      const row = await readModel(store, model);
      const [view] = row === undefined ? [] : await viewModels(store, [row]);
      return view === undefined ? sendRefusal(reply, refuse('model_unknown', `"${model}".`)) : reply.send(view);
    },
  );
}
