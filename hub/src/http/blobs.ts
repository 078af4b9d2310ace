// Serves uploads of bytes and data sets, streamed and bounded, and gives blobs back. Never looks inside them.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { mayDo } from '@drover/core/roles';
import { Hex64, PageQuery, page } from '@drover/wire/http/common';
import { Blob } from '@drover/wire/http/models';
import { Dataset } from '@drover/wire/http/runs';
import Type from 'typebox';
import type { BlobStore, StoredBlob } from '../blobs/blob-store.ts';
import { commitWithAudit } from '../db/audit.ts';
import { findConfidentialModelOf } from '../db/model-lookup.ts';
import { type DatasetRow, ensureBlob, ensureDataset, listDatasets, readDataset } from '../db/models.ts';
import type { Store } from '../db/store.ts';
import type { Principal } from '../people/principal.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

export interface BlobRouteDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly maxBytes: number;
  readonly now: () => number;
}

const viewDataset = (row: DatasetRow) => ({
  sha256: row.sha256,
  name: row.name,
  size: row.size,
  createdAt: new Date(row.createdAt).toISOString(),
});

/** The one kind of range that is served: the rest from a byte on, for a transfer that broke off. Any other is ignored. */
function readFrom(range: string | undefined, size: number): number {
  const from = Number(/^bytes=([0-9]{1,15})-$/.exec(range ?? '')?.[1] ?? 0);
  return from < size ? from : 0;
}

/** What is left of a refused upload is read and dropped up to these bounds. */
const REST_BYTES = 64 * 1024 * 1024;
const REST_MS = 10_000;

/** A client that still writes when its connection ends would see a broken pipe instead of the reason. */
export async function dropRest(body: Readable): Promise<void> {
  if (body.readableEnded || body.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, REST_MS);
  let left = REST_BYTES;
  for (const event of ['end', 'close', 'error']) body.once(event, () => resolve());
  body.on('data', (piece: Uint8Array) => {
    left -= piece.length;
    if (left < 0) resolve();
  });
  await promise;
  clearTimeout(timer);
}

/** An upload that broke off is the sender's doing and not a failure of the hub. */
async function takeUpload(
  deps: BlobRouteDeps,
  body: unknown,
  declared: string | undefined,
): Promise<Result<StoredBlob>> {
  const limit = deps.maxBytes;
  if (declared !== undefined && Number(declared) > limit) {
    return refuse('blob_too_large', `It has ${Number(declared)} bytes and the limit is ${limit}.`);
  }
  if (typeof body !== 'object' || body === null) return refuse('request_invalid', 'There is no body.');
  try {
    // Ending the loop early must not end the connection: the answer is still to come.
    return await deps.blobs.put((body as Readable).iterator({ destroyOnReturn: false }), limit);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
      return refuse('request_invalid', 'The upload broke off.');
    throw error;
  }
}

export function addBlobRoutes(api: Api, deps: BlobRouteDeps): void {
  const { store, now } = deps;
  for (const type of ['application/octet-stream', 'text/csv', 'text/plain']) {
    // The body stays a stream: a model or a data set may be larger than what a process should hold.
    api.addContentTypeParser(type, { bodyLimit: Number.MAX_SAFE_INTEGER }, (_request, payload, done) =>
      done(null, payload),
    );
  }

  /** What leaves the hub only sealed for devices is not given in the clear to whoever may look on. */
  async function checkConfidential(principal: Principal | undefined, sha256: string): Promise<Result<undefined>> {
    if (principal !== undefined && mayDo(principal.roles, 'trainer')) return accept(undefined);
    const model = await findConfidentialModelOf(store, sha256);
    if (model === undefined) return accept(undefined);
    return refuse(
      'role_missing',
      `The model "${model}" is confidential: the role "trainer" (or admin) reads its bytes.`,
    );
  }

  const refuseUpload = async (reply: Parameters<typeof sendRefusal>[0], refusal: Refusal) => {
    await dropRest(reply.request.raw);
    return sendRefusal(reply.header('connection', 'close'), refusal);
  };

  api.post(
    '/api/v1/blobs',
    {
      config: { needs: 'trainer' },
      bodyLimit: deps.maxBytes,
      schema: {
        tags: ['models'],
        summary: 'Store bytes under their SHA-256',
        response: { 201: Blob, ...problemResponses },
      },
    },
    async (request, reply) => {
      const put = await takeUpload(deps, request.body, request.headers['content-length']);
      if (!put.ok) return refuseUpload(reply, put);
      await store.commit([ensureBlob({ ...put.value, createdAt: now() })]);
      return reply.status(201).send(put.value);
    },
  );

  api.get(
    '/api/v1/blobs/:sha256',
    {
      config: { needs: 'viewer' },
      schema: { tags: ['models'], summary: 'The bytes with this SHA-256', params: Type.Object({ sha256: Hex64 }) },
    },
    async (request, reply) => {
      const { sha256 } = request.params;
      const held = await checkConfidential(request.principal, sha256);
      if (!held.ok) return sendRefusal(reply, held);
      const size = await deps.blobs.size(sha256);
      if (size === undefined)
        return sendRefusal(reply, refuse('artifact_unknown', `There is no blob sha256:${sha256}.`));
      void reply.header('etag', `"${sha256}"`).header('accept-ranges', 'bytes').type('application/octet-stream');
      const from = readFrom((request as { headers: { range?: string } }).headers.range, size);
      if (from > 0) void reply.status(206).header('content-range', `bytes ${from}-${size - 1}/${size}`);
      void reply.header('content-length', size - from);
      return reply.send(createReadStream(deps.blobs.path(sha256), { start: from }));
    },
  );

  const NameQuery = Type.Object({ name: Type.String({ minLength: 1, maxLength: 256 }) });
  api.post(
    '/api/v1/datasets',
    {
      config: { needs: 'trainer' },
      bodyLimit: deps.maxBytes,
      schema: {
        tags: ['training'],
        summary: 'Store a data set',
        querystring: NameQuery,
        response: { 201: Dataset, ...problemResponses },
      },
    },
    async (request, reply) => {
      const put = await takeUpload(deps, request.body, request.headers['content-length']);
      if (!put.ok) return refuseUpload(reply, put);
      const { sha256, size } = put.value;
      if (size === 0) return sendRefusal(reply, refuse('data_empty', 'The data set has no bytes.'));
      const at = now();
      const row: DatasetRow = { sha256, size, name: request.query.name, project: 'default', createdAt: at };
      const held = await readDataset(store, sha256);
      // The same bytes again change nothing.
      if (held !== undefined) return reply.status(201).send(viewDataset(held));
      await commitWithAudit(store, [ensureBlob({ sha256, size, createdAt: at }), ensureDataset(row)], {
        at,
        actor: request.actor,
        action: 'dataset.store',
        subject: sha256,
        detail: { before: null, after: { name: row.name, size } },
      });
      return reply.status(201).send(viewDataset((await readDataset(store, sha256)) ?? row));
    },
  );

  api.get(
    '/api/v1/datasets',
    {
      config: { needs: 'viewer' },
      schema: {
        tags: ['training'],
        summary: 'List data sets',
        querystring: PageQuery,
        response: { 200: page(Dataset), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listDatasets(store, {
        limit: limit + 1,
        ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
      });
      return reply.send(cutPage(rows, limit, ({ sha256 }) => sha256, viewDataset));
    },
  );
}
