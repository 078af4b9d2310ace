// Serves what outsiders check a version with: model signatures, the exact manifest; takes signatures from publishers. The decisions are the
// registry's.
import { refuse } from '@drover/core/reasons';
import { PAYLOAD_TYPES } from '@drover/trust/documents';
import { Name } from '@drover/wire/http/common';
import { ModelSignature, ModelSignatureRequest } from '@drover/wire/http/models';
import { readSignedEnvelope } from '@drover/wire/read';
import Type from 'typebox';
import { readVersion } from '../db/models.ts';
import { readOms } from '../db/oms.ts';
import { type SignatureDeps, storeSignature } from '../registry/model-signature.ts';
import { viewSignature } from '../registry/version-views.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

const tags = ['models'];
const One = Type.Object({ model: Name, version: Type.Integer({ minimum: 1, maximum: 2 ** 31 }) });
const path = '/api/v1/models/:model/versions/:version/oms';

export function addModelSignatureRoutes(api: Api, deps: SignatureDeps): void {
  api.get(
    path,
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary:
          'The model signature (OpenSSF Model Signing v1.0) as the file model.sig; the newest one, or that of a key',
        params: One,
        querystring: Type.Object({ key: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })) }),
      },
    },
    async (request, reply) => {
      const { model, version } = request.params;
      const row = await readOms(deps.store, model, version, request.query.key);
      if (row === undefined) return sendRefusal(reply, refuse('oms_unknown', `It is ${model}@${version}.`));
      void reply.header('etag', `"${row.sha256}"`).header('content-length', row.bundle.length);
      return reply.type('application/vnd.dev.sigstore.bundle.v0.3+json').send(Buffer.from(row.bundle));
    },
  );

  api.get(
    '/api/v1/models/:model/versions/:version/manifest',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'The manifest as the exact bytes that were signed', params: One },
    },
    async (request, reply) => {
      const { model, version } = request.params;
      const row = await readVersion(deps.store, model, version);
      if (row === undefined) return sendRefusal(reply, refuse('version_unknown', `${model}@${version}.`));
      const envelope = readSignedEnvelope(row.envelope);
      if (!envelope.ok) throw new Error(`the stored envelope of ${model}@${version} cannot be read`);
      void reply.header('etag', `"${row.manifest}"`);
      return reply.type(PAYLOAD_TYPES.manifest).send(Buffer.from(envelope.value.payload));
    },
  );

  api.put(
    path,
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Put the model signature of a publisher beside a version',
        params: One,
        body: ModelSignatureRequest,
        response: { 200: ModelSignature, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { bundle, publicKey } = request.body;
      const { model, version } = request.params;
      const bytes = Buffer.from(bundle, 'base64');
      const { actor } = request;
      const stored = await storeSignature(deps, { model, version, bundle: bytes, publicKey, actor });
      return stored.ok ? reply.send(viewSignature(stored.value)) : sendRefusal(reply, stored);
    },
  );
}
