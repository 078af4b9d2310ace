// Serves the labels of devices by whose values the answers of a model are always compared. What a difference means is not decided here.
import { refuse } from '@drover/core/reasons';
import { Name } from '@drover/wire/http/common';
import { ModelSlices } from '@drover/wire/http/models';
import Type from 'typebox';
import { commitWithAudit } from '../db/audit.ts';
import { readModel } from '../db/models.ts';
import { listModelSlices, writeModelSlices } from '../db/quality.ts';
import type { Store } from '../db/store.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

const tags = ['models'];
const ROUTE = '/api/v1/models/:model/slices';

export function addModelSliceRoutes(
  api: Api,
  { store, now }: { readonly store: Store; readonly now: () => number },
): void {
  const params = Type.Object({ model: Name });
  const response = { 200: ModelSlices, ...problemResponses };

  api.get(
    ROUTE,
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Labels by whose values the answers of a model are always compared', params, response },
    },
    async (request, reply) => {
      const { model } = request.params;
      if (!(await readModel(store, model))) return sendRefusal(reply, refuse('model_unknown', `"${model}".`));
      return reply.send({ labels: [...(await listModelSlices(store, model))] });
    },
  );

  api.put(
    ROUTE,
    {
      config: { needs: 'trainer' },
      schema: {
        tags,
        summary: 'Declare the labels by whose values the answers of a model are always compared; none ends it',
        params,
        body: ModelSlices,
        response,
      },
    },
    async (request, reply) => {
      const { model } = request.params;
      const labels = [...new Set(request.body.labels)].toSorted();
      if (!(await readModel(store, model))) return sendRefusal(reply, refuse('model_unknown', `"${model}".`));
      const before = await listModelSlices(store, model);
      await commitWithAudit(store, writeModelSlices(model, labels), {
        at: now(),
        actor: request.actor,
        action: 'model.slices',
        subject: model,
        detail: { before, after: labels },
      });
      return reply.send({ labels });
    },
  );
}
