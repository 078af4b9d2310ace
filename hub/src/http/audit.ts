// Serves the audit log: filtered lists, the export as a stream, checkpoints and the key. Never writes to the log.
//
// Who may read it: "approver". An approver has to see who asked for what and who changed it since; a viewer has not. An
// administrator may all.
import { Readable } from 'node:stream';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { AuditRow } from '@drover/trust/audit/chain';
import { writeAuditKey } from '@drover/trust/audit/checkpoint';
import { AuditCheckpointView, AuditExportQuery, AuditKeyView, AuditQuery, AuditRecord } from '@drover/wire/http/audit';
import { PageQuery, page } from '@drover/wire/http/common';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Static } from 'typebox';
import { type ExportDeps, exportLog } from '../audit/export-log.ts';
import { type CheckpointRow, findAudit, listCheckpointsAfter } from '../db/audit.ts';
import { envelopeToJson } from './envelopes.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

const tags = ['audit'];
const config = { needs: 'approver' } as const;

const viewRow = ({ seq, at, actor, action, subject, detailJson, hash }: AuditRow): AuditRecord => ({
  seq,
  at: new Date(at).toISOString(),
  actor,
  action,
  subject,
  detail: JSON.parse(detailJson) as unknown,
  hash,
});

function viewCheckpoint({ seq, hash, at, envelope }: CheckpointRow): Static<typeof AuditCheckpointView> {
  const read = readSignedEnvelope(envelope);
  if (!read.ok) throw new Error(`the stored checkpoint of row ${seq} cannot be read`);
  return { seq, hash, at: new Date(at).toISOString(), envelope: envelopeToJson(read.value) };
}

function readTime(name: string, text: string | undefined): Result<number | undefined> {
  if (text === undefined) return accept(undefined);
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? refuse('request_invalid', `"${name}" is not a time of RFC 3339.`) : accept(at);
}

export function addAuditRoutes(api: Api, deps: ExportDeps): void {
  const { store, checkpoints } = deps;

  api.get(
    '/api/v1/audit',
    {
      config,
      schema: {
        tags,
        summary: 'Who changed what, newest first',
        querystring: AuditQuery,
        response: { 200: page(AuditRecord), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT, actor, action, subject } = request.query;
      const cursor = readCursor(request.query.cursor, 'number');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const since = readTime('since', request.query.since);
      if (!since.ok) return sendRefusal(reply, since);
      const until = readTime('until', request.query.until);
      if (!until.ok) return sendRefusal(reply, until);
      const filter = { actor, action, subject, since: since.value, until: until.value };
      const rows = await findAudit(store, filter, { cursor: cursor.value, limit: limit + 1 });
      return reply.send(cutPage(rows, limit, ({ seq }) => seq, viewRow));
    },
  );

  api.get(
    '/api/v1/audit/export',
    { config, schema: { tags, summary: 'The log as JSON Lines', querystring: AuditExportQuery } },
    async (request, reply) => {
      const since = readTime('since', request.query.since);
      if (!since.ok) return sendRefusal(reply, since);
      return reply.type('application/x-ndjson').send(Readable.from(exportLog(deps, since.value)));
    },
  );

  api.get(
    '/api/v1/audit/checkpoints',
    {
      config,
      schema: {
        tags,
        summary: 'Signed checkpoints of the log, oldest first',
        querystring: PageQuery,
        response: { 200: page(AuditCheckpointView), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'number');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const rows = await listCheckpointsAfter(store, { after: cursor.value ?? 0, limit: limit + 1 });
      return reply.send(cutPage(rows, limit, ({ seq }) => seq, viewCheckpoint));
    },
  );

  api.get(
    '/api/v1/audit/key',
    {
      config,
      schema: {
        tags,
        summary: 'The public key of the checkpoints',
        response: { 200: AuditKeyView, ...problemResponses },
      },
    },
    async (_request, reply) => {
      const { keyid, publicKey } = checkpoints.signer;
      return reply.send({ keyid, publicKey: writeAuditKey(publicKey) });
    },
  );
}
