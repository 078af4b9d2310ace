// Owns the signed checkpoints of the audit log: what they say, and whether one is to be believed. Never stores one.
//
// The chain alone proves nothing about its end: who can write the database can cut it, or write it anew from any row on. A
// checkpoint that somebody else keeps is what such a log no longer matches.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { SignedEnvelope } from '@drover/wire/messages';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { countSignatures, keyidOf, publicKeyFromRaw, type Signer, signPayload } from '../dsse.ts';

export const CHECKPOINT_TYPE = 'application/vnd.drover.audit-checkpoint+json';

/** "When the log of `hub` had `seq` rows, the last of them had this hash." */
export const AuditCheckpoint = Type.Object(
  {
    type: Type.Literal('drover.audit-checkpoint/1'),
    hub: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    at: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
  },
  { additionalProperties: false },
);
export type AuditCheckpoint = Static<typeof AuditCheckpoint>;

/** keyid → raw Ed25519 public key. */
export type AuditKeys = ReadonlyMap<string, Uint8Array>;

const PAYLOAD_BYTES = 1024;
const decoder = new TextDecoder('utf-8', { fatal: true });

export const signCheckpoint = (checkpoint: AuditCheckpoint, signer: Signer): Promise<SignedEnvelope> =>
  signPayload(CHECKPOINT_TYPE, Buffer.from(JSON.stringify(checkpoint)), [signer]);

function parseCheckpoint(payload: Uint8Array): AuditCheckpoint | undefined {
  if (payload.length > PAYLOAD_BYTES) return undefined;
  try {
    const json: unknown = JSON.parse(decoder.decode(payload));
    return Value.Check(AuditCheckpoint, json) ? json : undefined;
  } catch {
    // Neither JSON nor UTF-8: no checkpoint.
    return undefined;
  }
}

/** The checkpoint in an envelope that one of the keys signed. */
export function openCheckpoint(envelope: SignedEnvelope, keys: AuditKeys): Result<AuditCheckpoint> {
  if (envelope.payloadType !== CHECKPOINT_TYPE)
    return refuse('payload_type_mismatch', `It says "${envelope.payloadType.slice(0, 80)}".`);
  const [signature] = envelope.signatures;
  if (envelope.signatures.length !== 1 || countSignatures(envelope, keys).valid !== 1)
    return refuse('audit_signature_invalid', `It names the key ${(signature?.keyid ?? 'none').slice(0, 16)}.`);
  const checkpoint = parseCheckpoint(envelope.payload);
  return checkpoint === undefined ? refuse('document_invalid', 'It is not an audit checkpoint.') : accept(checkpoint);
}

const RAW_KEY = 32;

/** The public key as SubjectPublicKeyInfo in PEM: what an auditor notes. */
export const writeAuditKey = (raw: Uint8Array): string =>
  publicKeyFromRaw(raw).export({ format: 'pem', type: 'spki' }).toString();

/** Reads what `writeAuditKey` wrote. */
export function readAuditKey(pem: string): Result<{ readonly keyid: string; readonly raw: Uint8Array }> {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    // node:crypto says "not a key" by throwing.
    return refuse('key_invalid', 'This is not a public key in PEM.');
  }
  if (key.asymmetricKeyType !== 'ed25519') return refuse('key_invalid', 'An audit key is an Ed25519 key.');
  const raw = key.export({ format: 'der', type: 'spki' }).subarray(-RAW_KEY);
  return accept({ keyid: keyidOf(raw), raw });
}
