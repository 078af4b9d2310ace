// Serves what is carried by hand: takes reports of devices without a network and gives what they should run. Never looks
// into either.
import type { Readable } from 'node:stream';
import { type Refusal, refuse } from '@drover/core/reasons';
import { REPORT_BYTES } from '@drover/wire/carrier';
import { ExportRequest, ReportImport } from '@drover/wire/http/carry';
import { DeviceId } from '@drover/wire/http/common';
import Type from 'typebox';
import type { Exporter } from '../carry/export-models.ts';
import type { Importer } from '../carry/import-report.ts';
import { dropRest } from './blobs.ts';
import { envelopeToJson } from './envelopes.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

export interface CarryRouteDeps {
  readonly exporter: Exporter;
  readonly importer: Importer;
}

/** The files, their index and its length. */
const BODY_BYTES = REPORT_BYTES + 256 * 1024;
const BROKEN: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']);

export function addCarryRoutes(api: Api, { importer, exporter }: CarryRouteDeps): void {
  // The body stays a stream: a full outbox is more than a process should hold for each import.
  api.addContentTypeParser('application/octet-stream', { bodyLimit: Number.MAX_SAFE_INTEGER }, (_, payload, done) =>
    done(null, payload),
  );

  const refuseUpload = async (reply: Parameters<typeof sendRefusal>[0], refusal: Refusal) => {
    await dropRest(reply.request.raw);
    return sendRefusal(reply.header('connection', 'close'), refusal);
  };

  api.post(
    '/api/v1/devices/:id/reports',
    {
      bodyLimit: BODY_BYTES,
      config: { needs: 'operator' },
      schema: {
        tags: ['devices'],
        summary: 'Import a report that was carried here',
        description:
          'The body is the length of the signed index (four bytes, most significant first), the index, and the files in its order.',
        params: Type.Object({ id: DeviceId }),
        response: { 200: ReportImport, ...problemResponses },
      },
    },
    async (request, reply) => {
      const body: unknown = request.body;
      if (typeof body !== 'object' || body === null)
        return refuseUpload(reply, refuse('request_invalid', 'There is no body.'));
      if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES)
        return refuseUpload(reply, refuse('report_too_large', `At most ${BODY_BYTES} bytes are taken.`));
      try {
        const pieces = (body as Readable).iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
        const imported = await importer.importReport(request.params.id, pieces, request.actor);
        if (!imported.ok) return await refuseUpload(reply, imported);
        return await reply.send({ ...imported.value, ack: envelopeToJson(imported.value.ack) });
      } catch (error) {
        if (!BROKEN.has((error as NodeJS.ErrnoException).code)) throw error;
        return refuseUpload(reply, refuse('request_invalid', 'The upload broke off.'));
      }
    },
  );

  api.post(
    '/api/v1/exports',
    {
      config: { needs: 'operator' },
      schema: {
        tags: ['devices'],
        summary: 'Sign what devices without a network should run, to be carried there',
        description:
          'Answers the length of the signed index (four bytes, most significant first), the index, the desired messages and the files of release metadata in its order. The blobs that it names are fetched one by one.',
        body: ExportRequest,
      },
    },
    async (request, reply) => {
      const made = await exporter.exportModels(request.body, request.actor);
      if (!made.ok) return sendRefusal(reply, made);
      const { bytes, open, drop } = made.value;
      const body = open();
      body.once('close', drop);
      return reply.header('content-length', bytes).type('application/octet-stream').send(body);
    },
  );
}
