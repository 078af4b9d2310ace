// Owns the one string that a person carries to a device: where the hub is, by which CA it is known, and the code. Never logs it.
import { createHash } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';

export interface Claim {
  /** The devices' listener. */
  readonly url: string;
  /** SHA-256 of the hub's CA certificate, in hex. */
  readonly caFingerprint: string;
  /** 16 random bytes in base64url. */
  readonly code: string;
}

const PREFIX = 'drover1.';
const CODE = /^[A-Za-z0-9_-]{22}$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const MOST_CHARACTERS = 1024;

/** Tells a string that was cut or mistyped from one of another hub. */
const checkOf = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 6);

/** `drover1.<code>.<fingerprint>.<address>.<check>`, parts in base64url: no character that a shell or a QR code minds. */
export function formatClaim({ url, caFingerprint, code }: Claim): string {
  const parts = [code, Buffer.from(caFingerprint, 'hex').toString('base64url'), Buffer.from(url).toString('base64url')];
  const text = PREFIX + parts.join('.');
  return `${text}.${checkOf(text)}`;
}

/** A fingerprint as people write it: with or without `sha256:`, colons, capitals. */
export function parseFingerprint(text: string): Result<string> {
  const hex = text
    .trim()
    .toLowerCase()
    .replace(/^sha-?256[:=]/, '')
    .replaceAll(':', '');
  return FINGERPRINT.test(hex)
    ? accept(hex)
    : refuse('claim_invalid', 'A fingerprint is a SHA-256 in 64 hex characters.');
}

/** An address of a devices' listener without path, user or query. */
export function parseDevicesUrl(text: string): Result<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    !url ||
    url.protocol !== 'https:' ||
    url.username !== '' ||
    url.password !== '' ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.hash !== ''
  )
    return refuse('claim_invalid', `"${text.slice(0, 120)}" is not an address like https://HOST:PORT.`);
  return accept(url.origin);
}

export function parseClaim(text: string): Result<Claim> {
  const whole = text.trim().slice(0, MOST_CHARACTERS + 1);
  const at = whole.lastIndexOf('.');
  const body = whole.slice(0, Math.max(0, at));
  const [code, fingerprint, address, ...more] = body.startsWith(PREFIX) ? body.slice(PREFIX.length).split('.') : [];
  // The string holds a secret: nothing of it is repeated.
  if (code === undefined || fingerprint === undefined || address === undefined || more.length > 0 || !CODE.test(code))
    return refuse('claim_invalid', 'A claim starts with "drover1." and has four more parts.');
  if (whole.slice(at + 1) !== checkOf(body))
    return refuse('claim_invalid', 'It is not complete, or a character differs.');
  const caFingerprint = Buffer.from(fingerprint, 'base64url').toString('hex');
  if (!FINGERPRINT.test(caFingerprint)) return refuse('claim_invalid', 'Its fingerprint is damaged.');
  const url = parseDevicesUrl(Buffer.from(address, 'base64url').toString('utf8'));
  return url.ok ? accept({ url: url.value, caFingerprint, code }) : refuse('claim_invalid', 'Its address is damaged.');
}
