// Makes docs/errors.md from the table of reason codes, and finds codes that nobody says. With `--check` it writes nothing.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { REASONS, type ReasonKind } from '@drover/core/reasons';
import type { Outcome } from './report.ts';
import { HOUSE, isSource, isTest, listFiles, readFiles, type TextFile } from './tree.ts';

const TABLE = 'packages/core/src/reasons.ts';
const PAGE = 'docs/errors.md';

const KINDS: Readonly<Record<ReasonKind, string>> = {
  transient: 'The same request may succeed later without anyone changing anything.',
  permanent: 'It fails again until the input or the configuration changes.',
  integrity: 'Bytes or claims are not what was signed or agreed; treat them as hostile.',
  internal: 'A defect or damage on our side.',
};

/** The headings of the table: `// --- onnx: a model file …`, with the codes below each. */
function readGroups(table: string): { readonly title: string; readonly codes: string[] }[] {
  const groups: { title: string; codes: string[] }[] = [];
  for (const line of table.split('\n')) {
    const title = /^ {2}\/\/ --- (.+)$/.exec(line)?.[1];
    const code = /^ {2}([a-z][a-z0-9_]*): row\(/.exec(line)?.[1];
    if (title) groups.push({ title, codes: [] });
    else if (code) groups.at(-1)?.codes.push(code);
  }
  return groups;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The page as Markdown. Throws when the headings of the table and its codes do not match, both ways. */
export function renderPage(
  table: string,
  reasons: Readonly<Record<string, { kind: ReasonKind; means: string; next: string }>>,
): string {
  const groups = readGroups(table);
  const grouped = new Set(groups.flatMap((group) => group.codes));
  const missing = Object.keys(reasons).filter((code) => !grouped.has(code));
  const unknown = [...grouped].filter((code) => !reasons[code]);
  if (missing.length > 0) throw new Error(`codes under no "// --- part: …" heading of ${TABLE}: ${missing.join(', ')}`);
  if (unknown.length > 0) throw new Error(`rows that are no codes: ${unknown.join(', ')}`);
  const lines = [
    '<!-- Generated from packages/core/src/reasons.ts by "npm run gen". Do not edit. -->',
    '# Reason codes',
    '',
    'Every refusal of Drover carries one of these codes: in HTTP problems (`code`), on the wire, in logs and on the screen.',
    'The table is closed: a code that is not here does not exist.',
    '',
    ...Object.entries(KINDS).map(([kind, means]) => `- **${kind}**: ${means}`),
  ];
  for (const group of groups) {
    if (group.codes.length === 0) continue;
    lines.push(
      '',
      `## ${group.title.charAt(0).toUpperCase()}${group.title.slice(1)}`,
      '',
      '| code | kind | what happened | what to do |',
      '|---|---|---|---|',
    );
    for (const code of group.codes) {
      const reason = reasons[code];
      if (reason) lines.push(`| \`${code}\` | ${reason.kind} | ${cell(reason.means)} | ${cell(reason.next)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Codes that stand in the table and in no other source file: nobody can ever see them. */
export function findUnsaid(codes: readonly string[], sources: readonly TextFile[]): string[] {
  const words = new Set(sources.flatMap((file) => file.text.match(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b/g) ?? []));
  return codes.filter((code) => !words.has(code));
}

const currentPage = (): string => renderPage(readFileSync(path.join(HOUSE, TABLE), 'utf8'), REASONS);

export function checkReasonDocs(): Outcome {
  const codes = Object.keys(REASONS);
  const committed = existsSync(path.join(HOUSE, PAGE)) ? readFileSync(path.join(HOUSE, PAGE), 'utf8') : undefined;
  const problems = committed === currentPage() ? [] : [`${PAGE} is not what the table says: run "npm run gen"`];
  const sources = readFiles(listFiles().filter((name) => isSource(name) && !isTest(name) && name !== TABLE));
  for (const code of findUnsaid(codes, sources))
    problems.push(`${code} stands in the table and no source file says it`);
  return { checked: codes.length, what: 'reason codes documented and said', problems };
}

export function writeReasonDocs(): string {
  writeFileSync(path.join(HOUSE, PAGE), currentPage());
  return `${PAGE} written`;
}
