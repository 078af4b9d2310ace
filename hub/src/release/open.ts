// Opens the release side of a hub: its key files, the metadata that is stored or the first of it, and the signers that the
// metadata names now. Composition for hub.ts; the rules are elsewhere.
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Manifest } from '@drover/trust/documents';
import { keyidOf, type Signer, SignerFailed } from '@drover/trust/dsse';
import { signRoot } from '@drover/trust/root';
import { type Believed, verifyManifestBy } from '@drover/trust/trusted-set';
import { buildRoot, buildTargets, type Entry, type KeySet, nextOffline, rootParts } from '@drover/trust/tuf/build';
import { encodeMetadata, METADATA_BYTES, signMetadata } from '@drover/trust/tuf/metadata';
import { HUB_TEAM, LOCAL_TEAM, parseMetadataFile } from '@drover/trust/tuf/names';
import { proposeChanges } from '@drover/trust/tuf/propose';
import type { TakenRole } from '@drover/trust/tuf/verify';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readNewest } from '../db/release.ts';
import type { Store } from '../db/store.ts';
import { type AskFor, DEV_ROLES, ensureDevKeys, type Keyring, openKeyring } from './keyring.ts';
import { type KeyFiles, planFirst, signRoles } from './release.ts';
import { planStart } from './renew.ts';
import { openRepository, type Repository, type Update } from './repository.ts';
import { teamsIn } from './state.ts';

export interface ReleaseSide {
  readonly repository: Repository;
  readonly keyring: Keyring;
  /** Signs desired documents: whichever key the current root names. */
  readonly director: Signer;
  /** Signs manifests of what the hub trained. */
  readonly manifests: Signer;
  /** Whether a manifest is signed by a key of any team that "targets" names now, or by the hub's own. */
  verifyManifest(envelope: SignedEnvelope): Result<Believed<Manifest>>;
  /** The root of 0.1, for agents that know no other: who signs manifests and desired documents, in one document. */
  signOldRoot(): Promise<SignedEnvelope>;
  /** Key files that were made now. */
  readonly created: readonly string[];
}

export interface OpenReleaseDeps {
  readonly folder: string;
  readonly isDev: boolean;
  readonly passphrase: AskFor;
  readonly store: Store;
  readonly now: () => number;
  /** What is registered already, by model: a hub of 0.1 has versions that no metadata lists. */
  readonly listRegistered: () => Promise<ReadonlyMap<string, readonly (Entry & { readonly isTrained: boolean })[]>>;
}

const one = (signer: Signer): KeySet => ({ keys: [signer.publicKey], threshold: 1 });

/** Files of a ceremony that were put beside the keys: `1.root.json`, `2.root.json`, `1.targets.json`. */
function readCeremony(folder: string): Result<KeyFiles | undefined> {
  const found = readdirSync(folder).flatMap((name) => {
    const file = parseMetadataFile(name);
    return file.ok && file.value.version !== undefined ? [{ name, role: file.value.role, at: file.value.version }] : [];
  });
  const read = (role: string): Uint8Array[] =>
    found
      .filter((file) => file.role === role)
      .toSorted((a, b) => a.at - b.at)
      .map(({ name }) => readFileSync(path.join(folder, name)));
  const large = found.find(({ name }) => statSync(path.join(folder, name)).size > METADATA_BYTES);
  if (large) return refuse('metadata_malformed', `"${large.name}" is larger than any metadata.`);
  const roots = read('root');
  const targets = read('targets').at(-1);
  return accept(roots.length === 0 || targets === undefined ? undefined : { roots, targets });
}

interface DevSigners {
  readonly root: Signer;
  readonly targets: Signer;
  readonly release: Signer;
  readonly online: Signer;
  readonly director: Signer;
  readonly training: Signer;
}

async function openDevSigners(keyring: Keyring): Promise<Result<DevSigners>> {
  const signers: Record<string, Signer> = {};
  for (const role of DEV_ROLES) {
    const signer = await keyring.openFile(`${role}.pem`);
    if (!signer.ok) return signer;
    signers[role] = signer.value;
  }
  return accept(signers as unknown as DevSigners);
}

/** The first metadata of a hub that makes its own keys; what a hub of 0.1 had registered is listed at once. */
async function makeDevFirst(
  { now, listRegistered }: OpenReleaseDeps,
  keyring: Keyring,
  signers: DevSigners,
): Promise<Result<Update>> {
  const at = now();
  const parts = {
    root: one(signers.root),
    targets: one(signers.targets),
    online: one(signers.online),
    director: one(signers.director),
  };
  const root = await signMetadata(buildRoot(parts, 1, at), [signers.root]);
  if (!root.ok) return root;
  const teams = new Map([
    [HUB_TEAM, one(signers.training)],
    [LOCAL_TEAM, one(signers.release)],
  ]);
  const targets = await signMetadata(buildTargets(teams, { version: nextOffline(0), now: at }), [signers.targets]);
  if (!targets.ok) return targets;
  const registered = await listRegistered();
  const roles: TakenRole[] = [];
  for (const [team, keys] of teams) {
    const own = [...registered].map(([model, entries]): [string, { add: Entry[] }] => [
      model,
      { add: entries.filter(({ isTrained }) => isTrained === (team === HUB_TEAM)) },
    ]);
    const changes = new Map(own.filter(([, { add }]) => add.length > 0));
    if (changes.size === 0) continue;
    const held = { team: undefined, models: new Map() };
    const proposed = proposeChanges({ team, keys, held, now: at }, changes);
    if (!proposed.ok) return proposed;
    const signed = await signRoles(keyring, keys, proposed.value);
    if (!signed.ok) return signed;
    roles.push(...signed.value);
  }
  return accept({ roots: [root.value], targets: targets.value, roles });
}

