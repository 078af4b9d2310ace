// Posts one event to an address that an operator named: signed, bounded in time and bytes, never redirected. Never retries.
import { EVENT_CONTENT_TYPE, SIGNATURE_HEADER, signBody } from './cloud-event.ts';
import type { Channel } from './sender.ts';

const TIMEOUT_MS = 10_000;

export interface WebhookOptions {
  readonly url: string;
  /** Signs each body; without it nothing proves that it comes from this hub. */
  readonly secret: Uint8Array | undefined;
  readonly now: () => number;
}

export function openWebhook({ url, secret, now }: WebhookOptions): Channel {
  return async ({ bodyJson }, signal) => {
    try {
      const answer = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'content-type': EVENT_CONTENT_TYPE,
          ...(secret && { [SIGNATURE_HEADER]: signBody(secret, bodyJson, now()) }),
        },
        body: bodyJson,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      // Only whether it was taken matters: what it says is not read.
      await answer.body?.cancel();
      return { error: answer.status >= 200 && answer.status < 300 ? undefined : `HTTP ${answer.status}` };
    } catch (error) {
      const cause = error instanceof Error ? (error.cause instanceof Error ? error.cause : error) : undefined;
      return { error: cause?.message ?? String(error) };
    }
  };
}
