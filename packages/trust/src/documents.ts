// Owns the signed documents (root, manifest, desired): their fields, limits and parsing. Never verifies a signature.
import { isTimeZone } from '@drover/core/maintenance';
import { accept, type ReasonCode, type Result, refuse } from '@drover/core/reasons';
import { Rules } from '@drover/wire/http/rules';
import type { Static, TSchema } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,62}$' });
const DeviceId = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' });
const Instant = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Text = Type.String({ maxLength: 1024 });

/**
 * `chunkList`: SHA-256 of the list of chunk hashes (32 bytes for each 256 KiB chunk, in order), itself a blob that is fetched
 * like any other; absent where the blob is one chunk, and in manifests of 0.1. Each chunk is then checked as it comes.
 */
export const BlobRef = Type.Object({ sha256: Hex64, size: Count, chunkList: Type.Optional(Hex64) });
export type BlobRef = Static<typeof BlobRef>;

/** One model input or output as the ONNX file has it; a string in `shape` is a free dimension such as "N". */
export const TensorSpec = Type.Object({
  name: Type.String({ maxLength: 256 }),
  dtype: Type.Enum(['float32', 'float64', 'int64', 'int32', 'bool', 'string', 'uint8', 'int8']),
  shape: Type.Array(Type.Union([Type.Integer(), Type.String({ maxLength: 64 })]), { maxItems: 8 }),
});
export type TensorSpec = Static<typeof TensorSpec>;

/** Where a named field goes: column `index` of the tensor `input`. Numeric fields are float32, categorical ones strings. */
export const Feature = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  kind: Type.Union([Type.Literal('numeric'), Type.Literal('categorical')]),
  input: Type.String({ maxLength: 256 }),
  index: Type.Integer({ minimum: 0, maximum: 4095 }),
  unit: Type.Optional(Type.String({ maxLength: 64 })),
});
export type Feature = Static<typeof Feature>;

/** What the outputs mean. `threshold`: the positive (last) class is answered from this probability on; the graph applies it. */
export const Task = Type.Union([
  Type.Object({
    kind: Type.Literal('classification'),
    classes: Type.Array(Type.String({ maxLength: 256 }), { minItems: 2, maxItems: 1000 }),
    /** Output with the class of each row. Agents before 0.3 want one; without it the most probable class is the answer. */
    label: Type.Optional(Type.String({ maxLength: 256 })),
    probabilities: Type.String({ maxLength: 256 }),
    threshold: Type.Optional(Type.Number()),
  }),
  Type.Object({ kind: Type.Literal('regression'), output: Type.String({ maxLength: 256 }) }),
]);
export type Task = Static<typeof Task>;

export const Manifest = Type.Object({
  type: Type.Literal('drover.manifest/1'),
  project: Name,
  model: Name,
  version: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  createdAt: Instant,
  /** Grows with each release of a model; a signed minimum bars downgrades. */
  release: Count,
  blobs: Type.Object({ model: BlobRef, baseline: Type.Optional(BlobRef), vectors: Type.Optional(BlobRef) }),
  inputs: Type.Array(TensorSpec, { minItems: 1, maxItems: 64 }),
  outputs: Type.Array(TensorSpec, { minItems: 1, maxItems: 64 }),
  features: Type.Array(Feature, { maxItems: 4096 }),
  task: Type.Optional(Task),
  /** What a device does when the model should not be believed; agents before 0.3 do not know it. */
  rules: Type.Optional(Rules),
  runtime: Type.Object({ irVersion: Count, opset: Count, mlOpset: Count }),
  lineage: Type.Object({
    source: Type.Union([Type.Literal('trained'), Type.Literal('uploaded')]),
    run: Type.Optional(Id),
    dataset: Type.Optional(Hex64),
    trainer: Type.Optional(Text),
    parameters: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
    metrics: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Number())),
    code: Type.Optional(Text),
  }),
});
export type Manifest = Static<typeof Manifest>;

/** What one device should run now. */
export const DesiredDoc = Type.Object({
  type: Type.Literal('drover.desired/1'),
  device: DeviceId,
  generation: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  issuedAt: Instant,
  expiresAt: Instant,
  notBefore: Type.Optional(Instant),
  slots: Type.Record(
    Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,62}$' }),
    Type.Object({
      deploymentId: Id,
      manifest: Type.Union([Hex64, Type.Null()]),
      /** When the device may switch, by the clock of its place; without it at any time. Agents before 0.2 switch at once. */
      windows: Type.Optional(
        Type.Array(
          Type.Object({
            days: Type.Array(Type.Integer({ minimum: 0, maximum: 6 }), { maxItems: 7 }),
            startMinute: Type.Integer({ minimum: 0, maximum: 1439 }),
            minutes: Type.Integer({ minimum: 1, maximum: 1440 }),
            timeZone: Type.String({ minLength: 1, maxLength: 64 }),
          }),
          { maxItems: 8 },
        ),
      ),
    }),
    { maxProperties: 16 },
  ),
  policy: Type.Object({
    windowMs: Type.Integer({ minimum: 1000, maximum: 86_400_000 }),
    /** Windows start at whole multiples of `windowMs` from here, ms since epoch. */
    windowEpochAt: Count,
    probationMs: Type.Integer({ minimum: 0, maximum: 86_400_000 }),
  }),
});
export type DesiredDoc = Static<typeof DesiredDoc>;

export const ROLES = ['release', 'director'] as const;
export type Role = (typeof ROLES)[number];

const RoleKeys = Type.Object({
  keyids: Type.Array(Hex64, { minItems: 1, maxItems: 8 }),
  threshold: Type.Integer({ minimum: 1, maximum: 8 }),
});

