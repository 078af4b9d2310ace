// Serves the sign-in at another service: the way there, the way back, and the way of a command line, which polls. Pages are
// a few lines without script or style. The decisions are people's.
import { type Refusal, refuse } from '@drover/core/reasons';
import { OidcCliStart, OidcPending, OidcPollRequest, SignedIn } from '@drover/wire/http/people';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { PeopleDeps } from '../people/deps.ts';
import type { Oidc } from '../people/oidc.ts';
import { enterFromOutside } from '../people/oidc-accounts.ts';
import type { CliRequests } from '../people/oidc-cli.ts';
import { problemResponses, sendDelayed, sendRefusal } from './errors.ts';
import { addressOf } from './limits.ts';
import type { Api, ServerParts } from './server.ts';
import { sendOpened, visitorOf } from './sign-in.ts';

export interface OidcRouteDeps extends PeopleDeps {
  /** Undefined when none is configured: the routes are there and say so. */
  readonly oidc: Oidc | undefined;
  readonly cliRequests: CliRequests;
  readonly scheme: 'http' | 'https';
}

const tags = ['people'];
const POLL_S = 3;
/** The browser has so long for the whole way. */
const COOKIE_S = 600;
const OFF = refuse('oidc_off', '');

const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** One page. A refresh instead of a redirect: a strict cookie does not come along a redirect from a foreign page. */
function sendPage(reply: FastifyReply, title: string, body: string, refreshTo?: string): FastifyReply {
  const refresh = refreshTo === undefined ? '' : `<meta http-equiv="refresh" content="1;url=${escape(refreshTo)}">`;
  return reply
    .header(
      'content-security-policy',
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    .header('referrer-policy', 'no-referrer')
    .type('text/html; charset=utf-8')
    .serializer((text: string) => text)
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}` +
        `<title>${escape(title)}</title><h1>${escape(title)}</h1>${body}</html>`,
    );
}

const confirmForm = (confirmation: string): string =>
  '<p>A command line asks to be signed in as you. Type the code that <strong>your own</strong> terminal shows. ' +
  'If you did not start it, close this page.</p>' +
  '<form method="post" action="/api/v1/oidc/confirm" autocomplete="off">' +
  `<input type="hidden" name="confirmation" value="${escape(confirmation)}">` +
  '<label>Code <input name="code" required maxlength="20" autofocus></label> <button>Sign in</button></form>';

export function addOidcRoutes(api: Api, deps: OidcRouteDeps, { limits, cookies }: ServerParts): void {
  // What a form sends; these routes only.
  api.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 4096 },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );

  async function checkLimit(request: FastifyRequest): Promise<(Refusal & { retryAfterS: number }) | undefined> {
    const retryAfterS = await limits.count('oidc', addressOf(request));
    if (retryAfterS === 0) return undefined;
    return { ...refuse('rate_limited', `The next one is taken in ${retryAfterS} s.`), retryAfterS };
  }

  /** The Host was checked against the names of this hub before. */
  const ownUrl = (request: FastifyRequest): string => `${deps.scheme}://${request.headers.host ?? ''}`;

  api.get(
    '/api/v1/oidc/start',
    {
      config: { needs: 'public' },
      schema: {
        tags,
        summary: 'Go to the sign-in service',
        querystring: Type.Object({ request: Type.Optional(Type.String({ maxLength: 64 })) }),
      },
    },
    async (request, reply) => {
      const limited = await checkLimit(request);
      if (limited !== undefined) return sendDelayed(reply, limited);
      const { request: cliRequest } = request.query;
      if (deps.oidc === undefined) return sendRefusal(reply, OFF);
      if (cliRequest !== undefined && !deps.cliRequests.isOpen(cliRequest))
        return sendRefusal(reply, refuse('oidc_failed', 'The command line does not wait any more.'));
      const begun = await deps.oidc.begin(`${ownUrl(request)}/api/v1/oidc/callback`, cliRequest);
      if (!begun.ok) return sendRefusal(reply, begun);
      cookies.write(reply, 'oidc', begun.value.browserSecret, COOKIE_S);
      return reply.redirect(begun.value.url, 302);
    },
  );

  api.get(
    '/api/v1/oidc/callback',
    { config: { needs: 'public' }, schema: { tags, summary: 'Come back from the sign-in service' } },
    async (request, reply) => {
      if (deps.oidc === undefined) return sendRefusal(reply, OFF);
      const browserSecret = cookies.read(request, 'oidc');
      const arrived = await deps.oidc.finish(new URL(request.url, ownUrl(request)), browserSecret);
      if (!arrived.ok) {
        cookies.drop(reply, 'oidc');
        return sendRefusal(reply, arrived);
      }
      const { identity, cliRequest } = arrived.value;
      if (cliRequest !== undefined && browserSecret !== undefined) {
        const confirmation = deps.cliRequests.arrive(cliRequest, identity, browserSecret);
        return sendPage(reply, 'Sign in a command line', confirmForm(confirmation));
      }
      cookies.drop(reply, 'oidc');
      const heldSecret = cookies.read(request, 'session');
      const opened = await enterFromOutside(deps, identity, { kind: 'browser', heldSecret }, visitorOf(request));
      if (!opened.ok) return sendRefusal(reply, opened);
      cookies.write(reply, 'session', opened.value.session.secret);
      const { name } = opened.value.person;
      return sendPage(reply, 'Signed in', `<p>You are ${escape(name)}. <a href="/">Go on</a></p>`, '/');
    },
  );

  const Confirm = Type.Object({ confirmation: Type.String({ maxLength: 64 }), code: Type.String({ maxLength: 20 }) });
  api.post(
    '/api/v1/oidc/confirm',
    {
      config: { needs: 'public' },
      schema: { tags, summary: 'Confirm the code that a command line shows', body: Confirm },
    },
    async (request, reply) => {
      // Not limited by address: a confirmation bears five tries and cannot be guessed itself.
      const { confirmation, code } = request.body;
      const confirmed = deps.cliRequests.confirm(confirmation, cookies.read(request, 'oidc'), code);
      if (!confirmed.ok) return sendRefusal(reply, confirmed);
      cookies.drop(reply, 'oidc');
      const { identity, done } = confirmed.value;
      const visitor = { ...visitorOf(request), client: 'drover login --oidc' };
      const opened = await enterFromOutside(deps, identity, { kind: 'cli', heldSecret: undefined }, visitor);
      if (!opened.ok) return sendRefusal(reply, opened);
      done(opened.value);
      return sendPage(reply, 'Signed in', '<p>The command line goes on. You may close this page.</p>');
    },
  );

  api.post(
    '/api/v1/oidc/cli',
    {
      config: { needs: 'public' },
      schema: {
        tags,
        summary: 'Begin a sign-in at the service for a command line',
        response: { 201: OidcCliStart, ...problemResponses },
      },
    },
    async (request, reply) => {
      const limited = await checkLimit(request);
      if (limited !== undefined) return sendDelayed(reply, limited);
      if (deps.oidc === undefined) return sendRefusal(reply, OFF);
      const { id, userCode, pollCode, expiresAt } = deps.cliRequests.begin();
      return reply.status(201).send({
        url: `${ownUrl(request)}/api/v1/oidc/start?request=${id}`,
        userCode,
        pollCode,
        expiresAt: new Date(expiresAt).toISOString(),
        intervalSeconds: POLL_S,
      });
    },
  );

  api.post(
    '/api/v1/oidc/cli/poll',
    {
      config: { needs: 'public' },
      schema: {
        tags,
        summary: 'Fetch the session that a command line waits for',
        body: OidcPollRequest,
        response: { 201: SignedIn, 202: OidcPending, ...problemResponses },
      },
    },
    async (request, reply) => {
      if (deps.oidc === undefined) return sendRefusal(reply, OFF);
      const polled = deps.cliRequests.poll(request.body.pollCode);
      if (!polled.ok) return sendRefusal(reply, polled);
      if (polled.value === undefined) return reply.status(202).send({ pending: true });
      return sendOpened(reply, polled.value, cookies);
    },
  );
}
