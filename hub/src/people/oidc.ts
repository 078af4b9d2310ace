// Speaks OpenID Connect to one issuer: authorization code with PKCE, state and nonce, signatures verified. Holds what is
// under way in memory, bounded and for minutes. Never opens a session and never logs a token.
import { accept, type Result, refuse } from '@drover/core/reasons';
import * as client from 'openid-client';
import type { Logger } from 'pino';
import { type ClaimRules, type Claims, lacksGroups, type OutsideIdentity, readIdentity } from './oidc-claims.ts';
import { hashSecret, isSameSecret, makeSecret } from './secrets.ts';
import { openShortLived } from './short-lived.ts';

const FLOW_MS = 10 * 60_000;
const MOST_FLOWS = 2000;
/** One request to the issuer, in seconds. */
const TIMEOUT_S = 10;

export interface OidcSettings extends ClaimRules {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly scopes: readonly string[];
  /** Plain http, for a test on loopback. */
  readonly isPlainAllowed: boolean;
}

interface Flow {
  readonly verifier: string;
  readonly nonce: string;
  readonly redirectUri: string;
  /** Hash of what the browser that began holds in a cookie: nobody can make another finish what they began. */
  readonly browserHash: string;
  /** The command line that waits for this, if one does. */
  readonly cliRequest: string | undefined;
}

export interface Begun {
  readonly url: string;
  /** For the cookie of the browser. */
  readonly browserSecret: string;
}

export interface Arrived {
  readonly identity: OutsideIdentity;
  readonly cliRequest: string | undefined;
}

export interface Oidc {
  begin(redirectUri: string, cliRequest: string | undefined): Promise<Result<Begun>>;
  /** `url` is the address that the issuer sent the browser to, with its query. */
  finish(url: URL, browserSecret: string | undefined): Promise<Result<Arrived>>;
}

export interface OidcDeps {
  readonly settings: OidcSettings;
  readonly log: Pick<Logger, 'warn'>;
  readonly now: () => number;
}

/** Errors of a connection, as fetch and openid-client throw them. */
const isUnreachable = (error: unknown): boolean =>
  error instanceof TypeError ||
  (error instanceof Error && ['OAUTH_TIMEOUT', 'OAUTH_ABORT'].includes((error as { code?: string }).code ?? ''));

export function openOidc({ settings, log, now }: OidcDeps): Oidc {
  const flows = openShortLived<Flow>({ now, lifeMs: FLOW_MS, most: MOST_FLOWS });
  let discovered: Promise<client.Configuration> | undefined;

  const discover = (): Promise<client.Configuration> => {
    const { issuer, clientId, clientSecret } = settings;
    const auth = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
    discovered ??= client
      .discovery(new URL(issuer), clientId, undefined, auth, {
        timeout: TIMEOUT_S,
        // Over the back channel a signature could be left unchecked; it is not.
        execute: [
          client.enableNonRepudiationChecks,
          ...(settings.isPlainAllowed ? [client.allowInsecureRequests] : []),
        ],
      })
      .catch((error: unknown) => {
        discovered = undefined;
        throw error;
      });
    return discovered;
  };

  /** What went wrong, for the log: the cause may hold tokens and stays out. */
  function explain(error: unknown) {
    const { code, message = 'unknown', error: said } = error as { code?: string; message?: string; error?: string };
    log.warn({ oidc: { code, message: message.slice(0, 300), said } }, 'a sign-in at the other service failed');
    return isUnreachable(error) ? refuse('oidc_unreachable', '') : refuse('oidc_failed', '');
  }

  async function readClaims(config: client.Configuration, url: URL, flow: Flow, state: string): Promise<Claims> {
    // The address that was registered, whatever name the browser reached us by: the issuer compares it.
    const current = new URL(flow.redirectUri);
    current.search = url.search;
    const tokens = await client.authorizationCodeGrant(config, current, {
      pkceCodeVerifier: flow.verifier,
      expectedState: state,
      expectedNonce: flow.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new Error('no ID token');
    if (!lacksGroups(claims, settings) || config.serverMetadata().userinfo_endpoint === undefined) return claims;
    const more = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    return { ...more, ...claims };
  }

  return {
    async begin(redirectUri, cliRequest) {
      try {
        const config = await discover();
        const verifier = client.randomPKCECodeVerifier();
        const nonce = client.randomNonce();
        const browserSecret = makeSecret();
        const state = flows.put({ verifier, nonce, redirectUri, browserHash: hashSecret(browserSecret), cliRequest });
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: ['openid', ...settings.scopes].join(' '),
          code_challenge: await client.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          state,
          nonce,
        });
        return accept({ url: url.href, browserSecret });
      } catch (error) {
        return explain(error);
      }
    },

    async finish(url, browserSecret) {
      const state = url.searchParams.get('state') ?? '';
      const flow = flows.take(state);
      if (flow === undefined) return refuse('oidc_failed', 'It was not begun here, or too long ago.');
      if (browserSecret === undefined || !isSameSecret(hashSecret(browserSecret), flow.browserHash))
        return refuse('oidc_failed', 'It was begun in another browser.');
      try {
        const claims = await readClaims(await discover(), url, flow, state);
        const identity = readIdentity(claims, settings);
        return identity.ok ? accept({ identity: identity.value, cliRequest: flow.cliRequest }) : identity;
      } catch (error) {
        return explain(error);
      }
    },
  };
}
