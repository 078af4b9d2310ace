// A release repository made by hand: real keys, real signatures over canonical JSON, and a knob for every way to break it.
// Shares nothing with the builder of the hub, so that the two cannot be wrong together. Tests only.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { canonicalize } from '@tufjs/canonical-json';

type Json = Record<string, unknown>;

export interface RepoKey {
  /** TUF 1.0.34 §4.2: SHA-256 of the canonical JSON of the key. */
  readonly keyid: string;
  /** Raw public key, hex. */
  readonly public: string;
  readonly privateKey: KeyObject;
  readonly json: Json;
}

export function makeRepoKey(): RepoKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return repoKeyOf(privateKey, publicKey);
}

export function repoKeyOf(privateKey: KeyObject, publicKey: KeyObject): RepoKey {
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('hex');
  const json = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } };
  const keyid = createHash('sha256').update(canonicalize(json)).digest('hex');
  return { keyid, public: raw, privateKey, json };
}

/** Signs any document as it stands. */
export function signJson(signed: Json, keys: readonly RepoKey[]): Uint8Array {
  const bytes = Buffer.from(canonicalize(signed));
  const signatures = keys.map(({ keyid, privateKey }) => ({
    keyid,
    sig: sign(null, bytes, privateKey).toString('hex'),
  }));
  return Buffer.from(JSON.stringify({ signatures, signed }));
}

export interface RepoEntry {
  readonly sha256: string;
  readonly length: number;
  readonly release: number;
}

interface RoleKeys {
  keys: RepoKey[];
  threshold: number;
}

/** What the next file of each role says. Tests change it freely. */
export interface RepoModel {
  version: number;
  entries: Record<string, RepoEntry>;
  minRelease?: number;
}

export interface RepoTeam {
  role: RoleKeys;
  version: number;
  models: Record<string, RepoModel>;
}

const DAY = 86_400_000;
const role = ({ keys, threshold }: RoleKeys) => ({ keyids: keys.map(({ keyid }) => keyid), threshold });
const keyMap = (...keys: RepoKey[]) => Object.fromEntries(keys.map((key) => [key.keyid, key.json]));
const instant = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export interface RepoOptions {
  /** Ms since epoch of the first publication. */
  readonly now?: number;
  readonly director?: RepoKey;
  /** Root keys and how many must sign. */
  readonly root?: RoleKeys;
}

/** One repository: `files` is what a source serves. */
export class TufRepo {
  readonly files = new Map<string, Uint8Array>();
  now: number;
  root: RoleKeys;
  targets: RoleKeys = { keys: [makeRepoKey()], threshold: 1 };
  timestamp: RoleKeys = { keys: [makeRepoKey()], threshold: 1 };
  snapshot: RoleKeys;
  director: RoleKeys;
  readonly teams: Record<string, RepoTeam> = {};
  versions = { root: 0, targets: 0, snapshot: 0, timestamp: 0 };
  /** Days for which each kind is good. */
  valid = { root: 365, targets: 365, team: 90, snapshot: 7, timestamp: 1 };
  person = false;
  /** Changes a document before it is signed, by role; for what no field above can say. */
  tamper: Partial<Record<string, (signed: Json) => void>> = {};
  /** Who signs a role instead of its keys. */
  signers: Partial<Record<string, readonly RepoKey[]>> = {};

  constructor(options: RepoOptions = {}) {
    this.now = options.now ?? Date.now();
    this.root = options.root ?? { keys: [makeRepoKey(), makeRepoKey(), makeRepoKey()], threshold: 2 };
    this.snapshot = this.timestamp;
    this.director = { keys: [options.director ?? makeRepoKey()], threshold: 1 };
    this.addTeam('hub');
    this.addTeam('acme');
    this.publishRoot();
    this.publishTargets();
    this.publish();
  }

  addTeam(name: string, keys: RepoKey[] = [makeRepoKey()]): RepoTeam {
    const team: RepoTeam = { role: { keys, threshold: 1 }, version: 0, models: {} };
    this.teams[name] = team;
    return team;
  }