/** Which keys may sign what. Handed over at join; it is signed by its own root role. */
export const Root = Type.Object({
  type: Type.Literal('drover.root/1'),
  version: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  /** keyid → raw Ed25519 public key in base64url. */
  keys: Type.Record(Hex64, Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }), { maxProperties: 32 }),
  roles: Type.Object({ root: RoleKeys, release: RoleKeys, director: RoleKeys }),
});
export type Root = Static<typeof Root>;

export const PAYLOAD_TYPES = {
  manifest: 'application/vnd.drover.manifest+json',
  desired: 'application/vnd.drover.desired+json',
  root: 'application/vnd.drover.root+json',
} as const;

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // JSON and UTF-8 errors are one outcome here: not a document.
    return undefined;
  }
}

function parseAs<T extends TSchema>(schema: T, bytes: Uint8Array, code: ReasonCode): Result<Static<T>> {
  const json = parseJson(bytes);
  if (json === undefined) return refuse(code, 'It is not JSON in UTF-8.');
  if (Value.Check(schema, json)) return accept(json as Static<T>);
  const [first] = Value.Errors(schema, json);
  return refuse(code, `At "${first?.instancePath ?? '/'}" it ${first?.message ?? 'does not match'}.`);
}

/** What is wrong with the rules for this model; a rule that could never hold is no rule. */
function findRuleProblem({ rules, features, task, blobs }: Manifest): string | undefined {
  if (!rules) return undefined;
  if (!task || features.length === 0) return 'There are rules, and the model has no named fields or no task.';
  const numeric = new Set(features.filter(({ kind }) => kind === 'numeric').map(({ name }) => name));
  const limited = rules.limits?.fields ?? [];
  if (new Set(limited.map(({ field }) => field)).size !== limited.length) return 'Two limits are for the same field.';
  for (const { field, low, high } of limited) {
    if (!numeric.has(field)) return `The limit is for "${field}", which is no numeric field.`;
    if (low === undefined && high === undefined) return `The limit of "${field}" has neither low nor high.`;
    if (low !== undefined && high !== undefined && low >= high) return `The limit of "${field}" is an empty range.`;
  }
  if (rules.limits && limited.length === 0 && !blobs.baseline)
    return 'The limits name no field, and there is no baseline.';
  if (rules.novelty && !blobs.baseline) return 'Novelty needs a baseline.';
  if (rules.confidence && task.kind !== 'classification') return 'Confidence needs a classification.';
  const { fallback } = rules;
  if (!fallback) return undefined;
  if (task.kind === 'regression') return 'value' in fallback ? undefined : 'The fallback of a regression is a value.';
  if (!('label' in fallback)) return 'The fallback of a classification is a label.';
  return task.classes.includes(fallback.label) ? undefined : `The fallback "${fallback.label}" is no class.`;
}

export function parseManifest(payload: Uint8Array): Result<Manifest> {
  const parsed = parseAs(Manifest, payload, 'manifest_invalid');
  if (!parsed.ok) return parsed;
  const { features, inputs, outputs, task } = parsed.value;
  const inputNames = new Set(inputs.map((i) => i.name));
  const homeless = features.find((f) => !inputNames.has(f.input));
  if (homeless)
    return refuse(
      'manifest_invalid',
      `Feature "${homeless.name}" names the input "${homeless.input}", which does not exist.`,
    );
  if (new Set(features.map((f) => f.name)).size !== features.length)
    return refuse('manifest_invalid', 'Two features share a name.');
  if (new Set(features.map((f) => `${f.input}\n${f.index}`)).size !== features.length)
    return refuse('manifest_invalid', 'Two features share a column.');
  const outputNames = new Set(outputs.map((o) => o.name));
  const needed =
    task === undefined ? [] : task.kind === 'regression' ? [task.output] : [task.label, task.probabilities];
  const missing = needed.find((name) => name !== undefined && !outputNames.has(name));
  if (missing !== undefined)
    return refuse('manifest_invalid', `The task names the output "${missing}", which does not exist.`);
  const problem = findRuleProblem(parsed.value);
  return problem === undefined ? parsed : refuse('manifest_invalid', problem);
}

/** A window in a zone that this machine does not know would never open, or at a wrong hour. */
export function parseDesiredDoc(payload: Uint8Array): Result<DesiredDoc> {
  const parsed = parseAs(DesiredDoc, payload, 'document_invalid');
  if (!parsed.ok) return parsed;
  const zones = Object.values(parsed.value.slots).flatMap(({ windows = [] }) =>
    windows.map(({ timeZone }) => timeZone),
  );
  const unknown = zones.find((zone) => !isTimeZone(zone));
  return unknown === undefined ? parsed : refuse('document_invalid', `The time zone "${unknown}" is not known here.`);
}

export function parseRoot(payload: Uint8Array): Result<Root> {
  const parsed = parseAs(Root, payload, 'root_invalid');
  if (!parsed.ok) return parsed;
  for (const [role, { keyids, threshold }] of Object.entries(parsed.value.roles)) {
    if (threshold > new Set(keyids).size) return refuse('root_invalid', `Role "${role}" needs more keys than it has.`);
    const unknown = keyids.find((keyid) => !(keyid in parsed.value.keys));
    if (unknown) return refuse('root_invalid', `Role "${role}" names a key that is not in the document.`);
  }
  return parsed;
}

/** Exact bytes to sign. The order of the fields is the order given; nothing ever re-serialises them. */
export const encodeDocument = (document: Manifest | DesiredDoc | Root): Uint8Array =>
  Buffer.from(JSON.stringify(document));
