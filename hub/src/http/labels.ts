// Serves labels that become known late. Never keeps one: they go to the device as a command.
import { LabelsRequest, LabelsResponse } from '@drover/wire/http/monitoring';
import { type PushDeps, pushLabels } from '../labels/push-labels.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { addIdempotency } from './idempotency.ts';
import type { Api } from './server.ts';

export function addLabelRoutes(api: Api, deps: PushDeps): void {
  addIdempotency(api, deps);
  api.post(
    '/api/v1/labels',
    {
      config: { needs: 'operator' },
      schema: {
        tags: ['monitoring'],
        summary: 'Send truths of earlier predictions to their device',
        body: LabelsRequest,
        response: { 202: LabelsResponse, ...problemResponses },
      },
    },
    async (request, reply) => {
      const pushed = await pushLabels(deps, request.body, request.actor);
      return pushed.ok
        ? reply.status(202).send({ ...pushed.value, commands: [...pushed.value.commands] })
        : sendRefusal(reply, pushed);
    },
  );
}
