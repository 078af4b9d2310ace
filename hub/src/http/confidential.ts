// Serves the mark that a model is confidential. What follows from it is decided where artifacts are offered.
import { Name } from '@drover/wire/http/common';
import { Confidential } from '@drover/wire/http/models';
import Type from 'typebox';
import { commitWithAudit } from '../db/audit.ts';
import { isConfidential, markConfidential, unmarkConfidential } from '../db/sealed.ts';
import type { Store } from '../db/store.ts';
import { problemResponses } from './errors.ts';
import type { Api } from './server.ts';

const tags = ['models'];
const ROUTE = '/api/v1/models/:model/confidential';

export function addConfidentialRoutes(
  api: Api,
  { store, now }: { readonly store: Store; readonly now: () => number },
): void {
  const params = Type.Object({ model: Name });
  const response = { 200: Confidential, ...problemResponses };

  api.get(
    ROUTE,
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Whether a model leaves the hub only sealed', params, response },
    },
    async (request, reply) => reply.send({ confidential: await isConfidential(store, request.params.model) }),
  );

  api.put(
    ROUTE,
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Mark a model as confidential, also before its first version, or take the mark away',
        params,
        body: Confidential,
        response,
      },
    },
    async (request, reply) => {
      const { model } = request.params;
      const { confidential } = request.body;
      const before = await isConfidential(store, model);
      if (before !== confidential) {
        const change = confidential ? markConfidential(model, request.actor, now()) : unmarkConfidential(model);
        await commitWithAudit(store, [change], {
          at: now(),
          actor: request.actor,
          action: 'model.confidential',
          subject: model,
          detail: { before, after: confidential },
        });
      }
      return reply.send({ confidential });
    },
  );
}
