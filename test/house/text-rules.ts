// Decides what no file of the house may contain or lack, from its text alone. Each rule carries a text that it must catch.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Check, Outcome } from './report.ts';
import { HOUSE, isSource, isTest, isTestCode, listFiles, readFiles, type TextFile } from './tree.ts';

interface TextRule {
  readonly name: string;
  readonly why: string;
  applies(path: string): boolean;
  /** Problems of one file, without its name. */
  find(text: string): string[];
  /** A file that must be caught. */
  canary(): TextFile;
}

const SOURCE_LINES = 400;
const TEST_LINES = 500;

const countLines = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
const tooLong =
  (limit: number) =>
  (text: string): string[] => {
    const lines = countLines(text);
    return lines > limit ? [`${lines} lines; a reader can hold ${limit}: split it by subject`] : [];
  };
const longText = (lines: number): string => `// Canary.\n${'export {};\n'.repeat(lines)}`;

/** One problem for each line that matches. */
const matching =
  (pattern: RegExp, says: string) =>
  (text: string): string[] =>
    text
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`line ${i + 1}: ${says}: ${line.trim().slice(0, 90)}`] : []));
const canaryText = (rule: string): string =>
  readFileSync(path.join(HOUSE, 'test/house/canary/text', `${rule}.txt`), 'utf8');

const banned = (name: string, why: string, applies: TextRule['applies'], pattern: RegExp, at: string): TextRule => ({
  name,
  why,
  applies,
  find: matching(pattern, why),
  canary: () => ({ path: at, text: canaryText(name) }),
});

const isCode = (name: string): boolean => /\.(ts|js|mjs|cjs)$/.test(name);
// Written in pieces, or this file would break its own rule.
const HOME_PATHS = new RegExp(`(^|[^\\w.~}-])/(${['wo' + 'rk', 'ro' + 'ot', 'home/[a-z]+'].join('|')})(/|\\b)`);

export const TEXT_RULES: readonly TextRule[] = [
  {
    name: 'header',
    why: 'a file opens with what it decides or owns and what it never does',
    applies: (name) => isSource(name) && !isTest(name),
    find: (text) =>
      /^(#!.*\n)?\/[/*]/.test(text) ? [] : ['does not open with a comment that says what it decides or owns'],
    canary: () => ({ path: 'hub/src/x.ts', text: canaryText('header') }),
  },
  {
    name: 'source-length',
    why: 'a file that nobody can hold in mind',
    applies: (name) => isCode(name) && !isTest(name),
    find: tooLong(SOURCE_LINES),
    canary: () => ({ path: 'hub/src/x.ts', text: longText(SOURCE_LINES) }),
  },
  {
    name: 'test-length',
    why: 'a test file that nobody reads',
    applies: isTest,
    find: tooLong(TEST_LINES),
    canary: () => ({ path: 'hub/src/x.test.ts', text: longText(TEST_LINES) }),
  },
  banned(
    'module-mock',
    'speak the real protocol instead of mocking a module',
    isCode,
    /\bvi\.(mock|doMock|hoisted)\(/,
    'hub/src/x.test.ts',
  ),
  banned(
    'focused-test',
    'a focused, skipped or planned test hides the others or itself',
    isTestCode,
    /\b(it|test|describe|bench)(\.\w+)*\.(only|skip|todo|fails)\b|\b(fit|fdescribe|xit|xdescribe|xtest)\(/,
    'hub/src/x.test.ts',
  ),
  banned(
    'fixed-sleep',
    'wait on a condition with a deadline; testkit and the sleep of a poll loop live outside tests',
    isTestCode,
    /\bawait\s+(\w+\.)?(sleep|delay|wait|pause|setTimeout)\(\s*[\d_]+|setTimeout\(\s*(resolve|done|r|res|ok)\b\s*,|=>\s*setTimeout\(\s*\w+\s*,\s*[\d_]+\s*\)/,
    'test/faults/x.test.ts',
  ),
  banned(
    'cast-to-any',
    'say the type, or prove it with a guard',
    isCode,
    /\bas any\b|@ts-(ignore|nocheck)/,
    'hub/src/x.ts',
  ),
  banned('left-over', 'finish it or write an issue', isCode, /\b(TODO|FIXME|XXX|HACK)\b/, 'hub/src/x.ts'),
  banned(
    'main-guard',
    'a launcher that imports the file would leave it silent and green: make a file of its own that always runs',
    isCode,
    /import\.meta\.main\b/,
    'test/house/x.ts',
  ),
  banned(
    'silent-exemption',
    'an exemption from a linter says its reason after "--" (oxlint) or ":" (Biome)',
    isCode,
    /(oxlint|eslint)-disable(?!.*-- \S)|biome-ignore(?!.*: \S)/,
    'hub/src/x.ts',
  ),
  banned('house-path', 'a path of somebody’s machine is in nobody else’s', () => true, HOME_PATHS, 'docs/x.md'),
];

const judge = (rule: TextRule, file: TextFile): string[] =>
  rule.applies(file.path) ? rule.find(file.text).map((problem) => `${file.path}: ${problem}`) : [];

/** Applies one rule to the files; a rule that misses its canary, or that no file was subject to, is a problem. */
export function judgeTexts(rule: TextRule, files: readonly TextFile[]): Outcome {
  const subject = files.filter((file) => rule.applies(file.path));
  const problems = subject.flatMap((file) => judge(rule, file));
  if (judge(rule, rule.canary()).length === 0)
    problems.unshift('the rule did not report its canary: it would let anything pass');
  return { checked: subject.length, what: `files (${rule.why})`, problems };
}

export function makeTextChecks(): Check[] {
  // The rules and their tests quote what they ban.
  const quoting = new Set(['test/house/text-rules.ts', 'test/house/text-rules.test.ts']);
  const files = readFiles(listFiles().filter((name) => !quoting.has(name)));
  return TEXT_RULES.map((rule) => ({ name: rule.name, run: () => judgeTexts(rule, files) }));
}
