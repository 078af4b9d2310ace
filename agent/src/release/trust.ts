// Owns whom this device believes: the release root and its client, or, for a device that joined a hub of 0.1, the old root
// until the hub shows a release root that the old one vouches for. Never decides what to install.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { DesiredDoc } from '@drover/trust/documents';
import type { Believed, TrustedSet, VerifyByDirector } from '@drover/trust/trusted-set';
import { type Found, openReleaseClient, type ReleaseClient } from '@drover/trust/tuf/client';
import { installFactoryRoot } from '@drover/trust/tuf/metadata-folder';
import type { MetadataSource } from '@drover/trust/tuf/metadata-source';
import { adoptReleaseRoot, type ReleaseRoot, ROOT_BYTES } from '@drover/trust/tuf/trusted-root';
import type { SignedEnvelope } from '@drover/wire/messages';

export interface ReleaseTrust {
  /** Believes what enough director keys of the held root signed. */
  verifyDesired(envelope: SignedEnvelope): Result<Believed<DesiredDoc>>;
  /** The same for any other document of the director. */
  verifyByDirector: VerifyByDirector;
  /** Looks for newer roots only. */
  refreshRoot(): Promise<Result<undefined>>;
  /** Whether these releases may be installed now; the outer refusal is about the metadata. */
  findAll(paths: readonly string[]): Promise<Result<readonly Result<Found>[]>>;
  /** When the held root expires, ms since epoch; undefined for the old root, which says no time. */
  expiresAt(): number | undefined;
  /** The last time that the metadata vouched for, ms since epoch. */
  signedAt(): number;
  /** Version of the held release root; 0 while there is none. */
  rootVersion(): number;
  /** Why nothing can be believed. */
  readonly problem: Refusal | undefined;
}

export interface ReleaseTrustOptions {
  readonly dataDir: string;
  readonly source: MetadataSource;
  readonly now: () => number;
  readonly release: 'any' | 'person';
  /** The root of 0.1 that this device was joined with, if it was. */
  readonly legacy: TrustedSet | undefined;
  /** A newer root is held; `keysChanged`: keys that are online at the hub are others now. */
  readonly onRoot: (root: ReleaseRoot, keysChanged: boolean) => void;
}

export const releaseFolder = (dataDir: string): string => path.join(dataDir, 'release');

/** How long the first release root may take, ms. */
const ADOPT_MS = 60_000;

export function openReleaseTrust(options: ReleaseTrustOptions): ReleaseTrust {
  const { source, now, release, legacy, onRoot } = options;
  const dir = releaseFolder(options.dataDir);
  // A device that has a release root never goes back to the old one, not even when its files are damaged.
  const old = existsSync(dir) ? undefined : legacy;
  const openClient = (): Result<ReleaseClient> => openReleaseClient({ dir, source, now, release, onRoot });
  let client: Result<ReleaseClient> = old ? refuse('root_invalid', 'There is no release root yet.') : openClient();

  /** The first release root of a hub that was 0.1 when this device joined. */
  async function adopt(from: TrustedSet): Promise<Result<ReleaseClient>> {
    const got = await source.fetch('1.root.json', ROOT_BYTES, AbortSignal.timeout(ADOPT_MS));
    if (!got.ok) return got;
    if (!got.value) return refuse('metadata_not_found', '"1.root.json": the hub has no release metadata yet.');
    const adopted = adoptReleaseRoot(got.value, from.root);
    if (!adopted.ok) return adopted;
    installFactoryRoot(dir, got.value);
    client = openClient();
    if (client.ok) onRoot(client.value.root(), true);
    return client;
  }

  const ready = async (): Promise<Result<ReleaseClient>> => (client.ok || !old ? client : adopt(old));

  return {
    verifyDesired(envelope) {
      if (client.ok) return client.value.root().verifyDesired(envelope);
      return old ? old.verifyDesired(envelope) : client;
    },
    verifyByDirector(envelope, type, parse) {
      if (client.ok) return client.value.root().verifyByDirector(envelope, type, parse);
      return old ? old.verifyByDirector(envelope, type, parse) : client;
    },
    async refreshRoot() {
      const held = await ready();
      if (!held.ok) return held;
      const done = await held.value.refreshRoot();
      return done.ok ? { ok: true, value: undefined } : done;
    },
    async findAll(paths) {
      const held = await ready();
      return held.ok ? held.value.findAll(paths) : held;
    },
    expiresAt: () => (client.ok ? client.value.root().expiresAt : undefined),
    signedAt: () => (client.ok ? client.value.signedAt() : 0),
    rootVersion: () => (client.ok ? client.value.root().version : 0),
    problem: client.ok || old ? undefined : client,
  };
}
