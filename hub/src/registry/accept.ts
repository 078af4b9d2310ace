// Decides whether what a trainer left in its folder becomes a version: the file is checked, loaded on both runtimes and
// must answer its self-test vectors before a manifest is signed. Trusts nothing that the trainer says of itself.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { checkModel } from '@drover/onnx/check';
import { type Described, proposeDescription } from '@drover/trust/describe-model';
import { type BlobRef, encodeDocument, type Manifest, PAYLOAD_TYPES, parseManifest } from '@drover/trust/documents';
import { type Signer, signPayload } from '@drover/trust/dsse';
import type { OmsSigner } from '@drover/trust/oms/key';
import { readAlias, readLatestVersion, type VersionRow } from '../db/models.ts';
import { CHAMPION } from './aliases.ts';
import { referTo, tryBundle } from './bundle.ts';
import type { RegistryDeps } from './deps.ts';
import { findSameVersion } from './prepare.ts';
import { publishVersion } from './publish.ts';

export interface TrainedFolder {
  /** Holds model.onnx, baseline.json, vectors.json and metrics.json. */
  readonly out: string;
  readonly model: string;
  readonly run: string;
  readonly dataset: string;
  readonly trainer: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Names the program that trained. */
  readonly code: string;
  readonly rules?: Manifest['rules'];
}

/** split → metric → value. */
export type SplitMetrics = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Accepted {
  readonly version: VersionRow;
  readonly metrics: SplitMetrics;
  /** What is worth saying to a person. */
  readonly notes: readonly string[];
}

/** `manifests` signs what the hub trained, `oms` the same for outsiders. */
export type AcceptDeps = RegistryDeps & { readonly manifests: Signer; readonly oms: OmsSigner };

const LIMITS = {
  'model.onnx': 1024 ** 3,
  'baseline.json': 16 * 1024 ** 2,
  'vectors.json': 16 * 1024 ** 2,
  'metrics.json': 1024 ** 2,
} as const;
type OutFile = keyof typeof LIMITS;

async function readOut(out: string, name: OutFile): Promise<Result<Uint8Array>> {
  const file = path.join(out, name);
  try {
    const { size } = await stat(file);
    if (size > LIMITS[name])
      return refuse('acceptance_failed', `${name} has ${size} bytes and the limit is ${LIMITS[name]}.`);
    return accept(await readFile(file));
  } catch {
    // The trainer's folder is its own affair: a file that cannot be read was not delivered.
    return refuse('acceptance_failed', `${name} is missing.`);
  }
}

const MAX_METRICS = 64;

/** Numbers only; anything else a trainer writes there is left out. */
export function parseMetrics(bytes: Uint8Array): SplitMetrics | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    // Not JSON is answered like any other shape that is wrong.
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const splits: Record<string, Record<string, number>> = {};
  for (const [split, given] of Object.entries(json).slice(0, 8)) {
    if (typeof given !== 'object' || given === null) continue;
    const numbers = Object.entries(given as Record<string, unknown>).filter(
      (entry): entry is [string, number] => entry[0].length <= 32 && Number.isFinite(entry[1]),
    );
    splits[split.slice(0, 24)] = Object.fromEntries(numbers.slice(0, MAX_METRICS));
  }
  return splits;
}

const flattenMetrics = (splits: SplitMetrics): Record<string, number> =>
  Object.fromEntries(
    Object.entries(splits).flatMap(([split, metrics]) =>
      Object.entries(metrics).map(([name, value]) => [`${split}.${name}`, value]),
    ),
  );

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

interface Delivered {
  readonly described: Described;
  readonly blobs: Manifest['blobs'];
  readonly metrics: SplitMetrics;
}

async function takeDelivery(deps: AcceptDeps, out: string): Promise<Result<Delivered>> {
  const model = await readOut(out, 'model.onnx');
  if (!model.ok) return model;
  const info = checkModel(model.value);
  if (!info.ok) return info;
  const proposal = proposeDescription(info.value);
  if (!proposal.ok) return proposal;
  const { described } = proposal.value;
  if (described.task === undefined)
    return refuse('acceptance_failed', `The model does not say what it answers. ${proposal.value.warnings.join(' ')}`);
  const metricsBytes = await readOut(out, 'metrics.json');
  if (!metricsBytes.ok) return metricsBytes;
  const metrics = parseMetrics(metricsBytes.value);
  if (metrics === undefined) return refuse('acceptance_failed', 'metrics.json does not hold metrics by split.');
  const sides: Uint8Array[] = [];
  for (const name of ['baseline.json', 'vectors.json'] as const) {
    const bytes = await readOut(out, name);
    if (!bytes.ok) return bytes;
    sides.push(bytes.value);
  }
  const refs: BlobRef[] = [];
  for (const bytes of [model.value, ...sides]) {
    const put = await deps.blobs.put(once(bytes), bytes.length);
    if (!put.ok) return put;
    const ref = await referTo(deps, 'blob', put.value.sha256);
    if (!ref.ok) return ref;
    refs.push(ref.value);
  }
  const [modelRef, baseline, vectors] = refs;
  if (modelRef === undefined || baseline === undefined || vectors === undefined)
    throw new Error('three blobs were put');
  return accept({ described, blobs: { model: modelRef, baseline, vectors }, metrics });
}

export async function acceptTrained(deps: AcceptDeps, folder: TrainedFolder): Promise<Result<Accepted>> {
  const delivery = await takeDelivery(deps, folder.out);
  if (!delivery.ok) return delivery;
  const { described, blobs, metrics } = delivery.value;
  const rules = folder.rules && { rules: folder.rules };
  const tried = await tryBundle(deps, { ...described, ...rules }, blobs, true);
  if (!tried.ok) return tried;
  const notes = tried.value.runtimes.map(
    ({ name, rows, worst }) => `${rows} self-test rows agree on ${name} within ${worst.toExponential(1)}.`,
  );
  const held = await findSameVersion(deps, folder.model, { ...described, ...rules, blobs });
  if (held !== undefined) {
    notes.push(`The same data and parameters gave the same model as version ${held.version}.`);
    return accept({ version: held, metrics, notes });
  }
  const version = (await readLatestVersion(deps.store, folder.model)) + 1;
  const payload = encodeDocument({
    type: 'drover.manifest/1',
    project: 'default',
    model: folder.model,
    version,
    createdAt: new Date(deps.now()).toISOString(),
    release: version,
    blobs,
    ...described,
    ...rules,
    lineage: {
      source: 'trained',
      run: folder.run,
      dataset: folder.dataset,
      trainer: folder.trainer,
      parameters: { ...folder.parameters },
      metrics: flattenMetrics(metrics),
      code: folder.code,
    },
  });
  const parsed = parseManifest(payload);
  if (!parsed.ok) return parsed;
  const envelope = await signPayload(PAYLOAD_TYPES.manifest, payload, [deps.manifests]);
  const isFirst = (await readAlias(deps.store, folder.model, CHAMPION)) === undefined;
  const published = await publishVersion(deps, envelope, {
    actor: 'hub',
    model: folder.model,
    isTried: true,
    release: 'hub',
    aliases: isFirst ? [CHAMPION] : [],
    oms: deps.oms,
  });
  return published.ok ? accept({ version: published.value, metrics, notes }) : published;
}
