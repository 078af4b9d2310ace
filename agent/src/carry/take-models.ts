// Takes what a hub wants this device to run from a carried directory: believes the index, looks each release up in the
// carried metadata, copies the blobs, and only then takes the desired document on the way that MQTT goes. Never activates.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { CarrierFolder } from '@drover/trust/carrier/files';
import { parseManifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import type { MetadataSource } from '@drover/trust/tuf/metadata-source';
import { MODELS } from '@drover/wire/carrier';
import type { Desired } from '@drover/wire/messages';
import type { Clock } from '../clock.ts';
import { authorise, type IntakeDeps, type IntakeOutcome, makeIntake } from '../intake.ts';
import type { ReleaseTrust } from '../release/trust.ts';
import { blobsOf } from '../snapshot.ts';
import { type BlobStore, listRefOf } from '../store/blobs.ts';
import type { DesiredStore } from '../store/desired.ts';
import { copyBlobs } from './copy-blobs.ts';
import { believeIndex, carriedSource, findExport, type OpenExport, openModels, readDesired } from './find-export.ts';
import { readExportNumber, writeExportNumber } from './kept.ts';

export interface TakenModels {
  readonly exportNumber: number;
  readonly generation: number;
  /** The document was held already. */
  readonly isRepeat: boolean;
  readonly expiresAt: string;
  readonly copiedBytes: number;
}

export interface ModelDeps {
  readonly dataDir: string;
  readonly device: string;
  readonly hubId: string;
  readonly trust: ReleaseTrust;
  /** Where `trust` gets metadata from: it is pointed at the export. */
  readonly metadata: SwitchedSource;
  readonly desired: DesiredStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** Manifests that serve or served before. */
  readonly installed: () => ReadonlySet<string>;
  readonly progress: (done: number, total: number) => void;
}

/** A source of metadata that gives nothing until it is pointed at one. */
export interface SwitchedSource extends MetadataSource {
  use(source: MetadataSource): void;
}

export function makeSwitchedSource(): SwitchedSource {
  let current: MetadataSource = { fetch: async () => accept(undefined) };
  return {
    use(source) {
      current = source;
    },
    fetch: (name, mostBytes, signal) => current.fetch(name, mostBytes, signal),
  };
}

const manifestsOf = ({ slots }: { slots: Record<string, { manifest: string | null }> }): string[] => [
  ...new Set(Object.values(slots).flatMap(({ manifest }) => (manifest === null ? [] : [manifest]))),
];

/** Everything that may be asked before a byte is copied: the document, and whether each release may be installed. */
async function checkDesired(arrived: Desired, intake: IntakeDeps): Promise<Result<undefined>> {
  const { trust, store, installed } = intake;
  const first = trust.verifyDesired(arrived.document);
  if (!first.ok) return first;
  const { document } = first.value;
  if (document.device !== intake.device)
    return refuse('desired_other_device', `It names device "${document.device}" and this is "${intake.device}".`);
  const held = store.held();
  if (held && document.generation < held.generation)
    return refuse('desired_stale', `It has generation ${document.generation} and the device holds ${held.generation}.`);
  if (held?.digest === first.value.digest) return accept(undefined);
  const needed = manifestsOf(document).filter((digest) => !(installed().has(digest) && store.manifest(digest)));
  const authorised = await authorise(arrived, needed, intake);
  return authorised.ok ? accept(undefined) : authorised;
}

/** The blobs of every manifest that the message carries and the document names. */
function listBlobs(arrived: Desired, named: ReadonlySet<string>) {
  return arrived.manifests.flatMap(({ payload }) => {
    const manifest = named.has(digestOf(payload)) ? parseManifest(payload) : undefined;
    // The list of chunk hashes first: each chunk is then checked as it is copied.
    return manifest?.ok ? blobsOf(manifest.value).flatMap((ref) => [listRefOf(ref) ?? [], ref].flat()) : [];
  });
}

/** One document through the intake of the agent: its outcome. */
async function takeOne(arrived: Desired, deps: Omit<IntakeDeps, 'onOutcome' | 'onFault'>): Promise<IntakeOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<IntakeOutcome>();
  const intake = makeIntake({ ...deps, onOutcome: resolve, onFault: reject });
  intake.offer(arrived);
  try {
    return await promise;
  } finally {
    await intake.stop();
  }
}

async function takeFrom(opened: OpenExport, models: CarrierFolder, deps: ModelDeps): Promise<Result<TakenModels>> {
  const { device, hubId, trust, clock, desired, blobs } = deps;
  const lastNumber = readExportNumber(deps.dataDir, hubId);
  const believing = { hubId, trust, now: clock.now(), lastNumber };
  const files = opened.folder.folder(MODELS.metadata);
  if (!files.ok) return files;
  if (!files.value) return refuse('carrier_torn', 'The folder of release metadata is missing.');
  const folders = [files.value];
  try {
    // Newer roots first: the director may have another key by now. Roots are signed by those before, whoever carried them.
    deps.metadata.use(carriedSource(files.value, opened.claimed));
    let index = believeIndex(opened, believing);
    if (!index.ok && index.code.startsWith('signature_')) {
      await trust.refreshRoot();
      index = believeIndex(opened, believing);
    }
    if (!index.ok) return index;
    const arrived = readDesired(opened.folder, index.value, device);
    if (!arrived.ok) return arrived;
    const intake = {
      device,
      trust,
      store: desired,
      clock,
      random: () => 0,
      installed: deps.installed,
      onNoRoom: () => undefined,
    };
    const checked = await checkDesired(arrived.value, {
      ...intake,
      onOutcome: () => undefined,
      onFault: () => undefined,
    });
    if (!checked.ok) return checked;
    const believed = trust.verifyDesired(arrived.value.document);
    if (!believed.ok) return believed;
    const { document } = believed.value;
    const from = models.folder(MODELS.blobs);
    if (!from.ok) return from;
    if (from.value) folders.push(from.value);
    const copied = await copyBlobs(
      blobs,
      from.value,
      listBlobs(arrived.value, new Set(manifestsOf(document))),
      deps.progress,
    );
    if (!copied.ok) return copied;
    const outcome = await takeOne(arrived.value, intake);
    if (typeof outcome !== 'string') return outcome;
    writeExportNumber(deps.dataDir, hubId, index.value.number);
    const { number: exportNumber, expiresAt } = index.value;
    const { generation } = document;
    return accept({ exportNumber, generation, isRepeat: outcome === 'repeat', expiresAt, copiedBytes: copied.value });
  } finally {
    for (const folder of folders) folder.close();
  }
}

/** Undefined when the directory holds no models at all. */
export async function takeModels(carrier: CarrierFolder, deps: ModelDeps): Promise<Result<TakenModels | undefined>> {
  const models = openModels(carrier);
  if (!models.ok || !models.value) return models.ok ? accept(undefined) : models;
  try {
    const opened = findExport(models.value, deps.device);
    if (!opened.ok) return opened;
    try {
      return await takeFrom(opened.value, models.value, deps);
    } finally {
      opened.value.folder.close();
    }
  } finally {
    models.value.close();
  }
}
