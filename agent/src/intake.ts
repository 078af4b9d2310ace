// Decides what becomes of a desired document that arrived: believed, newer, complete, stored. Never acts on it.
import { decideDesired } from '@drover/core/desired';
import { type Refusal, refuse } from '@drover/core/reasons';
import type { DesiredDoc } from '@drover/trust/documents';
import type { TrustedSet } from '@drover/trust/trusted-set';
import type { Desired } from '@drover/wire/messages';
import type { Clock } from './clock.ts';
import { isDiskTrouble } from './store/database.ts';
import type { DesiredStore } from './store/desired.ts';

export interface IntakeDeps {
  readonly device: string;
  readonly trust: TrustedSet;
  readonly store: DesiredStore;
  readonly clock: Clock;
  /** The document is right, and the disk does not take it now. */
  readonly onNoRoom: (document: DesiredDoc) => void;
}

/**
 * `taken`: a new document is on the disk, with its manifests, before anyone acts on it. `repeat`: it is the one held. A
 * refusal leaves everything as it was.
 */
export function takeDesired(
  arrived: Desired,
  { device, trust, store, clock, onNoRoom }: IntakeDeps,
): 'taken' | 'repeat' | Refusal {
  const believed = trust.verifyDesired(arrived.document);
  if (!believed.ok) return believed;
  const { document, digest } = believed.value;
  const verdict = decideDesired(
    store.held(),
    { generation: document.generation, digest, device: document.device },
    device,
  );
  if (!verdict.ok) return verdict;
  if (!verdict.take) return 'repeat';
  const given = new Set<string>();
  for (const envelope of arrived.manifests) {
    const manifest = trust.verifyManifest(envelope);
    if (!manifest.ok) return manifest;
    given.add(manifest.value.digest);
  }
  const missing = findMissing(document, (name) => given.has(name) || store.manifest(name) !== undefined);
  if (missing)
    return refuse('document_invalid', `It names the manifest ${missing.slice(0, 12)}… and does not carry it.`);
  const signedAt = Date.parse(document.issuedAt);
  try {
    store.take(believed.value, arrived.document, arrived.manifests, signedAt);
  } catch (error) {
    if (!isDiskTrouble(error)) throw error;
    // Nothing is acted on that is not on the disk; the hub sends it again.
    onNoRoom(document);
    return refuse('disk_full', `Generation ${document.generation} could not be stored.`);
  }
  clock.seeSigned(signedAt);
  return 'taken';
}

function findMissing(document: DesiredDoc, isKnown: (digest: string) => boolean): string | undefined {
  for (const { manifest } of Object.values(document.slots))
    if (manifest !== null && !isKnown(manifest)) return manifest;
  return undefined;
}
