// Decides what a POST with an Idempotency-Key does: the first one works, repeats get its answer, another request with
// the same key is refused. Answers are kept for a day. Never keeps an answer that holds a secret: join has no key.
import { createHash } from 'node:crypto';
import { refuse } from '@drover/core/reasons';
import { claimKey, dropOldKeys, keepAnswer, readKey, releaseKey } from '../db/idempotency.ts';
import type { Store } from '../db/store.ts';
import { sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

const KEPT_MS = 24 * 3600_000;
const KEY = /^[\x21-\x7e]{1,128}$/;

declare module 'fastify' {
  interface FastifyRequest {
    /** The key that this request claimed and has to settle. */
    idempotencyKey: string | undefined;
  }
}

/** Who asks is part of it: a key that another person used before shows nobody their answer. */
const digestRequest = (actor: string, method: string, url: string, body: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([actor, method, url, body ?? null]))
    .digest('hex');

/** Adds the behaviour to the POST routes of `api` that take JSON. */
export function addIdempotency(api: Api, deps: { readonly store: Store; readonly now: () => number }): void {
  const { store, now } = deps;
  api.decorateRequest('idempotencyKey', undefined);

  api.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || key === undefined) return undefined;
    if (typeof key !== 'string' || !KEY.test(key)) {
      return sendRefusal(
        reply,
        refuse('request_invalid', 'The Idempotency-Key must be 1 to 128 printable characters.'),
      );
    }
    const digest = digestRequest(request.actor, request.method, request.url, request.body);
    const claimed = await store.commit([dropOldKeys(now() - KEPT_MS), claimKey(key, digest, now())]);
    if (claimed.ok) {
      request.idempotencyKey = key;
      return undefined;
    }
    const held = await readKey(store, key);
    if (held !== undefined && held.request !== digest)
      return sendRefusal(reply, refuse('idempotency_conflict', 'The earlier one had another path or body.'));
    if (held?.status === null || held === undefined)
      return sendRefusal(reply, refuse('idempotency_busy', 'The first one has not ended.'));
    void reply.header('idempotency-replayed', 'true').status(held.status).type('application/json; charset=utf-8');
    return reply.serializer((text: string) => text).send(held.body);
  });

  api.addHook('onSend', async (request, reply, payload) => {
    const key = request.idempotencyKey;
    if (key === undefined) return payload;
    request.idempotencyKey = undefined;
    // Only what was done is kept: a refusal may turn into an answer once its cause is gone.
    const isDone = reply.statusCode < 300 && typeof payload === 'string';
    await store.commit([isDone ? keepAnswer(key, reply.statusCode, payload) : releaseKey(key)]);
    return payload;
  });
}