  #put(name: string, of: string, signed: Json, keys: readonly RepoKey[]): Uint8Array {
    this.tamper[of]?.(signed);
    const bytes = signJson(signed, this.signers[of] ?? keys);
    this.files.set(name, bytes);
    return bytes;
  }

  #common(type: string, version: number, days: number): Json {
    return { _type: type, spec_version: '1.0.34', version, expires: instant(this.now + days * DAY) };
  }

  /** The next root, signed by the keys before and the keys now. */
  publishRoot(previous: readonly RepoKey[] = []): Uint8Array {
    const version = ++this.versions.root;
    const signers = [...new Set([...previous, ...this.root.keys])];
    const signed = {
      ...this.#common('root', version, this.valid.root),
      consistent_snapshot: true,
      keys: keyMap(
        ...this.root.keys, ...this.targets.keys, ...this.snapshot.keys, ...this.timestamp.keys, ...this.director.keys,
      ), // biome-ignore format: one list
      roles: {
        root: role(this.root),
        targets: role(this.targets),
        snapshot: role(this.snapshot),
        timestamp: role(this.timestamp),
      },
      'x-drover': { director: role(this.director) },
    };
    return this.#put(`${version}.root.json`, 'root', signed, signers);
  }

  publishTargets(): Uint8Array {
    const version = ++this.versions.targets;
    const teams = Object.entries(this.teams);
    const signed = {
      ...this.#common('targets', version, this.valid.targets),
      targets: {},
      delegations: {
        keys: keyMap(...teams.flatMap(([, team]) => team.role.keys)),
        roles: teams.map(([name, team]) => ({
          name,
          ...role(team.role),
          terminating: true,
          paths: [`${name}/*/*`],
        })),
      },
      ...(this.person && { 'x-drover': { release: 'person' } }),
    };
    return this.#put(`${version}.targets.json`, 'targets', signed, this.targets.keys);
  }

  publishTeam(name: string): Uint8Array {
    const team = this.#team(name);
    team.version += 1;
    const signed = {
      ...this.#common('targets', team.version, this.valid.team),
      targets: {},
      delegations: {
        keys: keyMap(...team.role.keys),
        roles: Object.keys(team.models).map((model) => ({
          name: `${name}~${model}`,
          ...role(team.role),
          terminating: true,
          paths: [`${name}/${model}/*`],
        })),
      },
    };
    return this.#put(`${team.version}.${name}.json`, name, signed, team.role.keys);
  }

  publishModel(teamName: string, modelName: string): Uint8Array {
    const team = this.#team(teamName);
    const model = this.#model(teamName, modelName);
    model.version += 1;
    const signed = {
      ...this.#common('targets', model.version, this.valid.team),
      targets: Object.fromEntries(
        Object.entries(model.entries).map(([path, { sha256, length, release }]) => [
          path,
          { length, hashes: { sha256 }, custom: { release } },
        ]),
      ),
      ...(model.minRelease !== undefined && { 'x-drover': { minRelease: model.minRelease } }),
    };
    const of = `${teamName}~${modelName}`;
    return this.#put(`${model.version}.${of}.json`, of, signed, team.role.keys);
  }

  publishSnapshot(): Uint8Array {
    const version = ++this.versions.snapshot;
    const meta: Json = { 'targets.json': { version: this.versions.targets } };
    for (const [name, team] of Object.entries(this.teams)) {
      if (team.version > 0) meta[`${name}.json`] = { version: team.version };
      for (const [model, { version: of }] of Object.entries(team.models)) {
        if (of > 0) meta[`${name}~${model}.json`] = { version: of };
      }
    }
    const signed = { ...this.#common('snapshot', version, this.valid.snapshot), meta };
    return this.#put(`${version}.snapshot.json`, 'snapshot', signed, this.snapshot.keys);
  }

  publishTimestamp(): Uint8Array {
    const version = ++this.versions.timestamp;
    const name = `${this.versions.snapshot}.snapshot.json`;
    const snapshot = this.files.get(name) ?? new Uint8Array(0);
    const hashes = { sha256: createHash('sha256').update(snapshot).digest('hex') };
    const signed = {
      ...this.#common('timestamp', version, this.valid.timestamp),
      meta: { 'snapshot.json': { version: this.versions.snapshot, length: snapshot.length, hashes } },
    };
    return this.#put('timestamp.json', 'timestamp', signed, this.timestamp.keys);
  }

  /** The online part: snapshot and timestamp. */
  publish(): void {
    this.publishSnapshot();
    this.publishTimestamp();
  }

  /** Approves a manifest payload and publishes all that this changes; returns its path. */
  approve(team: string, model: string, version: number, payload: Uint8Array, release = version): string {
    const of = this.#team(team);
    const isNew = !Object.hasOwn(of.models, model);
    of.models[model] ??= { version: 0, entries: {} };
    const path = `${team}/${model}/${version}.json`;
    of.models[model].entries[path] = {
      sha256: createHash('sha256').update(payload).digest('hex'),
      length: payload.length,
      release,
    };
    if (isNew || of.version === 0) this.publishTeam(team);
    this.publishModel(team, model);
    this.publish();
    return path;
  }

  withdraw(team: string, model: string, version: number): void {
    delete this.#model(team, model).entries[`${team}/${model}/${version}.json`];
    this.publishModel(team, model);
    this.publish();
  }

  #team(name: string): RepoTeam {
    const team = this.teams[name];
    if (!team) throw new Error(`the repository has no team "${name}"`);
    return team;
  }

  #model(team: string, name: string): RepoModel {
    const model = this.#team(team).models[name];
    if (!model) throw new Error(`the team "${team}" has no model "${name}"`);
    return model;
  }
}
