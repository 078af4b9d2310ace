// A small OpenID Connect provider on loopback: authorization code with PKCE, ID tokens signed with ES256, userinfo. It
// checks what a real one checks, and can be told to misbehave. Tests only.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OidcProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next; `sub` and the claims of the ID token. */
  person: Readonly<Record<string, unknown>>;
  /** What only userinfo says. */
  userinfo: Readonly<Record<string, unknown>>;
  /** Changes the claims of an ID token before it is signed. */
  forge: (claims: Record<string, unknown>) => Record<string, unknown>;
  /** Signs with a key that is not published. */
  usesOtherKey: boolean;
  /** Requests that came to the token endpoint. */
  readonly tokenRequests: URLSearchParams[];
  close(): Promise<void>;
}

interface Grant {
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWS in compact form (RFC 7515); ECDSA signatures are r and s, not DER (RFC 7518 §3.4). */
function signJwt(claims: unknown, key: KeyObject, kid: string): string {
  const input = `${encode({ alg: 'ES256', typ: 'JWT', kid })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

const makeKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

async function readForm(request: http.IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const part of request.setEncoding('utf8') as AsyncIterable<string>) text += part;
  return new URLSearchParams(text);
}

export async function startOidcProvider(): Promise<OidcProvider> {
  const published = makeKeys();
  const other = makeKeys();
  const kid = 'k1';
  const grants = new Map<string, Grant>();
  const tokens = new Set<string>();
  const server = http.createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const provider: OidcProvider = {
    issuer,
    clientId: 'drover',
    clientSecret: randomBytes(24).toString('base64url'),
    person: { sub: 'u1' },
    userinfo: {},
    forge: (claims) => claims,
    usesOtherKey: false,
    tokenRequests: [],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };

  function authorize(query: URLSearchParams): string | undefined {
    const redirectUri = query.get('redirect_uri') ?? '';
    const isSound =
      query.get('response_type') === 'code' &&
      query.get('client_id') === provider.clientId &&
      query.get('code_challenge_method') === 'S256' &&
      (query.get('scope') ?? '').split(' ').includes('openid');
    if (!isSound) return undefined;
    const code = randomBytes(16).toString('base64url');
    const [nonce, challenge] = [query.get('nonce') ?? '', query.get('code_challenge') ?? ''];
    grants.set(code, { nonce, challenge, redirectUri });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.get('state') ?? '');
    back.searchParams.set('iss', issuer);
    return back.href;
  }

  /** RFC 6749 §4.1.3 and RFC 7636 §4.6: the code once, the same redirect, the verifier of the challenge. */
  function exchange(form: URLSearchParams, authorization: string | undefined): unknown {
    // Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
    const [id, secret] = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64')
      .toString()
      .split(':')
      .map(decodeURIComponent);
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isSound =
      id === provider.clientId &&
      secret === provider.clientSecret &&
      form.get('redirect_uri') === grant?.redirectUri &&
      challenge === grant?.challenge;
    if (!isSound || grant === undefined) return undefined;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      aud: provider.clientId,
      iat: now,
      exp: now + 300,
      nonce: grant.nonce,
      ...provider.person,
    };
    const key = provider.usesOtherKey ? other.privateKey : published.privateKey;
    const accessToken = randomBytes(16).toString('base64url');
    tokens.add(accessToken);
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      id_token: signJwt(provider.forge(claims), key, kid),
    };
  }

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', issuer);
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return send(200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          userinfo_endpoint: `${issuer}/userinfo`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
          code_challenge_methods_supported: ['S256'],
          authorization_response_iss_parameter_supported: true,
        });
      case '/jwks': {
        const jwk = published.publicKey.export({ format: 'jwk' });
        return send(200, { keys: [{ ...jwk, kid, use: 'sig', alg: 'ES256' }] });
      }
      case '/authorize': {
        const location = authorize(url.searchParams);
        if (location === undefined) return send(400, { error: 'invalid_request' });
        response.writeHead(302, { location }).end();
        return undefined;
      }
      case '/token': {
        const form = await readForm(request);
        provider.tokenRequests.push(form);
        const granted = exchange(form, request.headers.authorization);
        return granted === undefined ? send(400, { error: 'invalid_grant' }) : send(200, granted);
      }
      case '/userinfo': {
        const isKnown = tokens.has((request.headers.authorization ?? '').replace('Bearer ', ''));
        return isKnown ? send(200, { sub: provider.person['sub'], ...provider.userinfo }) : send(401, {});
      }
      default:
        return send(404, {});
    }
  }
  return provider;
}
