// Serves the doors that devices come in by, and how they renew: enrolment and its polling, renewal with a certificate and
// without. Decides nothing about a device (identity/ does); bounds what strangers may ask.
import type { Result } from '@drover/core/reasons';
import { refuse } from '@drover/core/reasons';
import { p256FromSpki } from '@drover/trust/pki/p256';
import { checkProof } from '@drover/trust/pki/proofs';
import { type EnvelopeJson, Id } from '@drover/wire/http/common';
import {
  EnrolAnswer,
  type Enrolled,
  EnrolPending,
  EnrolRequest,
  NonceAnswer,
  RenewAnswer,
  RenewLapsedRequest,
} from '@drover/wire/http/enrolment';
import Type from 'typebox';
import { type EnrolmentRow, readEnrolment } from '../../db/enrolments.ts';
import { type EnrolDeps, enrolDevice } from '../../identity/enrol.ts';
import { type Nonces, renewDevice, renewLapsed } from '../../identity/renew.ts';
import { problemResponses, sendRefusal } from '../errors.ts';
import { makeFailureLimit } from './failure-limit.ts';
import { type DevicesApi, deviceOf, PUBLIC_RATE } from './server.ts';

export interface EnrolRouteDeps extends EnrolDeps {
  readonly hubId: string;
  readonly root: () => Promise<EnvelopeJson>;
  /** The newest TUF root; undefined while the hub has none. */
  readonly readRoot: () => Promise<Uint8Array | undefined>;
  /** Known once the listeners are open. */
  readonly urls: () => { readonly mqttUrl: string; readonly devicesUrl: string };
  readonly nonces: Nonces;
}

const open = { needs: 'public', rateLimit: PUBLIC_RATE } as const;

export function addEnrolRoutes(api: DevicesApi, deps: EnrolRouteDeps): void {
  const { store, hubId, now } = deps;
  // Only what fails counts: a site of devices behind one address may enrol together, a guesser may not guess.
  const guesses = makeFailureLimit(now);

  async function answer(row: EnrolmentRow): Promise<Enrolled | EnrolPending> {
    const { id: enrolment, device, certificate, why, release } = row;
    if (certificate === null) return { state: 'pending', enrolment, device, why: why ?? 'approval', hubId };
    const tufRoot = await deps.readRoot();
    return {
      state: 'issued',
      enrolment,
      device,
      certificate,
      ca: deps.authority.pem,
      ...deps.urls(),
      ...(release && { release }),
      hubId,
      root: await deps.root(),
      ...(tufRoot && { tufRoot: Buffer.from(tufRoot).toString('base64') }),
    };
  }

  /** Runs what a stranger may try, unless this address failed too often. */
  async function guard<T>(from: string, work: () => Promise<Result<T>>): Promise<Result<T>> {
    const waitMs = guesses.waitOf(from);
    if (waitMs > 0) return refuse('device_rate_limited', `Again in ${Math.ceil(waitMs / 1000)} s.`);
    const done = await work();
    if (!done.ok) guesses.failed(from);
    return done;
  }

  api.post(
    '/d/v1/enrol',
    {
      config: open,
      schema: { body: EnrolRequest, response: { 200: EnrolAnswer, 202: EnrolPending, ...problemResponses } },
    },
    async (request, reply) => {
      const done = await guard(request.ip, () => enrolDevice(deps, request.body, request.ip));
      if (!done.ok) return sendRefusal(reply, done);
      return reply.status(done.value.state === 'pending' ? 202 : 200).send(await answer(done.value));
    },
  );

  api.get(
    '/d/v1/enrol/:id',
    {
      config: open,
      schema: {
        params: Type.Object({ id: Id }),
        headers: Type.Object({ 'x-drover-proof': Type.String({ maxLength: 200 }) }),
        response: { 200: EnrolAnswer, 202: EnrolPending, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const found = await guard(request.ip, async () => {
        const row = await readEnrolment(store, id);
        const key = row && p256FromSpki(row.spki);
        const isProven = key !== undefined && checkProof(key, 'poll', [hubId, id], request.headers['x-drover-proof']);
        if (!row || !isProven) return refuse('device_proof_wrong', 'There is no such enrolment of this key.');
        if (row.state === 'rejected') return refuse('enrolment_rejected', `Enrolment ${id}.`);
        return { ok: true, value: row };
      });
      if (!found.ok) return sendRefusal(reply, found);
      return reply.status(found.value.state === 'pending' ? 202 : 200).send(await answer(found.value));
    },
  );

  api.post(
    '/d/v1/renew',
    { schema: { response: { 200: RenewAnswer, ...problemResponses } } },
    async (request, reply) => {
      const done = await renewDevice(deps, deviceOf(request).id);
      return done.ok ? reply.send({ certificate: done.value }) : sendRefusal(reply, done);
    },
  );

  // Without a certificate: the handshake refuses nobody here, the signature decides.
  api.post(
    '/d/v1/renew-lapsed',
    {
      config: open,
      schema: {
        body: RenewLapsedRequest,
        response: { 200: Type.Union([RenewAnswer, NonceAnswer]), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { device, nonce, signature } = request.body;
      if (nonce === undefined || signature === undefined) return reply.send({ nonce: deps.nonces.make(), hubId });
      const done = await guard(request.ip, () => renewLapsed(deps, { device, nonce, signature }));
      return done.ok ? reply.send({ certificate: done.value }) : sendRefusal(reply, done);
    },
  );
}
