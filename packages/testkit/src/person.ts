// A person in front of a hub inside the test: keeps the cookie and the CSRF token as a browser would. Tests only.
import type { InsideHub, Reply } from './inside-hub.ts';

export const PASSWORD = 'four words nobody joins';

export interface Browser {
  /** The session cookie as it would be sent; undefined before the sign-in. */
  cookie: string | undefined;
  csrf: string | undefined;
  /** One request as a page of the hub would send it; `headers` win, and undefined takes one away. */
  ask(
    method: string,
    route: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<Reply>;
}

/** The cookie of an answer as `name=value`, or undefined when it sets none. */
export function readSetCookie(reply: Reply, name: RegExp): string | undefined {
  const found = (reply.headers['set-cookie'] ?? []).find((line) => name.test(line));
  return found?.split(';')[0];
}

export function openBrowser(hub: InsideHub): Browser {
  const browser: Browser = {
    cookie: undefined,
    csrf: undefined,
    async ask(method, route, body, headers = {}) {
      const reply = await hub.ask(method, route, body, {
        authorization: undefined,
        origin: hub.httpUrl,
        cookie: browser.cookie,
        'x-drover-csrf': browser.csrf,
        ...headers,
      });
      const set = readSetCookie(reply, /^(__Host-)?drover_session=/);
      if (set !== undefined) browser.cookie = set.endsWith('=') ? undefined : set;
      const { csrfToken } = (reply.json ?? {}) as { csrfToken?: string };
      if (csrfToken !== undefined) browser.csrf = csrfToken;
      return reply;
    },
  };
  return browser;
}

/** Adds a person with these roles through the API and chooses their password; `admin` asks as an admin. */
export async function addPerson(
  admin: Browser,
  name: string,
  roles: readonly string[],
  browser: Browser,
  password = PASSWORD,
): Promise<void> {
  const added = await admin.ask('POST', '/api/v1/people', { name, roles });
  if (added.status !== 201) throw new Error(`${name} was not added: ${added.status} ${added.text}`);
  const { code } = added.json as { code: string };
  const set = await browser.ask('POST', '/api/v1/setup', { code, password });
  if (set.status !== 201) throw new Error(`${name} has no password: ${set.status} ${set.text}`);
}
