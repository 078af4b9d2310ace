// Makes the table of roles in docs/people.md: the roles from core, and what asks for each from the hub's own route files,
// which register on a recorder instead of a server. test/integration/people.test.ts compares the page with a hub that runs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Need, ROLE_MEANS, ROLES } from '@drover/core/roles';
import type { Outcome } from './report.ts';
import { HOUSE, isTest } from './tree.ts';

const PAGE = 'docs/people.md';
const ROOM = path.join(HOUSE, 'hub/src/http');
const BEGIN = '<!-- roles: made by "npm run gen", do not edit -->';
const END = '<!-- roles: end -->';
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

export interface StatedRoute {
  readonly name: string;
  readonly need: Need;
}

/** What a route file is handed instead of what it works with: it only registers, so nothing is really used. */
const nothing: unknown = new Proxy(() => nothing, {
  get: (_target, name) => (name === Symbol.toPrimitive ? () => 0 : nothing),
});

interface RouteOptions {
  readonly config?: { readonly needs?: Need };
}

/** A server that writes down what is registered on it. Throws where a route does not say what it needs. */
export function openRecorder(): { readonly api: object; readonly routes: readonly StatedRoute[] } {
  const routes: StatedRoute[] = [];
  const record =
    (method: string) =>
    (url: string, options: RouteOptions): void => {
      const need = options.config?.needs;
      if (need === undefined) throw new Error(`${method} ${url} does not say what it needs`);
      routes.push({ name: `${method} ${url}`, need });
    };
  const methods = new Map<string | symbol, unknown>(METHODS.map((name) => [name, record(name.toUpperCase())]));
  const api = new Proxy({}, { get: (_target, name) => methods.get(name) ?? nothing });
  return { api, routes };
}

/** The routes of the people's listener; the room of the devices' listener, which has a door of its own, is a folder below. */
async function readRoutes(): Promise<readonly StatedRoute[]> {
  const { api, routes } = openRecorder();
  for (const name of readdirSync(ROOM).toSorted()) {
    if (!name.endsWith('.ts') || isTest(name)) continue;
    const exported = (await import(pathToFileURL(path.join(ROOM, name)).href)) as Record<string, unknown>;
    for (const [key, add] of Object.entries(exported))
      if (/^add[A-Z][A-Za-z]*Routes$/.test(key) && typeof add === 'function') add(api, nothing, nothing);
  }
  return routes;
}

export function renderTable(routes: readonly StatedRoute[]): string {
  const cell = (need: Need): string =>
    routes
      .filter((route) => route.need === need)
      .map(({ name }) => `\`${name.replace('/api/v1', '')}\``)
      .toSorted()
      .join(', ');
  const rows = ROLES.map((role) => `| **${role}** | ${ROLE_MEANS[role]} | ${cell(role) || '–'} |`);
  return [
    BEGIN,
    '| role | for | what asks for it (below `/api/v1`) |',
    '|---|---|---|',
    ...rows,
    `| nobody | What answers without a sign-in. | ${cell('public')} |`,
    END,
  ].join('\n');
}

async function renderPage(): Promise<{ readonly page: string; readonly count: number }> {
  const routes = await readRoutes();
  const page = readFileSync(path.join(HOUSE, PAGE), 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has lost the marks of its table`);
  return { page: page.slice(0, begin) + renderTable(routes) + page.slice(end + END.length), count: routes.length };
}

export async function checkPeopleDocs(): Promise<Outcome> {
  const { page, count } = await renderPage();
  const isCurrent = readFileSync(path.join(HOUSE, PAGE), 'utf8') === page;
  const problems = isCurrent ? [] : [`${PAGE} is not what the routes say: run "npm run gen"`];
  return { checked: count, what: 'routes stand in the table of roles', problems };
}

export async function writePeopleDocs(): Promise<string> {
  writeFileSync(path.join(HOUSE, PAGE), (await renderPage()).page);
  return `${PAGE} written`;
}
