// Owns the statement of a model signature: which files with which digests. Builds and reads it; never checks a signature
// and never touches a file.
//
// in-toto Statement v1 with the predicate of OMS v1.0 §5 and §6 (github.com/ossf/model-signing-spec).
import { createHash } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import * as Type from 'typebox';
import * as Value from 'typebox/value';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'https://model_signing/signature/v1.0';

/** Beside these, which every implementation leaves out at the top of a model (§6.2), the signature itself is left out. */
export const IGNORED_PATHS: readonly string[] = ['.git', '.gitattributes', '.github', '.gitignore'];

/** One file of a model: its path below the model's folder with "/" in between, and its SHA-256 in hex. */
export interface OmsFile {
  readonly name: string;
  readonly sha256: string;
}

export interface OmsStatement {
  /** Informational (§6.5): nothing is decided from it. */
  readonly subject: string;
  /** SHA-256 over the raw digests one behind the other: one name for all files. */
  readonly rootDigest: string;
  readonly files: readonly OmsFile[];
  readonly ignoredPaths: readonly string[];
}

export const MAX_FILES = 10_000;
const MAX_NAME = 1024;
export const STATEMENT_BYTES = 4 * 1024 * 1024;

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const closed = { additionalProperties: false };

const Statement = Type.Object(
  {
    _type: Type.Literal(STATEMENT_TYPE),
    subject: Type.Array(
      Type.Object({ name: Type.String({ minLength: 1, maxLength: MAX_NAME }), digest: Type.Object({ sha256: Hex64 }) }),
      { minItems: 1, maxItems: 1 },
    ),
    predicateType: Type.Literal(PREDICATE_TYPE),
    predicate: Type.Object(
      {
        // Verifiers must ignore fields of a resource that they do not know (§5.2.1).
        resources: Type.Array(
          Type.Object({
            name: Type.String({ minLength: 1, maxLength: MAX_NAME }),
            digest: Type.String({ pattern: '^[0-9a-f]+$', maxLength: 256 }),
            algorithm: Type.String({ maxLength: 32 }),
          }),
          { minItems: 1, maxItems: MAX_FILES },
        ),
        serialization: Type.Object(
          {
            method: Type.String({ maxLength: 32 }),
            hash_type: Type.String({ maxLength: 32 }),
            shard_size: Type.Optional(Type.Integer({ minimum: 1 })),
            allow_symlinks: Type.Boolean(),
            ignore_paths: Type.Optional(
              Type.Array(Type.String({ minLength: 1, maxLength: MAX_NAME }), { maxItems: 1000 }),
            ),
          },
          closed,
        ),
      },
      closed,
    ),
  },
  closed,
);

/** By Unicode code point, as §5.2.1 wants it; the order of JavaScript is by UTF-16 unit and differs above U+FFFF. */
const compareNames = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A path that stays below the model's folder and has one spelling only (§6.1.2). */
export const isOmsPath = (name: string): boolean =>
  name.length <= MAX_NAME &&
  !name.includes('\0') &&
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/** SHA-256 over the raw digests in the order given (§6.5.1). */
export function rootDigestOf(files: readonly OmsFile[]): string {
  const hash = createHash('sha256');
  for (const { sha256 } of files) hash.update(sha256, 'hex');
  return hash.digest('hex');
}

/** The exact bytes to sign. `files` in any order; names must be distinct paths of §6.1.2. */
export function encodeStatement(subject: string, files: readonly OmsFile[], signatureName: string): Uint8Array {
  const sorted = files.toSorted((a, b) => compareNames(a.name, b.name));
  if (sorted.length === 0 || sorted.some(({ name }, i) => !isOmsPath(name) || name === sorted[i - 1]?.name))
    throw new Error('a model signature needs files with distinct, plain paths');
  return Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [{ name: subject, digest: { sha256: rootDigestOf(sorted) } }],
      predicateType: PREDICATE_TYPE,
      predicate: {
        resources: sorted.map(({ name, sha256 }) => ({ name, digest: sha256, algorithm: 'sha256' })),
        serialization: {
          method: 'files',
          hash_type: 'sha256',
          allow_symlinks: false,
          ignore_paths: [...IGNORED_PATHS, signatureName],
        },
      },
    }),
  );
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // JSON and UTF-8 errors are one outcome here: not a statement.
    return undefined;
  }
}

const invalid = (detail: string): Result<never> => refuse('oms_statement_invalid', detail);

/** Reads a statement whose signature was checked before. Only whole files under SHA-256 without links are supported. */
export function parseStatement(payload: Uint8Array): Result<OmsStatement> {
  if (payload.length > STATEMENT_BYTES)
    return invalid(`It has ${payload.length} bytes and the limit is ${STATEMENT_BYTES}.`);
  const json = parseJson(payload);
  if (json === undefined) return invalid('It is not JSON in UTF-8.');
  if (!Value.Check(Statement, json)) {
    const [first] = Value.Errors(Statement, json);
    return invalid(`At "${first?.instancePath || '/'}" it ${first?.message ?? 'does not match'}.`);
  }
  const { subject, predicate } = json;
  const { method, hash_type, allow_symlinks, shard_size, ignore_paths = [] } = predicate.serialization;
  if (method !== 'files' || hash_type !== 'sha256' || allow_symlinks)
    return refuse(
      'oms_unsupported',
      `It hashes by "${method}" with "${hash_type}", links followed: ${allow_symlinks}.`,
    );
  if (shard_size !== undefined) return invalid('It names a shard size for whole files.');
  const files: OmsFile[] = [];
  const seen = new Set<string>();
  for (const { name, digest, algorithm } of predicate.resources) {
    if (algorithm !== hash_type) return invalid(`The file "${name}" is hashed with "${algorithm}".`);
    if (digest.length !== 64) return invalid(`The digest of "${name}" does not have 64 hex characters.`);
    if (!isOmsPath(name)) return invalid(`"${name}" is not a plain path below the model's folder.`);
    if (seen.has(name)) return invalid(`The file "${name}" is named twice.`);
    seen.add(name);
    files.push({ name, sha256: digest });
  }
  const stray = ignore_paths.find((name) => !isOmsPath(name.replace(/\/$/, '')) || /[*?[]/.test(name));
  if (stray !== undefined) return invalid(`"${stray}" cannot be left out: it is not a plain path.`);
  const rootDigest = rootDigestOf(files);
  const [root] = subject;
  if (root?.digest.sha256 !== rootDigest)
    return invalid(`Its root digest is ${root?.digest.sha256 ?? 'absent'} and its files give ${rootDigest}.`);
  return accept({ subject: root.name, rootDigest, files, ignoredPaths: ignore_paths });
}
