// What a publisher does to release: takes what a hub holds of its team, believes it only when its own key signed it (or a
// chain from a root that it holds leads there), makes exactly the change asked for, and signs. The hub proposes nothing.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { PublicationRequest, RoleView } from '@drover/wire/http/release';
import type { Signer } from '../dsse.ts';
import { type Entry, type KeySet, teamsOf } from './build.ts';
import {
  addSignatures,
  checkThreshold,
  encodeMetadata,
  listSigners,
  type Metadata,
  parseMetadata,
  type RoleKeys,
  type RootSigned,
  type TargetsSigned,
  type TufKey,
  tufKeyidOf,
  tufKeyOf,
} from './metadata.ts';
import { HUB_TEAM, metadataFile, modelRole, parseRole } from './names.ts';
import { entriesOf, isSameEntry, modelsOf, proposeChanges, type ReleaseChange, type TeamFiles } from './propose.ts';
import { checkNextRoot } from './verify.ts';

/** How the publisher sees the hub. */
export interface HubView {
  /** The answer of GET /api/v1/tuf/roles. */
  readonly roles: readonly RoleView[];
  /** A metadata file by its name; undefined when there is none. */
  readonly read: (file: string) => Promise<Uint8Array | undefined>;
}

const asRole = ({ keys, threshold }: KeySet): RoleKeys => ({ keyids: keys.map(tufKeyidOf), threshold });
const asMap = (keys: readonly Uint8Array[]): Record<string, TufKey> =>
  Object.fromEntries(keys.map((key) => [tufKeyidOf(key), tufKeyOf(key)]));

const keysIn = (view: RoleView): KeySet => ({
  keys: view.keys.map(({ publicKey }) => Buffer.from(publicKey, 'hex')),
  threshold: view.threshold,
});

/** The team that these keys sign for. `team` chooses where one key signs for several. */
export function findTeam(hub: HubView, signers: readonly Signer[], team?: string): Result<RoleView> {
  const own = new Set(signers.map(({ keyid }) => keyid));
  const found = hub.roles.filter((view) => {
    const name = parseRole(view.role);
    if (!name.ok || name.value.kind !== 'team' || name.value.team === HUB_TEAM || view.role === 'director')
      return false;
    return (team === undefined || view.role === team) && view.keys.some(({ keyid }) => own.has(keyid));
  });
  const [first, ...more] = found;
  if (first === undefined)
    return refuse('team_unknown', team === undefined ? 'No team has this key.' : `"${team}" does not have this key.`);
  return more.length === 0
    ? accept(first)
    : refuse('team_unknown', `The key signs for ${found.map(({ role }) => role).join(', ')}: say which.`);
}

/**
 * Follows the chain from a root that the publisher holds to the keys of its team: what the hub says about keys is then not
 * needed. `root` is the file.
 */
export async function followChain(hub: HubView, root: Uint8Array, team: string): Promise<Result<KeySet>> {
  const first = parseMetadata('root', root);
  if (!first.ok) return first;
  let newest: RootSigned = first.value.signed;
  for (;;) {
    const next = await hub.read(metadataFile('root', newest.version + 1));
    if (next === undefined) break;
    const checked = checkNextRoot(newest, next);
    if (!checked.ok) return checked;
    newest = checked.value.signed;
  }
  const view = hub.roles.find(({ role }) => role === 'targets');
  const bytes = view && (await hub.read(metadataFile('targets', view.version)));
  if (bytes === undefined) return refuse('metadata_malformed', 'The hub has no "targets".');
  const targets = parseMetadata('targets', bytes);
  if (!targets.ok) return targets;
  const signed = checkThreshold(targets.value, 'targets', newest.roles.targets, newest.keys);
  if (!signed.ok) return signed;
  const keys = teamsOf(targets.value.signed).get(team);
  return keys === undefined ? refuse('team_unknown', `"${team}".`) : accept(keys);
}

/** Believed when the publisher's own key is among those that signed, or enough keys that a chain led to. */
function believe(
  role: string,
  bytes: Uint8Array,
  signers: readonly Signer[],
  chained: KeySet | undefined,
): Result<Metadata<TargetsSigned>> {
  const parsed = parseMetadata('targets', bytes);
  if (!parsed.ok) return refuse(parsed.code, `"${role}": ${parsed.detail}`);
  if (chained !== undefined) {
    const enough = checkThreshold(parsed.value, role, asRole(chained), asMap(chained.keys));
    return enough.ok ? parsed : enough;
  }
  const own = signers.map(({ publicKey }) => publicKey);
  const signed = listSigners(parsed.value, asRole({ keys: own, threshold: 1 }), asMap(own));
  return signed.length > 0
    ? parsed
    : refuse(
        'metadata_unsigned',
        `What the hub holds of "${role}" is not signed by this key: give --root FILE (a root that you trust), and the signatures of the others are believed.`,
      );
}

export interface PublisherOrder {
  readonly signers: readonly Signer[];
  readonly team?: string | undefined;
  /** A root file that the publisher trusts. */
  readonly root?: Uint8Array | undefined;
  readonly now: number;
}

interface Held {
  readonly team: string;
  readonly keys: KeySet;
  readonly files: TeamFiles;
}

