import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRole, mayDo, type Need, ROLES, sortRoles } from './roles.ts';

const roleSets = fc.uniqueArray(fc.constantFrom(...ROLES));
const needs = fc.constantFrom<Need>('public', ...ROLES);

describe('roles', () => {
  it.each([
    [['viewer'], ['public', 'viewer']],
    [['operator'], ['public', 'viewer', 'operator']],
    [['approver'], ['public', 'viewer', 'approver']],
    [['trainer'], ['public', 'viewer', 'trainer']],
    [['admin'], ['public', ...ROLES]],
    [[], ['public']],
    [
      ['operator', 'trainer'],
      ['public', 'viewer', 'operator', 'trainer'],
    ],
  ] as const)('%j may do exactly %j', (held, may) => {
    const granted = (['public', ...ROLES] as const).filter((need) => mayDo(held, need));
    expect(granted).toEqual(may);
  });

  it('never take anything away by being held too', () => {
    fc.assert(
      fc.property(roleSets, fc.constantFrom(...ROLES), needs, (held, more, need) => {
        expect(!mayDo(held, need) || mayDo([...held, more], need)).toBe(true);
      }),
    );
  });

  it('are a set', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...ROLES)), (held) => {
        expect(sortRoles(sortRoles(held))).toEqual(sortRoles(held));
        expect(new Set(sortRoles(held))).toEqual(new Set(held));
      }),
    );
    expect([isRole('admin'), isRole('root'), isRole('toString')]).toEqual([true, false, false]);
  });
});
