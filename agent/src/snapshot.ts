// Collects what the planner decides on, and says the same in the words of the wire. Never decides and never acts.
import type { AgentSnapshot, DesiredDocument, SlotSnapshot } from '@drover/core/deployment/plan';
import { TERMINAL } from '@drover/core/deployment/table';
import type { DesiredDoc, Manifest } from '@drover/trust/documents';
import type { SlotReport } from '@drover/wire/messages';
import type { ServedSlots } from './serve/slots.ts';
import type { BlobRef, BlobStore } from './store/blobs.ts';
import type { DesiredStore } from './store/desired.ts';
import type { Journal } from './store/journal.ts';
import type { SlotStore } from './store/slots.ts';

export const MAX_TRIES = 8;
export const MAX_CRASHES = 3;

/** Runs that fail one after another, after which a model does not count as serving. */
const FAILING_RUNS = 10;

export interface Holdings {
  readonly slots: SlotStore;
  readonly journal: Journal;
  readonly desired: DesiredStore;
  readonly blobs: BlobStore;
  readonly served: ServedSlots;
  /** slot → manifest digest that could not be loaded in this process. */
  readonly loadFailed: ReadonlyMap<string, string>;
  /** Somebody on site wants nothing to be switched now. */
  readonly isHeld: () => boolean;
  /** slot → a wish that could not even be journaled, because the disk is full. */
  readonly deferred: Map<string, { readonly deploymentId: string; readonly manifest: string; readonly at: number }>;
}

export const blobsOf = ({ blobs }: Manifest): BlobRef[] =>
  [blobs.model, blobs.baseline, blobs.vectors].filter((ref) => ref !== undefined);

/** Blobs of a manifest with their lists of chunk hashes: what is kept on the disk for it. */
export const kept = (manifest: Manifest): string[] =>
  blobsOf(manifest).flatMap((ref) => (ref.chunkList === undefined ? [ref.sha256] : [ref.sha256, ref.chunkList]));

const plannable = (document: DesiredDoc): DesiredDocument => ({
  generation: document.generation,
  expiresAt: Date.parse(document.expiresAt),
  ...(document.notBefore !== undefined && { notBefore: Date.parse(document.notBefore) }),
  slots: document.slots,
});

const slotNames = ({ slots, journal, deferred }: Holdings): string[] => [
  ...new Set([...slots.list(), ...journal.list().map(({ slot }) => slot), ...deferred.keys()]),
];

function snapshotSlot(slot: string, holdings: Holdings): SlotSnapshot {
  const pointer = holdings.slots.read(slot);
  const deployment = holdings.journal.read(slot);
  const model = holdings.served.get(slot);
  const answering = model?.digest;
  const isFailing = model !== undefined && model.failures() >= FAILING_RUNS;
  const loadFailed = isFailing ? answering : holdings.loadFailed.get(slot);
  // A model that keeps failing still answers until the one before is back, but it does not count as serving.
  const serving = answering === loadFailed ? undefined : answering;
  return {
    slot,
    ...(pointer && { active: pointer.active }),
    ...(pointer?.previous && { previous: pointer.previous }),
    ...(serving && { serving }),
    ...(deployment && { deployment }),
    ...(loadFailed && { loadFailed }),
  };
}

export function takeSnapshot(holdings: Holdings, connected: boolean): AgentSnapshot {
  const complete = new Set<string>();
  for (const { manifest: digest, state } of holdings.journal.list()) {
    if (TERMINAL.has(state)) continue;
    const manifest = holdings.desired.manifest(digest);
    if (manifest && blobsOf(manifest).every((ref) => holdings.blobs.has(ref))) complete.add(digest);
  }
  const held = holdings.desired.held();
  return {
    ...(held && { desired: plannable(held.document) }),
    slots: slotNames(holdings).map((slot) => snapshotSlot(slot, holdings)),
    complete,
    connected,
    isHeld: holdings.isHeld(),
    probationMs: held?.document.policy.probationMs ?? 0,
    maxTries: MAX_TRIES,
    maxCrashes: MAX_CRASHES,
  };
}

