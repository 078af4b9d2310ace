// Owns the language in which people name devices by their labels: parsing and evaluating. Never looks devices up.
//
//   query   = or | ""                        "" means every device
//   or      = and { "or" and }
//   and     = not { "and" not }
//   not     = "not" not | "(" or ")" | test
//   test    = "has" key | key ("=" | "!=") value | key ["not"] "in" "(" value { "," value } ")"
//   key     = word or quoted     value = word or quoted     word = [A-Za-z0-9._:/-]+     quoted = "…" or '…' with \ escapes
import { accept, type Result, refuse } from './reasons.ts';

export type Query =
  | { readonly kind: 'all' }
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: 'in'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'not'; readonly of: Query }
  | { readonly kind: 'and'; readonly of: readonly Query[] }
  | { readonly kind: 'or'; readonly of: readonly Query[] };

export const QUERY_CHARS = 1024;
/** Parentheses and nots inside each other. */
const MAX_DEPTH = 32;

interface Token {
  readonly kind: 'word' | 'quoted' | 'mark' | 'end';
  readonly text: string;
  /** Index of the first character. */
  readonly at: number;
}

class QueryError {
  readonly at: number;
  readonly why: string;
  constructor(at: number, why: string) {
    this.at = at;
    this.why = why;
  }
}

const SPACE = /\s+/y;
const WORD = /[A-Za-z0-9._:/-]+/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;
const MARK = /!=|[=(),]/y;

const KINDS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['word', WORD],
  ['quoted', QUOTED],
  ['mark', MARK],
];

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

const unquote = (text: string): string => text.slice(1, -1).replaceAll(/\\(.)/gs, '$1');

function readTokens(text: string): Token[] | QueryError {
  const tokens: Token[] = [];
  let at = matchAt(SPACE, text, 0)?.length ?? 0;
  while (at < text.length) {
    let found: Token | undefined;
    let length = 0;
    for (const [kind, pattern] of KINDS) {
      const match = matchAt(pattern, text, at);
      if (match === undefined) continue;
      found = { kind, text: kind === 'quoted' ? unquote(match) : match, at };
      length = match.length;
      break;
    }
    if (!found) {
      const isOpen = text[at] === '"' || text[at] === "'";
      return new QueryError(
        at,
        isOpen ? 'a quote is opened and never closed' : `"${text[at] ?? ''}" has no meaning here`,
      );
    }
    tokens.push(found);
    at += length;
    at += matchAt(SPACE, text, at)?.length ?? 0;
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

const RESERVED: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'has']);

