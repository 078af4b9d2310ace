// Signs models for outsiders and checks such signatures: a Sigstore bundle v0.3 around a DSSE envelope around a statement
// (OMS v1.0 §4). Pure over bytes and keys; never reads a folder.
//
// An own parser: that of @sigstore/bundle refuses the certificate vector of the specification.
import { X509Certificate } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { encodePae } from '../dsse.ts';
import { type OmsPublicKey, type OmsSigner, omsPublicKeyOf, readOmsPublicKey } from './key.ts';
import { encodeStatement, type OmsFile, type OmsStatement, parseStatement, STATEMENT_BYTES } from './statement.ts';

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** The conventional name of the signature beside the model (§9). */
export const SIGNATURE_FILE = 'model.sig';
/** A bundle is a statement in base64 and little else. */
export const BUNDLE_BYTES = Math.ceil(STATEMENT_BYTES / 3) * 4 + 256 * 1024;

const closed = { additionalProperties: false };
const Text = Type.String({ minLength: 1 });
const Certificate = Type.Object({ rawBytes: Text });
const Tlog = Type.Optional(Type.Array(Type.Unknown(), { maxItems: 16 }));
const Rest = { timestampVerificationData: Type.Optional(Type.Unknown()) };

const Bundle = Type.Object(
  {
    mediaType: Type.Literal(BUNDLE_TYPE),
    // The three methods of §4.1; a mixture of them is none.
    verificationMaterial: Type.Union([
      Type.Object(
        {
          // `rawBytes`: bundles older than v1.1.0 of the reference implementation.
          publicKey: Type.Union([Type.Object({ hint: Text }), Type.Object({ rawBytes: Text })]),
          tlogEntries: Tlog,
          ...Rest,
        },
        closed,
      ),
      Type.Object(
        {
          x509CertificateChain: Type.Object({ certificates: Type.Array(Certificate, { minItems: 1, maxItems: 16 }) }),
          tlogEntries: Tlog,
          ...Rest,
        },
        closed,
      ),
      Type.Object(
        { certificate: Certificate, tlogEntries: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 16 }), ...Rest },
        closed,
      ),
    ]),
    dsseEnvelope: Type.Object(
      {
        payload: Text,
        payloadType: Type.Literal(PAYLOAD_TYPE),
        // Sigstore bundles carry exactly one signature.
        signatures: Type.Array(
          Type.Object(
            { sig: Text, keyid: Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()])) },
            closed,
          ),
          { minItems: 1, maxItems: 1 },
        ),
      },
      closed,
    ),
  },
  closed,
);

export interface OmsBundle {
  readonly method: 'key' | 'certificate' | 'sigstore';
  /** What the bundle says about its key; undefined in older bundles and for the other methods. */
  readonly hint: string | undefined;
  /** DER of the certificate that signed; undefined for the method "key". */
  readonly leaf: Uint8Array | undefined;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Buffer.from would skip what is no base64, and bits behind the end: one text, one meaning. */
function readBase64(text: string): Uint8Array | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // Neither JSON nor UTF-8: not a bundle.
    return undefined;
  }
}

const malformed = (detail: string): Result<never> => refuse('oms_malformed', detail);

/** Reads the form of a bundle of any method; believes nothing in it. */
export function parseOmsBundle(bytes: Uint8Array): Result<OmsBundle> {
  if (bytes.length > BUNDLE_BYTES) return malformed(`It has ${bytes.length} bytes and the limit is ${BUNDLE_BYTES}.`);
  const json = parseJson(bytes);
  if (json === undefined) return malformed('It is not JSON in UTF-8.');
  if (!Value.Check(Bundle, json)) {
    const [first] = Value.Errors(Bundle, json);
    return malformed(`At "${first?.instancePath || '/'}" it ${first?.message ?? 'does not match'}.`);
  }
  const { verificationMaterial: material, dsseEnvelope } = json;
  const payload = readBase64(dsseEnvelope.payload);
  const signature = readBase64(dsseEnvelope.signatures[0]?.sig ?? '');
  if (payload === undefined || signature === undefined) return malformed('Payload or signature is not base64.');
  if ('publicKey' in material) {
    const hint = 'hint' in material.publicKey ? material.publicKey.hint : undefined;
    return accept({ method: 'key', hint, leaf: undefined, payload, signature });
  }
  const raw = 'certificate' in material ? material.certificate : material.x509CertificateChain.certificates[0];
  const leaf = readBase64(raw?.rawBytes ?? '');
  if (leaf === undefined) return malformed('The certificate is not base64.');
  const method = 'certificate' in material ? 'sigstore' : 'certificate';
  return accept({ method, hint: undefined, leaf, payload, signature });
}

/** The key of the certificate in a bundle. Whether the certificate is to be believed is not decided here. */
export function leafKeyOf(bundle: OmsBundle): Result<OmsPublicKey> {
  if (bundle.leaf === undefined) return malformed('It carries no certificate.');
  try {
    return omsPublicKeyOf(new X509Certificate(bundle.leaf).publicKey);
  } catch {
    // node:crypto says "not a certificate" by throwing.
    return malformed('The certificate cannot be read.');
  }
}

/** The statement of a bundle that this key signed: the signature first, its content after (§8.2, §8.3). */
export function openStatement(bundle: OmsBundle, key: OmsPublicKey): Result<OmsStatement> {
  if (!key.verify(encodePae(PAYLOAD_TYPE, bundle.payload), bundle.signature))
    return refuse('signature_invalid', `The key is on ${key.curve}, ${key.hint.slice(0, 16)}….`);
  return parseStatement(bundle.payload);
}

export interface OmsVerified {
  readonly statement: OmsStatement;
  readonly key: OmsPublicKey;
}

/** Verifies a bundle of the method "key" against a public key in PEM that the caller trusts. */
export function verifyOmsBundle(bytes: Uint8Array, publicKeyPem: string): Result<OmsVerified> {
  const key = readOmsPublicKey(publicKeyPem);
  if (!key.ok) return key;
  const bundle = parseOmsBundle(bytes);
  if (!bundle.ok) return bundle;
  const { method, hint } = bundle.value;
  if (method !== 'key')
    return refuse('oms_unsupported', `It was signed with a certificate ("${method}") and not a key.`);
  if (hint !== undefined && hint !== key.value.hint)
    return refuse(
      'oms_key_mismatch',
      `It names the key ${hint.slice(0, 16)}… and this is ${key.value.hint.slice(0, 16)}….`,
    );
  const statement = openStatement(bundle.value, key.value);
  return statement.ok ? accept({ statement: statement.value, key: key.value }) : statement;
}

/** Signs files as a model named `subject`; the exact bytes of the bundle file. */
export async function signOmsBundle(
  subject: string,
  files: readonly OmsFile[],
  signer: OmsSigner,
): Promise<Uint8Array> {
  const key = readOmsPublicKey(signer.spkiPem);
  if (!key.ok) throw new Error(`the signer has an unusable public key: ${key.detail}`);
  const payload = encodeStatement(subject, files, SIGNATURE_FILE);
  const sig = await signer.sign(encodePae(PAYLOAD_TYPE, payload));
  const bundle = {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: key.value.hint }, tlogEntries: [] },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: Buffer.from(sig).toString('base64'), keyid: '' }],
    },
  };
  return Buffer.from(`${JSON.stringify(bundle)}\n`);
}
