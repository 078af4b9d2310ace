// Owns what an identifier of Drover looks like and how one is made. Never reads a clock or a random source.
import { accept, type Result, refuse } from './reasons.ts';

/** Lower-case hex of a SHA-256, 64 characters. */
export type Digest = string;

const DEVICE_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const ID = /^[0-9a-f]{32}$/;

export const isDeviceId = (text: string): boolean => DEVICE_ID.test(text);
export const isDigest = (text: string): boolean => DIGEST.test(text);
/** A UUIDv7 as 32 lower-case hex characters. */
export const isId = (text: string): boolean => ID.test(text);
/** Names of models, slots, aliases and label keys. */
export const isName = (text: string): boolean => NAME.test(text);

export function parseDeviceId(text: string): Result<string> {
  if (isDeviceId(text)) return accept(text);
  return refuse(
    'device_id_invalid',
    `"${text.slice(0, 80)}" is not [a-z0-9][a-z0-9_-]{0,62}; put other names in a label.`,
  );
}

export function parseName(text: string): Result<string> {
  if (isName(text)) return accept(text);
  return refuse('name_invalid', `"${text.slice(0, 80)}" is not [a-z0-9][a-z0-9._-]{0,62}.`);
}

/** Accepts `sha256:<hex>` and bare hex. */
export function parseDigest(text: string): Result<Digest> {
  const hex = text.startsWith('sha256:') ? text.slice(7) : text;
  return DIGEST.test(hex)
    ? accept(hex)
    : refuse('digest_invalid', `"${text.slice(0, 80)}" is not a SHA-256 in lower-case hex.`);
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/**
 * UUIDv7 (RFC 9562 §5.7) as 32 lower-case hex characters: 48 bits of `nowMs`, then `random` (10 bytes) with version and
 * variant set. Ids made later sort later, to the millisecond.
 */
export function makeId(nowMs: number, random: Uint8Array): string {
  if (random.length < 10) throw new Error('makeId needs 10 random bytes');
  const bytes = new Uint8Array(16);
  let rest = nowMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return hex(bytes);
}
