// One pass of the TUF client over a scratch folder: newer roots, timestamp, snapshot, targets, then the way to each release.
// The only file that knows tuf-js; it is loaded with the first pass, because an idle device has no memory to spare for it.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { Metadata, Root, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import { type Fetcher, Updater } from 'tuf-js';
import { DownloadHTTPError } from 'tuf-js/dist/error.js';
import { checkShape, mostBytesOf } from './metadata-shape.ts';
import type { MetadataSource } from './metadata-source.ts';
import { modelRole, parseMetadataFile, type TargetName, targetPath } from './names.ts';
import { explainFault, MetadataFault } from './tuf-faults.ts';

export interface SessionOptions {
  /** Holds `root.json`, and the files of the set held. */
  readonly folder: string;
  readonly source: MetadataSource;
  /** Ms that one file may take, and all of them. */
  readonly fileMs: number;
  readonly passMs: number;
}

/** A release as its model's role lists it. */
export interface Listed {
  readonly length: number;
  readonly sha256: string;
  readonly release: number;
  /** The lowest release of this model, as its role says now. */
  readonly minRelease: number;
  /** Keys that may sign the model's role. */
  readonly keyids: readonly string[];
  readonly role: string;
  readonly versions: Readonly<Record<string, number>>;
}

export interface TufSession {
  /** Root versions that are newer, one by one. What was verified is in the folder also when a later one is refused. */
  loadRoots(): Promise<Result<undefined>>;
  /** Timestamp, snapshot and targets; `referenceTime` is what expiry is measured by, ms since epoch. */
  loadTop(referenceTime: number): Promise<Result<undefined>>;
  /** What the metadata says about a release; undefined when no role lists it. */
  find(name: TargetName): Promise<Result<Listed | undefined>>;
  /** Only a release key held off the hub counts, says `targets`. */
  isPersonRequired(): boolean;
  timestamp(): { readonly version: number; readonly expiresAt: number };
  /** Files were written since the folder was filled, besides roots. */
  hasWritten(): boolean;
}

/** What is used of the Updater beside its public methods: tuf-js has its steps and its clock as private members (6.0.2). */
interface Inner {
  readonly trustedSet: {
    readonly root: Metadata<Root>;
    readonly timestamp?: Metadata<Timestamp>;
    readonly snapshot?: Metadata<Snapshot>;
    readonly targets?: Metadata<Targets>;
    referenceTime: Date;
    getRole(name: string): Metadata<Targets> | undefined;
    updateTimestamp(bytes: Buffer): unknown;
    updateSnapshot(bytes: Buffer, trusted?: boolean): unknown;
    updateDelegatedTargets(bytes: Buffer, role: string, delegator: string): void;
  };
  loadRoot(): Promise<void>;
  loadTimestamp(): Promise<void>;
  loadSnapshot(): Promise<void>;
  loadTargets(role: string, parent: string): Promise<Metadata<Targets> | undefined>;
  persistMetadata(role: string, bytes: Buffer): void;
}

const fault = (refusal: Refusal): MetadataFault => new MetadataFault(refusal);

