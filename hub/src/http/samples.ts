// Serves captured rows to those who train. Never changes one.
import type { Manifest } from '@drover/trust/documents';
import { SamplesPage, SamplesQuery } from '@drover/wire/http/samples';
import { listVersionDocuments } from '../db/models.ts';
import { listManifestsOf, listSamples } from '../db/samples.ts';
import type { Store } from '../db/store.ts';
import { readSpans } from '../samples/read-spans.ts';
import { suspectOf } from '../samples/suspect.ts';
import { viewSample } from '../samples/view-sample.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

export function addSampleRoutes(api: Api, { store }: { readonly store: Store }): void {
  api.get(
    '/api/v1/samples',
    {
      // Raw rows: not for everybody who may look at numbers.
      config: { needs: 'trainer' },
      schema: {
        tags: ['monitoring'],
        summary: 'Raw rows that devices captured, newest first',
        querystring: SamplesQuery,
        response: { 200: SamplesPage, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { cursor: text, limit = DEFAULT_LIMIT, model, version, ...filter } = request.query;
      const cursor = readCursor(text, 'number');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const manifests = model === undefined ? undefined : await listManifestsOf(store, model, version);
      const rows = await listSamples(store, { ...filter, manifests }, { cursor: cursor.value, limit: limit + 1 });
      const digests = [...new Set(rows.map(({ manifest }) => manifest))];
      const documents = new Map(
        (await listVersionDocuments(store, digests)).map(({ manifest, documentJson }) => [
          manifest,
          JSON.parse(documentJson) as Manifest,
        ]),
      );
      const spans = await readSpans(store, [...new Set(rows.map(({ device }) => device))]);
      return reply.send(
        cutPage(
          rows,
          limit,
          ({ id }) => id,
          (row) => viewSample(row, documents.get(row.manifest), suspectOf(spans, row)),
        ),
      );
    },
  );
}
