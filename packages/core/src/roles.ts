// Owns the roles that people and tokens hold and decides what a set of them may do. Never knows who somebody is.

/** Every role, the least first. A person holds a set of them; admin may all, and each implies viewer. */
export const ROLES = ['viewer', 'operator', 'approver', 'trainer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What a route asks for: nothing, or a role. */
export type Need = 'public' | Role;

/** What each role is for, in one sentence; docs/people.md and the command line show it. */
export const ROLE_MEANS: Readonly<Record<Role, string>> = {
  viewer: 'Sees the fleet, models, runs and statistics; changes nothing but their own sessions and password.',
  operator: 'Joins, labels and removes devices; starts and aborts rollouts; sends commands and labels.',
  approver: 'Approves and withdraws versions and rollouts that wait for a second person; reads the audit log.',
  trainer: 'Uploads data and models, trains, registers versions, moves aliases.',
  admin: 'Does everything, and manages people, tokens, keys and settings.',
};

export const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text);

/** Whether a holder of `roles` may do what asks for `need`. */
export function mayDo(roles: readonly Role[], need: Need): boolean {
  if (need === 'public' || roles.includes('admin')) return true;
  return need === 'viewer' ? roles.length > 0 : roles.includes(need);
}

/** The same set in the order of `ROLES`, each role once. */
export const sortRoles = (roles: readonly Role[]): Role[] => ROLES.filter((role) => roles.includes(role));