/** Recursive descent over the tokens. Each method answers a query or where and why it cannot. */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  #peek(): Token {
    const token = this.#tokens[this.#next] ?? this.#tokens.at(-1);
    if (!token) throw new Error('a token list always ends in "end"');
    return token;
  }

  #take(kind: Token['kind'], text: string): boolean {
    const token = this.#peek();
    if (token.kind !== kind || token.text !== text) return false;
    this.#next++;
    return true;
  }

  #expected(what: string): QueryError {
    const token = this.#peek();
    return new QueryError(
      token.at,
      `${what} is expected${token.kind === 'end' ? '' : ` and not "${token.text.slice(0, 40)}"`}`,
    );
  }

  parseWhole(): Query | QueryError {
    const query = this.#parseList('or', () => this.#parseList('and', () => this.#parseNot()));
    if (query instanceof QueryError) return query;
    return this.#peek().kind === 'end' ? query : this.#expected('"and" or "or"');
  }

  #parseList(kind: 'and' | 'or', parsePart: () => Query | QueryError): Query | QueryError {
    const parts: Query[] = [];
    do {
      const part = parsePart();
      if (part instanceof QueryError) return part;
      parts.push(part);
    } while (this.#take('word', kind));
    const [only] = parts;
    return parts.length === 1 && only ? only : { kind, of: parts };
  }

  #parseNot(): Query | QueryError {
    const { at } = this.#peek();
    if (this.#depth >= MAX_DEPTH) return new QueryError(at, `more than ${MAX_DEPTH} levels are inside each other`);
    this.#depth++;
    const query = this.#parseNested();
    this.#depth--;
    return query;
  }

  #parseNested(): Query | QueryError {
    if (this.#take('word', 'not')) {
      const of = this.#parseNot();
      return of instanceof QueryError ? of : { kind: 'not', of };
    }
    if (this.#take('mark', '(')) {
      const inner = this.#parseList('or', () => this.#parseList('and', () => this.#parseNot()));
      if (inner instanceof QueryError) return inner;
      return this.#take('mark', ')') ? inner : this.#expected('")"');
    }
    return this.#parseTest();
  }

  #parseTest(): Query | QueryError {
    if (this.#take('word', 'has')) {
      const key = this.#parseText('a label name');
      return typeof key === 'string' ? { kind: 'has', key } : key;
    }
    const key = this.#parseText('a label name, "has", "not" or "("');
    if (typeof key !== 'string') return key;
    if (this.#take('mark', '=')) return this.#parseValues(key, false, false);
    if (this.#take('mark', '!=')) return this.#parseValues(key, false, true);
    const isNot = this.#take('word', 'not');
    if (this.#take('word', 'in')) return this.#parseValues(key, true, isNot);
    return this.#expected(isNot ? '"in"' : '"=", "!=", "in" or "not in"');
  }

  #parseValues(key: string, isList: boolean, isNot: boolean): Query | QueryError {
    const values: string[] = [];
    if (isList && !this.#take('mark', '(')) return this.#expected('"("');
    do {
      const value = this.#parseText('a value');
      if (typeof value !== 'string') return value;
      values.push(value);
    } while (isList && this.#take('mark', ','));
    if (isList && !this.#take('mark', ')')) return this.#expected('"," or ")"');
    const query: Query = { kind: 'in', key, values };
    return isNot ? { kind: 'not', of: query } : query;
  }

  #parseText(what: string): string | QueryError {
    const token = this.#peek();
    const isText = token.kind === 'quoted' || (token.kind === 'word' && !RESERVED.has(token.text));
    if (!isText) return this.#expected(what);
    this.#next++;
    return token.text;
  }
}

/** Refused with the position (counted from 1) and what was expected there. */
export function parseQuery(text: string): Result<Query> {
  if (text.length > QUERY_CHARS)
    return refuse('query_invalid', `It has ${text.length} characters; at most ${QUERY_CHARS}.`);
  const tokens = readTokens(text);
  const query =
    tokens instanceof QueryError
      ? tokens
      : tokens.length === 1
        ? { kind: 'all' as const }
        : new Parser(tokens).parseWhole();
  if (query instanceof QueryError) return refuse('query_invalid', `At character ${query.at + 1}: ${query.why}.`);
  return accept(query);
}

/** A label that is absent equals nothing: `site != x` holds for it, `site = x` does not. */
export function matchesQuery(query: Query, labels: Readonly<Record<string, string>>): boolean {
  switch (query.kind) {
    case 'all':
      return true;
    case 'has':
      return Object.hasOwn(labels, query.key);
    case 'in':
      return Object.hasOwn(labels, query.key) && query.values.includes(labels[query.key] ?? '');
    case 'not':
      return !matchesQuery(query.of, labels);
    case 'and':
      return query.of.every((part) => matchesQuery(part, labels));
    case 'or':
      return query.of.some((part) => matchesQuery(part, labels));
    default:
      return query satisfies never;
  }
}

const quote = (text: string): string =>
  /^[A-Za-z0-9._:/-]+$/.test(text) && !RESERVED.has(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** A text that parses to the same query. */
export function formatQuery(query: Query): string {
  switch (query.kind) {
    case 'all':
      return '';
    case 'has':
      return `has ${quote(query.key)}`;
    case 'in': {
      const [only] = query.values;
      if (query.values.length === 1 && only !== undefined) return `${quote(query.key)} = ${quote(only)}`;
      return `${quote(query.key)} in (${query.values.map(quote).join(', ')})`;
    }
    case 'not':
      return `not (${formatQuery(query.of)})`;
    case 'and':
    case 'or':
      return query.of.map((part) => `(${formatQuery(part)})`).join(` ${query.kind} `);
    default:
      return query satisfies never;
  }
}