/** What the hub holds of the publisher's team, believed. `models` undefined: all. */
async function readHeld(
  hub: HubView,
  { signers, team, root }: PublisherOrder,
  models: readonly string[] | undefined,
): Promise<Result<Held>> {
  // A chain from a root names the team's keys by itself: then no key of the team is needed to find it.
  const known = root !== undefined && team !== undefined ? hub.roles.find(({ role }) => role === team) : undefined;
  const view = known === undefined ? findTeam(hub, signers, team) : accept(known);
  if (!view.ok) return view;
  const name = view.value.role;
  const chained = root === undefined ? undefined : await followChain(hub, root, name);
  if (chained !== undefined && !chained.ok) return chained;
  const keys = chained?.value ?? keysIn(view.value);
  const read = async (role: string): Promise<Result<Metadata<TargetsSigned> | undefined>> => {
    const file = hub.roles.find((one) => one.role === role)?.file;
    const bytes = file === undefined || file === null ? undefined : await hub.read(file);
    return bytes === undefined ? accept(undefined) : believe(role, bytes, signers, chained?.value);
  };
  const teamFile = await read(name);
  if (!teamFile.ok) return teamFile;
  const listed = teamFile.value === undefined ? [] : modelsOf(teamFile.value.signed);
  const files = new Map<string, Metadata<TargetsSigned>>();
  for (const model of models ?? listed) {
    if (!listed.includes(model)) continue;
    const file = await read(modelRole(name, model));
    if (!file.ok) return file;
    if (file.value !== undefined) files.set(model, file.value);
  }
  return accept({ team: name, keys, files: { team: teamFile.value, models: files } });
}

const isListed = (held: TeamFiles, model: string, entry: Entry): boolean => {
  const last = held.models.get(model)?.signed;
  return last !== undefined && entriesOf(last).some((one) => isSameEntry(one, entry));
};

async function sign(
  held: Held,
  { signers, now }: PublisherOrder,
  changes: ReadonlyMap<string, ReleaseChange>,
  renewsTeam = false,
): Promise<Result<PublicationRequest>> {
  const { team, keys } = held;
  const own = signers.filter(({ publicKey }) => asRole(keys).keyids.includes(tufKeyidOf(publicKey)));
  if (own.length < keys.threshold)
    return refuse('metadata_unsigned', `"${team}" needs ${keys.threshold} keys and ${own.length} of them are given.`);
  const proposed = proposeChanges({ team, keys, held: held.files, now, renewsTeam }, changes);
  if (!proposed.ok) return proposed;
  const files: { role: string; metadata: string }[] = [];
  for (const { role, signed } of proposed.value) {
    const metadata = await addSignatures({ signed, signatures: [] }, own);
    if (!metadata.ok) return metadata;
    files.push({ role, metadata: Buffer.from(encodeMetadata(metadata.value)).toString('base64') });
  }
  const asked = [...changes].map(([model, { add, withdraw, minRelease }]) => [
    model,
    {
      ...(add !== undefined && { add: add.map(({ version }) => version) }),
      ...(withdraw !== undefined && { withdraw: [...withdraw] }),
      ...(minRelease !== undefined && { minRelease }),
    },
  ]);
  return accept({ team, changes: Object.fromEntries(asked), files });
}

/** The signed roles for one change of one model; undefined when the metadata says it already. */
export async function signRelease(
  hub: HubView,
  order: PublisherOrder,
  model: string,
  change: ReleaseChange,
): Promise<Result<PublicationRequest | undefined>> {
  const held = await readHeld(hub, order, [model]);
  if (!held.ok) return held;
  const { files } = held.value;
  const isSame = (change.add ?? []).every((entry) => isListed(files, model, entry));
  const isMore = (change.withdraw ?? []).length > 0 || change.minRelease !== undefined;
  if (isSame && !isMore) return accept(undefined);
  return sign(held.value, order, new Map([[model, change]]));
}

/** All roles of the team signed again, so that they live on. */
export async function signRenewal(hub: HubView, order: PublisherOrder): Promise<Result<PublicationRequest>> {
  const held = await readHeld(hub, order, undefined);
  if (!held.ok) return held;
  const changes = new Map([...held.value.files.models.keys()].map((model): [string, ReleaseChange] => [model, {}]));
  return sign(held.value, order, changes, true);
}

/** All roles of the team made anew for other keys, which sign them: for after "targets" names those. Empty when it has none. */
export async function signRotation(
  hub: HubView,
  order: PublisherOrder & { readonly team: string },
  next: { readonly keys: KeySet; readonly signers: readonly Signer[] },
): Promise<Result<PublicationRequest['files']>> {
  if ((hub.roles.find(({ role }) => role === order.team)?.file ?? undefined) === undefined) return accept([]);
  const held = await readHeld(hub, order, undefined);
  if (!held.ok) return held;
  const changes = new Map([...held.value.files.models.keys()].map((model): [string, ReleaseChange] => [model, {}]));
  const signed = await sign({ ...held.value, keys: next.keys }, { ...order, signers: next.signers }, changes, true);
  return signed.ok ? accept(signed.value.files) : signed;
}
