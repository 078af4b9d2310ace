import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asName, readClaim, readIdentity } from './oidc-claims.ts';

const rules = {
  nameClaim: 'preferred_username',
  rolesClaim: 'groups',
  roles: ['ops=operator', 'ml=trainer', 'ml=viewer', 'a=b=admin'],
};
const claims = { iss: 'https://id.example', sub: 'u1', preferred_username: 'Alice@Corp.example', groups: ['ops'] };

describe('claims', () => {
  it('make a person with a name of ours and the roles of their groups', () => {
    expect(readIdentity(claims, rules)).toMatchObject({
      value: { issuer: 'https://id.example', subject: 'u1', name: 'alice-corp.example', roles: ['operator'] },
    });
    expect(readIdentity({ ...claims, groups: ['ml', 'x', 'ops'] }, rules)).toMatchObject({
      value: { roles: ['viewer', 'operator', 'trainer'] },
    });
    expect(readIdentity({ ...claims, groups: 'a=b' }, rules)).toMatchObject({ value: { roles: ['admin'] } });
  });

  it('without a group that counts give nothing', () => {
    for (const groups of [undefined, [], ['admin', 'operator'], 'b', { ops: true }, [['ops']], 7])
      expect(readIdentity({ ...claims, groups }, rules)).toMatchObject({ code: 'oidc_no_role' });
  });

  it('are found by path, and never up the prototype', () => {
    expect(readClaim({ realm_access: { roles: ['x'] } }, 'realm_access.roles')).toEqual(['x']);
    expect(readClaim({ 'a.b': 1, a: { b: 2 } }, 'a.b')).toBe(1);
    for (const name of ['constructor', '__proto__', 'a.constructor', 'toString'])
      expect(readClaim({ a: {} }, name)).toBeUndefined();
  });

  it('of any shape end in a person or a refusal', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('iss', 'sub', 'groups', 'preferred_username'), fc.anything()),
        (any) => {
          const read = readIdentity(any, rules);
          if (read.ok) expect(read.value.roles.length).toBeGreaterThan(0);
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => /^([a-z0-9][a-z0-9._-]{0,62})?$/.test(asName(text))));
  });
});