/** A signer whose key is looked up at each use: after a rotation it is another one. */
function liveSigner(name: string, keyring: Keyring, keys: () => KeySet): Signer {
  const publicKey = (): Uint8Array => {
    const set = keys();
    return set.keys.find((key) => keyring.holds({ keys: [key], threshold: 1 })) ?? set.keys[0] ?? new Uint8Array(32);
  };
  return {
    get keyid() {
      return keyidOf(publicKey());
    },
    get publicKey() {
      return publicKey();
    },
    async sign(bytes) {
      const signers = await keyring.signersFor(name, { keys: [publicKey()], threshold: 1 });
      const signer = signers.ok ? signers.value[0] : undefined;
      if (signer === undefined) throw new SignerFailed(signers.ok ? name : signers.detail);
      return signer.sign(bytes);
    },
  };
}

/** The old root has room for eight keys. */
const OLD_ROOT_KEYS = 8;

export async function openRelease(deps: OpenReleaseDeps): Promise<Result<ReleaseSide>> {
  const { folder, isDev, passphrase, store, now } = deps;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ceremony = readCeremony(folder);
  if (!ceremony.ok) return ceremony;
  const ring = openKeyring(folder, passphrase);
  if (!ring.ok) return ring;
  const keyring = ring.value;
  // A hub of 0.1 made its keys in every mode: it goes on with them.
  const isFresh = (await readNewest(store)).rows.length === 0;
  const makesOwn = isFresh && ceremony.value === undefined && (isDev || keyring.has('root.pem'));
  const created = makesOwn ? ensureDevKeys(folder) : [];
  const again = keyring.rescan();
  if (!again.ok) return again;

  const opened = await openRepository({ store, keyring, now }, async () => {
    if (!makesOwn && ceremony.value === undefined) return refuse('keys_not_installed', `None in ${folder}.`);
    if (ceremony.value !== undefined) return planFirst({ keyring, now }, ceremony.value);
    const signers = await openDevSigners(keyring);
    return signers.ok ? makeDevFirst(deps, keyring, signers.value) : signers;
  });
  if (!opened.ok) return opened;
  const repository = opened.value;
  const root = () => rootParts(repository.current().root.signed);
  const training = (): KeySet => teamsIn(repository.current()).get(HUB_TEAM) ?? root().director;
  // Asked for now: a key that does not open stops the start, not the first deployment.
  for (const [name, keys] of Object.entries({
    online: root().online,
    director: root().director,
    training: training(),
  })) {
    const signers = await keyring.signersFor(name, keys);
    if (!signers.ok) return signers;
  }
  const started = await repository.change(
    (state) => planStart({ repository, keyring, now }, state),
    (statements) => store.commit(statements),
  );
  if (!started.ok) return started;

  const director = liveSigner('director', keyring, () => root().director);
  /** In development the key of the local team is here, and agents of 0.1 know no other. */
  const manifestKeys = (): KeySet => {
    const local = teamsIn(repository.current()).get(LOCAL_TEAM);
    return local !== undefined && keyring.holds(local) ? local : training();
  };
  const manifests = liveSigner('training', keyring, manifestKeys);
  const listPublishers = (): Uint8Array[] =>
    [...teamsIn(repository.current())].filter(([team]) => team !== HUB_TEAM).flatMap(([, { keys }]) => keys);
  return accept({
    repository,
    keyring,
    director,
    manifests,
    created,
    verifyManifest: (envelope) => {
      const keys = [manifests.publicKey, ...training().keys, ...listPublishers()];
      return verifyManifestBy(envelope, new Map(keys.map((key) => [keyidOf(key), key])));
    },
    async signOldRoot() {
      const keys = new Map([manifests.publicKey, ...listPublishers()].map((key) => [keyidOf(key), key]));
      const release = [...keys].slice(0, OLD_ROOT_KEYS).map(([keyid, publicKey]) => ({ keyid, publicKey }));
      const rootKey = keyring.has('root.pem') ? await keyring.openFile('root.pem') : accept(director);
      return signRoot(1, { root: [rootKey.ok ? rootKey.value : director], release, director: [director] });
    },
  });
}

/** The newest root as a file, for whoever joins. */
export const newestRoot = (repository: Repository): Uint8Array => encodeMetadata(repository.current().root);
