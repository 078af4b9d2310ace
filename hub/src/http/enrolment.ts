// Serves people what concerns the identity of devices: claims, batch tokens, factory CAs, who waits, approval, revocation.
// Decides nothing (identity/ does).
import { refuse } from '@drover/core/reasons';
import { formatClaim } from '@drover/trust/pki/claim-string';
import { readCertificate } from '@drover/trust/pki/factory';
import { DeviceId, Hex64, Id, PageQuery, page } from '@drover/wire/http/common';
import {
  BatchTokenMade,
  BatchTokenRequest,
  ClaimMade,
  ClaimRequest,
  EnrolmentDecided,
  FactoryCa,
  FactoryCaRequest,
  IdentityItem,
  PendingEnrolment,
  Preauthorized,
  PreauthorizeRequest,
} from '@drover/wire/http/enrolment';
import Type from 'typebox';
import { type FactoryCaRow, listFactoryCas, listPending } from '../db/enrolments.ts';
import { approveEnrolment, type EnrolDeps, rejectEnrolment } from '../identity/enrol.ts';
import { viewIdentity, viewPending } from '../identity/identity-views.ts';
import { revokeDevice } from '../identity/renew.ts';
import {
  addFactoryCa,
  endToken,
  makeBatchToken,
  makeClaim,
  preauthorize,
  removeFactoryCa,
} from '../identity/vouchers.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import { cutPage, DEFAULT_LIMIT, readCursor } from './pages.ts';
import type { Api } from './server.ts';

export interface EnrolmentRouteDeps extends EnrolDeps {
  readonly devicesUrl: string;
  /** In development devices have secrets: a certificate would open nothing. */
  readonly isDev: boolean;
}

const tags = ['devices'];
const instant = (at: number): string => new Date(at).toISOString();
const NOT_IN_DEV = refuse('dev_without_certificates', 'This hub runs with --dev.');

function viewFactoryCa({ fingerprint, name, pem }: FactoryCaRow): FactoryCa {
  const certificate = readCertificate(pem);
  return {
    fingerprint,
    name,
    subject: certificate?.subject.replaceAll('\n', ', ') ?? '',
    notAfter: instant(certificate?.validToDate.getTime() ?? 0),
  };
}

export function addEnrolmentRoutes(api: Api, deps: EnrolmentRouteDeps): void {
  addVoucherRoutes(api, deps);
  addFactoryRoutes(api, deps);
  const { store } = deps;

  api.get(
    '/api/v1/enrolments',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Devices that wait for a person',
        querystring: PageQuery,
        response: { 200: page(PendingEnrolment), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT } = request.query;
      const cursor = readCursor(request.query.cursor, 'string');
      if (!cursor.ok) return sendRefusal(reply, cursor);
      const after = cursor.value === undefined ? {} : { cursor: cursor.value };
      const rows = await listPending(store, { limit: limit + 1, ...after });
      const cut = cutPage(
        rows,
        limit,
        ({ id }) => id,
        (row) => row,
      );
      return reply.send({ items: await viewPending(store, cut.items), nextCursor: cut.nextCursor });
    },
  );

  for (const [verb, decide] of [
    ['approve', approveEnrolment],
    ['reject', rejectEnrolment],
  ] as const) {
    api.post(
      `/api/v1/enrolments/:id/${verb}`,
      {
        config: { needs: 'operator' },
        schema: {
          tags,
          summary: verb === 'approve' ? 'Let a waiting device in' : 'Turn a waiting device away',
          params: Type.Object({ id: Id }),
          response: { 200: EnrolmentDecided, ...problemResponses },
        },
      },
      async (request, reply) => {
        const done = await decide(deps, request.params.id, request.actor);
        if (!done.ok) return sendRefusal(reply, done);
        const { id, device, state } = done.value;
        return reply.send({ id, device, state });
      },
    );
  }

  api.post(
    '/api/v1/devices/:id/revoke',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Revoke the identity of a device and end its session',
        params: Type.Object({ id: DeviceId }),
        response: { 200: IdentityItem, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await revokeDevice(deps, request.params.id, request.actor);
      if (!done.ok) return sendRefusal(reply, done);
      return reply.send({ device: done.value.device, ...viewIdentity(done.value, deps.now()) });
    },
  );
}

