// Decides whether a file of the release metadata may be handed to the TUF client at all: its size, its number of entries, and
// that each delegation names just the paths that its role's name allows (docs/adr/0008). Never checks a signature.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { MODELS_PER_TEAM, TARGETS_PER_MODEL, TEAMS } from './metadata.ts';
import { modelPattern, parseMetadataFile, parseRole, type RoleName, teamPattern } from './names.ts';
import { ROOT_BYTES } from './trusted-root.ts';

/** Largest file of a role, in bytes. */
export function mostBytesOf(role: string): number {
  if (role === 'root') return ROOT_BYTES;
  if (role === 'timestamp') return 16 * 1024;
  return role === 'snapshot' ? 512 * 1024 : 384 * 1024;
}

/** The TUF client builds each list in quadratic time: 4,000 entries are seconds, and a stolen online key may sign them. */
const ENTRIES = { meta: 4096, keys: 512, signatures: 64 } as const;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const countOf = (value: unknown): number =>
  Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : 0;

/** The one pattern that a role of this name may be given by `parent`; undefined when it may not be delegated there. */
function patternFor(parent: RoleName, name: string): string | undefined {
  const role = parseRole(name);
  if (!role.ok) return undefined;
  if (parent.kind === 'top' && parent.role === 'targets' && role.value.kind === 'team')
    return teamPattern(role.value.team);
  if (parent.kind === 'team' && role.value.kind === 'model' && role.value.team === parent.team)
    return modelPattern(role.value.team, role.value.model);
  return undefined;
}

function checkDelegations(parent: RoleName, delegations: unknown): Result<undefined> {
  if (!isObject(delegations)) return accept(undefined);
  const { roles } = delegations;
  if (!Array.isArray(roles)) return refuse('metadata_malformed', 'Its delegations have no list of roles.');
  for (const role of roles as unknown[]) {
    const name = isObject(role) && typeof role['name'] === 'string' ? role['name'] : '';
    const paths = isObject(role) && Array.isArray(role['paths']) ? (role['paths'] as unknown[]) : [];
    const pattern = patternFor(parent, name);
    if (pattern === undefined || paths.length !== 1 || paths[0] !== pattern) {
      const said = paths.slice(0, 3).map(String).join(', ').slice(0, 120);
      return refuse('release_path_not_allowed', `The role "${name.slice(0, 80)}" is given "${said}".`);
    }
  }
  return accept(undefined);
}

/** `name` is the file's, as it was asked for. */
export function checkShape(name: string, bytes: Uint8Array): Result<undefined> {
  const file = parseMetadataFile(name);
  if (!file.ok) return file;
  const role = parseRole(file.value.role);
  if (!role.ok) return role;
  const mostBytes = mostBytesOf(file.value.role);
  if (bytes.length > mostBytes)
    return refuse('metadata_too_large', `"${name}" has ${bytes.length} bytes; at most ${mostBytes} are taken.`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    // "Not JSON" is an expected outcome here.
    return refuse('metadata_malformed', `"${name}" is not JSON.`);
  }
  if (!isObject(json) || !isObject(json['signed'])) return refuse('metadata_malformed', `"${name}" is not metadata.`);
  const { signed } = json;
  const delegations = isObject(signed['delegations']) ? signed['delegations'] : {};
  const counts: readonly [string, number, number][] = [
    ['signatures', countOf(json['signatures']), ENTRIES.signatures],
    ['files', countOf(signed['meta']), ENTRIES.meta],
    ['keys', countOf(signed['keys']) + countOf(delegations['keys']), ENTRIES.keys],
    ['versions', countOf(signed['targets']), TARGETS_PER_MODEL],
    ['delegations', countOf(delegations['roles']), role.value.kind === 'top' ? TEAMS : MODELS_PER_TEAM],
  ];
  const over = counts.find(([, count, most]) => count > most);
  if (over) return refuse('metadata_too_large', `"${name}" has ${over[1]} ${over[0]}; at most ${over[2]} are taken.`);
  return checkDelegations(role.value, signed['delegations']);
}
