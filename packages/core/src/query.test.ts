import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatQuery, matchesQuery, parseQuery, type Query } from './query.ts';

function parsed(text: string): Query {
  const result = parseQuery(text);
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

const matches = (text: string, labels: Record<string, string>) => matchesQuery(parsed(text), labels);

describe('a label query', () => {
  it('reads like a sentence', () => {
    const text = 'site=berlin and line in (1, 2) and not has maintenance';
    expect(matches(text, { site: 'berlin', line: '2' })).toBe(true);
    expect(matches(text, { site: 'berlin', line: '3' })).toBe(false);
    expect(matches(text, { site: 'berlin', line: '2', maintenance: '' })).toBe(false);
    expect(matches(text, { site: 'paris', line: '2' })).toBe(false);
  });

  it.each([
    ['', {}, true],
    ['  ', { a: '1' }, true],
    ['a != 1', {}, true],
    ['a != 1', { a: '1' }, false],
    ['a not in (1,2)', { a: '3' }, true],
    ['a not in (1,2)', { a: '2' }, false],
    ['a=1 or b=1 and c=1', { a: '1' }, true],
    ['(a=1 or b=1) and c=1', { a: '1' }, false],
    ['not a=1 and b=1', { b: '1' }, true],
    ['not (a=1 and b=1)', { a: '1' }, true],
    ['not not has a', { a: '' }, true],
    [`"two words" = 'it\\'s'`, { 'two words': "it's" }, true],
    ['"and" = "or"', { and: 'or' }, true],
    ['has constructor', {}, false],
    ['toString = x', {}, false],
  ])('%s on %o is %s', (text, labels, expected) => {
    expect(matches(text, labels as Record<string, string>)).toBe(expected);
  });

  it.each([
    ['site =', 'At character 7: a value is expected.'],
    ['site berlin', 'At character 6: "=", "!=", "in" or "not in" is expected and not "berlin".'],
    ['a=1 b=2', 'At character 5: "and" or "or" is expected and not "b".'],
    ['(a=1', 'At character 5: ")" is expected.'],
    ['a in 1', 'At character 6: "(" is expected and not "1".'],
    ['a in (1 2)', 'At character 9: "," or ")" is expected and not "2".'],
    ['a = "open', 'At character 5: a quote is opened and never closed.'],
    ['a = ü', 'At character 5: "ü" has no meaning here.'],
    ['and', 'At character 1: a label name, "has", "not" or "(" is expected and not "and".'],
    ['a not 1', 'At character 7: "in" is expected and not "1".'],
    [`${'('.repeat(40)}a=1${')'.repeat(40)}`, 'At character 33: more than 32 levels are inside each other.'],
  ])('%s is refused with its place', (text, detail) => {
    expect(parseQuery(text)).toEqual({ ok: false, code: 'query_invalid', detail });
  });

  const key = fc.oneof(fc.constantFrom('a', 'b', 'site', 'and', 'in'), fc.string({ maxLength: 6 }));
  const leaf: fc.Arbitrary<Query> = fc.oneof(
    fc.record({ kind: fc.constant('has' as const), key }),
    fc.record({ kind: fc.constant('in' as const), key, values: fc.array(key, { minLength: 1, maxLength: 3 }) }),
  );
  const { tree } = fc.letrec<{ tree: Query }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({ kind: fc.constant('not' as const), of: tie('tree') }),
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        of: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
      }),
    ),
  }));
  const labels = fc.dictionary(key, key);

  it('means the same after it was written and read again', () => {
    fc.assert(
      fc.property(tree, labels, (query, on) => {
        const text = formatQuery(query);
        fc.pre(text.length <= 1024);
        expect(matchesQuery(parsed(text), on)).toBe(matchesQuery(query, on));
      }),
    );
  });

  it('answers any text with a query or a refusal', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom('and', 'or', 'not', 'in', 'has', '(', ')', '=', '!=', ',', '"', "'", '\\', ' ', 'a'),
        fc.string(),
      ),
    );
    fc.assert(
      fc.property(pieces, fc.boolean(), (parts, spaced) => {
        const result = parseQuery(parts.join(spaced ? ' ' : ''));
        expect(result.ok || result.code === 'query_invalid').toBe(true);
      }),
    );
  });
});