// No Idempotency-Key on these: the answers hold secrets that the hub must not keep.
function addVoucherRoutes(api: Api, deps: EnrolmentRouteDeps): void {
  const caFingerprint = deps.authority.fingerprint;
  const { devicesUrl } = deps;

  api.post(
    '/api/v1/claims',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'A single-use claim for one device; shown once',
        body: ClaimRequest,
        response: { 201: ClaimMade, ...problemResponses },
      },
    },
    async (request, reply) => {
      if (deps.isDev) return sendRefusal(reply, NOT_IN_DEV);
      const made = await makeClaim(deps, request.body, request.actor);
      if (!made.ok) return sendRefusal(reply, made);
      const { id, code, expiresAt } = made.value;
      const claim = formatClaim({ url: devicesUrl, caFingerprint, code });
      return reply.status(201).send({ id, claim, expiresAt: instant(expiresAt) });
    },
  );

  api.post(
    '/api/v1/batch-tokens',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'A token for many devices, each of which waits for a person; shown once',
        body: BatchTokenRequest,
        response: { 201: BatchTokenMade, ...problemResponses },
      },
    },
    async (request, reply) => {
      if (deps.isDev) return sendRefusal(reply, NOT_IN_DEV);
      const made = await makeBatchToken(deps, request.body, request.actor);
      if (!made.ok) return sendRefusal(reply, made);
      const { id, token, expiresAt } = made.value;
      const { uses } = request.body;
      return reply.status(201).send({ id, token, uses, expiresAt: instant(expiresAt), devicesUrl, caFingerprint });
    },
  );

  api.delete(
    '/api/v1/batch-tokens/:id',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'End a batch token',
        params: Type.Object({ id: Id }),
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await endToken(deps, request.params.id, request.actor);
      return done.ok ? reply.status(204).send(null) : sendRefusal(reply, done);
    },
  );

  api.post(
    '/api/v1/preauthorizations',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Announce hardware and its key: it comes in by a batch token without waiting',
        body: PreauthorizeRequest,
        response: { 201: Preauthorized, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await preauthorize(deps, request.body, request.actor);
      if (!done.ok) return sendRefusal(reply, done);
      const { hardware, keyFingerprint } = request.body;
      return reply.status(201).send({ hardware, keyFingerprint });
    },
  );
}

function addFactoryRoutes(api: Api, deps: EnrolmentRouteDeps): void {
  api.get(
    '/api/v1/factory-cas',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Registered factory CAs', response: { 200: page(FactoryCa), ...problemResponses } },
    },
    async (_request, reply) => {
      const rows = await listFactoryCas(deps.store);
      return reply.send({ items: rows.map(viewFactoryCa), nextCursor: null });
    },
  );

  api.post(
    '/api/v1/factory-cas',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Register the CA of a maker: its devices come in by their factory certificates',
        body: FactoryCaRequest,
        response: { 201: FactoryCa, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await addFactoryCa(deps, request.body, request.actor);
      return done.ok ? reply.status(201).send(viewFactoryCa(done.value)) : sendRefusal(reply, done);
    },
  );

  api.delete(
    '/api/v1/factory-cas/:fingerprint',
    {
      config: { needs: 'admin' },
      schema: {
        tags,
        summary: 'Take a factory CA away; its devices that are enrolled stay',
        params: Type.Object({ fingerprint: Hex64 }),
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await removeFactoryCa(deps, request.params.fingerprint, request.actor);
      return done.ok ? reply.status(204).send(null) : sendRefusal(reply, done);
    },
  );
}