/** Asks the source for one file within its bounds, and hands on only what has the shape of its role. */
function makeFetcher({ source, fileMs, passMs }: SessionOptions, note: (error: unknown) => void): Fetcher {
  const endsAt = performance.now() + passMs;

  async function bring(name: string, mostBytes: number): Promise<Uint8Array> {
    const waitMs = Math.min(fileMs, endsAt - performance.now());
    const abort = new AbortController();
    const { promise: late, resolve } = Promise.withResolvers<Refusal>();
    const timer = setTimeout(
      () => resolve(refuse('metadata_timeout', `"${name}" did not come in ${Math.round(fileMs / 1000)} s.`)),
      Math.max(0, waitMs),
    );
    try {
      const got = await Promise.race([source.fetch(name, mostBytes, abort.signal), late]);
      if (!got.ok) throw fault(got);
      // tuf-js takes "there is none" from an HTTP status alone.
      if (got.value === undefined) throw new DownloadHTTPError(`"${name}" is not there`, 404);
      const shape = checkShape(name, got.value);
      if (!shape.ok) throw fault(shape);
      return got.value;
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }

  return {
    async downloadBytes(url, maxLength) {
      const name = decodeURIComponent(new URL(url).pathname.slice(1));
      try {
        const file = parseMetadataFile(name);
        if (!file.ok) throw fault(file);
        // The length that metadata states may be larger than any file we read: the smaller bound counts.
        return Buffer.from(await bring(name, Math.min(maxLength, mostBytesOf(file.value.role))));
      } catch (error) {
        note(error);
        throw error;
      }
    },
    downloadFile: () => Promise.reject(new Error('artifacts are not fetched by the TUF client')),
  };
}

function readDroverField(signed: Targets | undefined): Readonly<Record<string, unknown>> {
  const field = signed?.unrecognizedFields['x-drover'];
  return typeof field === 'object' && field !== null ? (field as Record<string, unknown>) : {};
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function readTarget(target: TargetFile): Result<Pick<Listed, 'length' | 'sha256' | 'release'>> {
  const { length, hashes, custom, path } = target;
  const sha256 = Object.hasOwn(hashes, 'sha256') ? hashes['sha256'] : undefined;
  const release = custom['release'];
  if (!isCount(length) || sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256) || !isCount(release))
    return refuse('metadata_malformed', `"${path}" is listed without length, SHA-256 or release.`);
  return accept({ length, sha256, release });
}

/** Throws what `new Updater` throws on a root that cannot be read: the caller checked it. */
export function openTufSession(options: SessionOptions): TufSession {
  /** The newest error inside of a step: tuf-js wraps some of them in sentences. */
  let inner: unknown;
  let written = 0;
  const note = (error: unknown): void => {
    inner = error;
  };
  const updater = new Updater({
    metadataDir: options.folder,
    metadataBaseUrl: 'http://metadata.invalid/',
    fetcher: makeFetcher(options, note),
    config: { maxDelegations: 4 },
  });
  const own = updater as unknown as Inner;
  const set = own.trustedSet;

  const noted =
    <A extends unknown[], T>(run: (...args: A) => T) =>
    (...args: A): T => {
      try {
        return run(...args);
      } catch (error) {
        note(error);
        throw error;
      }
    };
  set.updateTimestamp = noted(set.updateTimestamp.bind(set));
  set.updateSnapshot = noted(set.updateSnapshot.bind(set));
  set.updateDelegatedTargets = noted(set.updateDelegatedTargets.bind(set));
  const persist = own.persistMetadata.bind(own);
  own.persistMetadata = noted((role, bytes) => {
    persist(role, bytes);
    if (role !== 'root') written += 1;
  });
  const loadTargets = own.loadTargets.bind(own);
  own.loadTargets = async (role, parent) => {
    // tuf-js reads a property of what is not there; that is a mix of files, not a defect.
    if (!Object.hasOwn(set.snapshot?.signed.meta ?? {}, `${role}.json`))
      throw fault(refuse('metadata_mismatch', `Role "${role}" is delegated and the snapshot does not list it.`));
    return loadTargets(role, parent);
  };

  async function step<T>(role: string, run: () => Promise<T>): Promise<Result<T>> {
    inner = undefined;
    try {
      return accept(await run());
    } catch (error) {
      const isWrapped = error instanceof Error && error.message.startsWith('Unable to load');
      return explainFault(isWrapped && inner !== undefined ? inner : error, role);
    }
  }

  const versionOf = (role: string): number => set.getRole(role)?.signed.version ?? 0;

  return {
    loadRoots: () =>
      step('root', async () => {
        await own.loadRoot();
        return undefined;
      }),
    async loadTop(referenceTime) {
      set.referenceTime = new Date(referenceTime);
      const timestamp = await step('timestamp', () => own.loadTimestamp());
      if (!timestamp.ok) return timestamp;
      const snapshot = await step('snapshot', () => own.loadSnapshot());
      if (!snapshot.ok) return snapshot;
      const targets = await step('targets', () => own.loadTargets('targets', 'root'));
      return targets.ok ? accept(undefined) : targets;
    },
    async find(name) {
      const path = targetPath(name);
      const role = modelRole(name.team, name.model);
      const found = await step(role, () => updater.getTargetInfo(path));
      if (!found.ok) return found;
      if (found.value === undefined) return accept(undefined);
      const signed = set.getRole(role)?.signed;
      const isOwn = signed !== undefined && Object.hasOwn(signed.targets, path) && signed.targets[path] === found.value;
      if (!isOwn) return refuse('release_path_not_allowed', `"${path}" is listed by another role than "${role}".`);
      const target = readTarget(found.value);
      if (!target.ok) return target;
      const { minRelease = 0 } = readDroverField(signed);
      if (!isCount(minRelease)) return refuse('metadata_malformed', `Role "${role}" has no usable minRelease.`);
      return accept({
        ...target.value,
        minRelease,
        keyids: set.getRole(name.team)?.signed.delegations?.roles?.[role]?.keyIDs ?? [],
        role,
        versions: {
          root: set.root.signed.version,
          timestamp: set.timestamp?.signed.version ?? 0,
          snapshot: set.snapshot?.signed.version ?? 0,
          targets: versionOf('targets'),
          [name.team]: versionOf(name.team),
          [role]: signed.version,
        },
      });
    },
    isPersonRequired: () => readDroverField(set.targets?.signed)['release'] === 'person',
    timestamp: () => ({
      version: set.timestamp?.signed.version ?? 0,
      expiresAt: Date.parse(set.timestamp?.signed.expires ?? ''),
    }),
    hasWritten: () => written > 0,
  };
}
