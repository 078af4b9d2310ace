// Serves the release metadata to any TUF client, and takes in what publishers and key ceremonies signed. The decisions are
// trust's and release's.
import { refuse } from '@drover/core/reasons';
import { parseTargetFile } from '@drover/trust/tuf/names';
import { KeyFilesRequest, PublicationRequest, RoleList } from '@drover/wire/http/release';
import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { readVersionByManifest } from '../db/models.ts';
import { readTarget } from '../db/release.ts';
import type { Store } from '../db/store.ts';
import { payloadOf } from '../registry/entry.ts';
import { installSigned, releaseRegistered } from '../registry/releases.ts';
import type { ReleaseDeps } from '../release/release.ts';
import { viewRoles } from '../release/views.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { readKeyFiles, readPublication } from './release-files.ts';
import type { Api } from './server.ts';

export interface ReleaseRouteDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly release: ReleaseDeps;
  /** New keys count: what the old director signed is to be signed anew. */
  readonly onRotated: () => void;
}

const tags = ['release metadata'];
const Part = Type.String({ maxLength: 160 });

/** Exact bytes: a schema would have them written as text. */
const sendBytes = (reply: object, bytes: Uint8Array): FastifyReply =>
  (reply as FastifyReply).type('application/json').send(Buffer.from(bytes));

export function addReleaseRoutes(api: Api, deps: ReleaseRouteDeps): void {
  const { store, release } = deps;
  const { repository } = release;

  api.get(
    '/api/v1/tuf/metadata/:file',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'A file of the release metadata (TUF 1.0, consistent snapshots)',
        params: Type.Object({ file: Type.String({ maxLength: 160 }) }),
        response: problemResponses,
      },
    },
    async (request, reply) => {
      const bytes = await repository.readMetadata(request.params.file);
      if (bytes === undefined) return sendRefusal(reply, refuse('not_found', `"${request.params.file}".`));
      return sendBytes(reply, bytes);
    },
  );

  api.get(
    '/api/v1/tuf/targets/:team/:model/:file',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'A target: the signed payload of a manifest, at <team>/<model>/<sha256>.<version>.json',
        params: Type.Object({ team: Part, model: Part, file: Part }),
        response: problemResponses,
      },
    },
    async (request, reply) => {
      const { team, model, file: name } = request.params;
      const file = parseTargetFile(`${team}/${model}/${name}`);
      if (!file.ok) return sendRefusal(reply, refuse('not_found', file.detail));
      const target = await readTarget(store, file.value.path);
      const row =
        target?.manifest === file.value.sha256 ? await readVersionByManifest(store, target.manifest) : undefined;
      if (row === undefined) return sendRefusal(reply, refuse('release_unlisted', `${file.value.path}.`));
      return sendBytes(reply, payloadOf(row));
    },
  );

  api.get(
    '/api/v1/tuf/roles',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'The roles of the release metadata: their keys, and until when they hold',
        response: { 200: RoleList, ...problemResponses },
      },
    },
    async (_request, reply) => reply.send({ items: viewRoles(repository.current(), release.keyring, deps.now()) }),
  );

  api.post(
    '/api/v1/tuf/publications',
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Take in signed roles of a publisher team: release, withdraw, renew',
        body: PublicationRequest,
        response: { 200: RoleList, ...problemResponses },
      },
    },
    async (request, reply) => {
      const publication = readPublication(request.body);
      if (!publication.ok) return sendRefusal(reply, publication);
      const done = await releaseRegistered({ ...deps, actor: request.actor }, publication.value);
      if (!done.ok) return sendRefusal(reply, done);
      return reply.send({ items: viewRoles(done.value, release.keyring, deps.now()) });
    },
  );

  api.post(
    '/api/v1/tuf/keys',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Install a root and targets that were signed in a ceremony',
        body: KeyFilesRequest,
        response: { 200: RoleList, ...problemResponses },
      },
    },
    async (request, reply) => {
      const files = readKeyFiles(request.body);
      if (!files.ok) return sendRefusal(reply, files);
      const done = await installSigned({ ...deps, actor: request.actor }, files.value);
      if (!done.ok) return sendRefusal(reply, done);
      deps.onRotated();
      return reply.send({ items: viewRoles(done.value, release.keyring, deps.now()) });
    },
  );
}
