// Decides who somebody is on this hub and what they may from the claims of their sign-in service. Pure.
import { isName } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { isRole, type Role, sortRoles } from '@drover/core/roles';

export interface ClaimRules {
  readonly nameClaim: string;
  readonly rolesClaim: string;
  /** `GROUP=ROLE`, as configured. */
  readonly roles: readonly string[];
}

export interface OutsideIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly roles: readonly Role[];
}

export type Claims = Readonly<Record<string, unknown>>;

/** A claim by its name, or by a path with dots into objects (`realm_access.roles`). */
export function readClaim(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}

/** Groups that count; a service that lists thousands is not read to the end. */
const MOST_GROUPS = 2000;

function readGroups(claim: unknown): ReadonlySet<string> {
  if (typeof claim === 'string') return new Set([claim]);
  if (!Array.isArray(claim)) return new Set();
  return new Set(claim.slice(0, MOST_GROUPS).filter((group) => typeof group === 'string'));
}

/** A name of ours from one of theirs: lower case, and "-" for what a name may not hold. */
export const asName = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);

/** Whether the claims say nothing of groups, so that it is worth asking the service for more. */
export const lacksGroups = (claims: Claims, rules: ClaimRules): boolean =>
  readClaim(claims, rules.rolesClaim) === undefined || readClaim(claims, rules.nameClaim) === undefined;

export function readIdentity(claims: Claims, rules: ClaimRules): Result<OutsideIdentity> {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '' || sub.length > 255)
    return refuse('oidc_failed', 'The service does not say who it is.');
  const groups = readGroups(readClaim(claims, rules.rolesClaim));
  const roles = rules.roles.flatMap((rule) => {
    const at = rule.lastIndexOf('=');
    const role = rule.slice(at + 1);
    return groups.has(rule.slice(0, at)) && isRole(role) ? [role] : [];
  });
  if (roles.length === 0)
    return refuse('oidc_no_role', `No group in the claim "${rules.rolesClaim}" is mapped to a role.`);
  const claimed = readClaim(claims, rules.nameClaim);
  const name = typeof claimed === 'string' ? asName(claimed) : '';
  if (!isName(name)) return refuse('oidc_failed', `The claim "${rules.nameClaim}" does not hold a name.`);
  return accept({ issuer: iss, subject: sub, name, roles: sortRoles(roles) });
}
