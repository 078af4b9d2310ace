// Decides what the roles, files and targets of the release metadata are called: builds and parses names. Never reads one.
import { isName } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';

/** The team of what the hub itself trained; its key is online. */
export const HUB_TEAM = 'hub';
/** The publisher team that a hub in development mode has from its first start. */
export const LOCAL_TEAM = 'local';

export const TOP_ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type TopRole = (typeof TOP_ROLES)[number];

/** `~` joins team and model: neither name may contain it, so that a role name has one reading. */
const JOIN = '~';
const TEAM = /^[a-z0-9][a-z0-9_-]{0,30}$/;
const DIGEST = /^[0-9a-f]{64}$/;
/** Whole numbers from 1 to 2^53 - 1, without leading zeros: one spelling for a version. */
const VERSION = /^[1-9][0-9]{0,15}$/;

const isTopRole = (name: string): name is TopRole => TOP_ROLES.some((role) => role === name);

/** A team's name is a file's and a path's first part: no dot, and none of the names that TUF gives a meaning. */
export const isTeam = (text: string): boolean => TEAM.test(text) && !isTopRole(text);

export function parseTeam(text: string): Result<string> {
  if (isTeam(text)) return accept(text);
  return refuse(
    'team_invalid',
    `"${text.slice(0, 80)}" is not [a-z0-9][a-z0-9_-]{0,30}, or it is one of ${TOP_ROLES.join(', ')}.`,
  );
}

export type RoleName =
  | { readonly kind: 'top'; readonly role: TopRole }
  | { readonly kind: 'team'; readonly team: string }
  | { readonly kind: 'model'; readonly team: string; readonly model: string };

export const modelRole = (team: string, model: string): string => `${team}${JOIN}${model}`;

export function parseRole(name: string): Result<RoleName> {
  if (isTopRole(name)) return accept({ kind: 'top', role: name });
  const [team = '', model, ...more] = name.split(JOIN);
  if (isTeam(team) && more.length === 0) {
    if (model === undefined) return accept({ kind: 'team', team });
    if (isName(model)) return accept({ kind: 'model', team, model });
  }
  return refuse('metadata_name_invalid', `"${name.slice(0, 120)}" is no role.`);
}

export const writeRole = (name: RoleName): string =>
  name.kind === 'top' ? name.role : name.kind === 'team' ? name.team : modelRole(name.team, name.model);

/** One approved version: `<team>/<model>/<version>.json`; the target's bytes are the payload of the manifest. */
export interface TargetName {
  readonly team: string;
  readonly model: string;
  readonly version: number;
}

const parseVersion = (text: string): number | undefined => {
  const version = VERSION.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(version) ? version : undefined;
};

export const targetPath = ({ team, model, version }: TargetName): string => `${team}/${model}/${version}.json`;

const refusePath = (path: string): Result<never> =>
  refuse('metadata_name_invalid', `"${path.slice(0, 160)}" is not <team>/<model>/<version>.json.`);

export function parseTargetPath(path: string): Result<TargetName> {
  const [team = '', model = '', file = '', ...more] = path.split('/');
  const version = file.endsWith('.json') ? parseVersion(file.slice(0, -5)) : undefined;
  if (!isTeam(team) || !isName(model) || version === undefined || more.length > 0) return refusePath(path);
  return accept({ team, model, version });
}

/** What a team delegates for one model, as a TUF path pattern. */
export const modelPattern = (team: string, model: string): string => `${team}/${model}/*`;
/** What `targets` delegates to a team. */
export const teamPattern = (team: string): string => `${team}/*/*`;

/** Where a client with consistent snapshots looks for a target's bytes: the digest stands before the file name. */
export function targetFile(path: string, sha256: string): string {
  const at = path.lastIndexOf('/') + 1;
  return `${path.slice(0, at)}${sha256}.${path.slice(at)}`;
}

export function parseTargetFile(file: string): Result<{ readonly path: string; readonly sha256: string }> {
  const at = file.lastIndexOf('/') + 1;
  const sha256 = file.slice(at, at + 64);
  const path = `${file.slice(0, at)}${file.slice(at + 65)}`;
  const isSplit = DIGEST.test(sha256) && file[at + 64] === '.';
  return isSplit && parseTargetPath(path).ok ? accept({ path, sha256 }) : refusePath(file);
}

/** `version` is undefined for the timestamp alone, which is fetched without knowing one. */
export interface MetadataFile {
  readonly role: string;
  readonly version: number | undefined;
}

/** `timestamp.json`, `7.snapshot.json`, `3.acme~wear.json` (TUF 1.0.34 §6.2, consistent snapshots). */
export const metadataFile = (role: string, version: number): string =>
  role === 'timestamp' ? 'timestamp.json' : `${version}.${role}.json`;

export function parseMetadataFile(file: string): Result<MetadataFile> {
  if (file === 'timestamp.json') return accept({ role: 'timestamp', version: undefined });
  const at = file.indexOf('.');
  const version = parseVersion(file.slice(0, Math.max(at, 0)));
  const role = file.endsWith('.json') ? file.slice(at + 1, -5) : '';
  if (version !== undefined && role !== 'timestamp' && parseRole(role).ok) return accept({ role, version });
  return refuse('metadata_name_invalid', `"${file.slice(0, 160)}" is no metadata file.`);
}