/** The disk does not even take the wishes: they are reported as deferred until there is room. */
export function deferWishes({ deferred }: Pick<Holdings, 'deferred'>, slots: DesiredDoc['slots'], at: number): void {
  for (const [slot, { deploymentId, manifest }] of Object.entries(slots)) {
    if (manifest !== null) deferred.set(slot, { deploymentId, manifest, at });
  }
}

/** What the hub is told of each slot: what answers now, not what should. */
export function reportSlots(holdings: Holdings): SlotReport[] {
  return slotNames(holdings).map((slot) => {
    const running = holdings.served.get(slot)?.digest;
    const previous = holdings.slots.read(slot)?.previous;
    const deployment = holdings.journal.read(slot);
    const base = { slot, ...(running && { running }), ...(previous && { previous }) };
    const put = holdings.deferred.get(slot);
    if (put && put.deploymentId !== deployment?.deploymentId) {
      const { deploymentId, manifest, at: enteredAt } = put;
      const why = { code: 'disk_full', detail: 'It could not be journaled; it is taken when there is room.' };
      return { ...base, deployment: { deploymentId, manifest, state: 'deferred', revision: 1, enteredAt, ...why } };
    }
    if (!deployment) return base;
    const { deploymentId, manifest, state, revision, enteredAt, code, detail } = deployment;
    const refs = state === 'downloading' ? blobsOfDigest(holdings, manifest) : [];
    const bytesTotal = refs.reduce((sum, ref) => sum + ref.size, 0);
    const bytesDone = bytesTotal - refs.reduce((sum, ref) => sum + holdings.blobs.missing(ref), 0);
    return {
      ...base,
      deployment: {
        deploymentId,
        manifest,
        state,
        revision,
        enteredAt,
        ...(code && { code }),
        ...(detail && { detail: detail.slice(0, 1000) }),
        ...(refs.length > 0 && { bytesDone, bytesTotal }),
      },
    };
  });
}

/** The same for a person on the device, with what the model is. */
export const viewSlots = (reports: readonly SlotReport[], served: ServedSlots): Record<string, unknown>[] =>
  reports.map((report) => {
    const manifest = served.get(report.slot)?.manifest;
    if (!manifest) return { ...report };
    const { model, version, features, task } = manifest;
    return { ...report, model, version, features, task };
  });

function blobsOfDigest(holdings: Holdings, digest: string): BlobRef[] {
  const manifest = holdings.desired.manifest(digest);
  return manifest ? blobsOf(manifest) : [];
}

/** Manifests that serve or served before in their slot: they went through download, self-test and switch. */
export const listInstalled = ({ slots }: Holdings): ReadonlySet<string> => listPointers(slots);

/** The same, from the slots alone. */
export function listPointers(slots: SlotStore): ReadonlySet<string> {
  const pointers = slots.list().flatMap((slot) => slots.read(slot) ?? []);
  return new Set(pointers.flatMap(({ active, previous }) => (previous === undefined ? [active] : [active, previous])));
}

/** Manifests that may not be forgotten: what serves, what served before, what is wished, what is being tried. */
export function manifestsInUse(holdings: Holdings): Set<string> {
  const used = new Set<string>();
  for (const slot of holdings.slots.list()) {
    const pointer = holdings.slots.read(slot);
    if (pointer) used.add(pointer.active);
    if (pointer?.previous) used.add(pointer.previous);
  }
  for (const [, model] of holdings.served.list()) used.add(model.digest);
  for (const { manifest, state } of holdings.journal.list()) if (!TERMINAL.has(state)) used.add(manifest);
  for (const { manifest } of Object.values(holdings.desired.held()?.document.slots ?? {}))
    if (manifest) used.add(manifest);
  return used;
}
