// Turns signed envelopes into their JSON form and back. Never verifies one.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { EnvelopeJson } from '@drover/wire/http/common';
import type { SignedEnvelope } from '@drover/wire/messages';

export const envelopeToJson = (envelope: SignedEnvelope): EnvelopeJson => ({
  payloadType: envelope.payloadType,
  payload: Buffer.from(envelope.payload).toString('base64'),
  signatures: envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig).toString('base64') })),
});

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Buffer.from would skip what is no base64: the bytes that are verified must be those that were sent. */
export function readBase64(text: string): Uint8Array | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

export function envelopeFromJson(json: EnvelopeJson): Result<SignedEnvelope> {
  const payload = readBase64(json.payload);
  if (payload === undefined) return refuse('envelope_malformed', 'The payload is not base64.');
  const signatures: { keyid: string; sig: Uint8Array }[] = [];
  for (const { keyid, sig } of json.signatures) {
    const bytes = readBase64(sig);
    if (bytes === undefined) return refuse('envelope_malformed', 'A signature is not base64.');
    signatures.push({ keyid, sig: bytes });
  }
  return accept({ payloadType: json.payloadType, payload, signatures });
}
