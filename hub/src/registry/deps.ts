// Owns what the registry is handed: the database, the blobs, the trusted set, the trial. Never opens any of them.
import type { TrustedSet } from '@drover/trust/trusted-set';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { Store } from '../db/store.ts';
import type { ReleaseDeps } from '../release/release.ts';
import type { Trial } from './trial.ts';

export interface RegistryDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly trusted: Pick<TrustedSet, 'verifyManifest'>;
  /** The release metadata that versions are listed in. */
  readonly release: ReleaseDeps;
  readonly trial: Trial;
  readonly now: () => number;
}
