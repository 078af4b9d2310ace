// Decides from the configuration whether and how people sign in at another service; reads the client secret from its
// file. Never speaks to the service.
import { accept, type Result } from '@drover/core/reasons';
import type { HubConfig } from './config.ts';
import { readSecretFile } from './data-folder.ts';
import type { OidcSettings } from './people/oidc.ts';

/** Undefined where none is configured. */
export function readOidcSettings(config: HubConfig): Result<OidcSettings | undefined> {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecretFile: file } = config;
  if (issuer === undefined || clientId === undefined) return accept(undefined);
  const secret = file === undefined ? accept(undefined) : readSecretFile(file);
  if (!secret.ok) return secret;
  const { oidcNameClaim: nameClaim, oidcRolesClaim: rolesClaim, oidcRoles: roles, oidcScopes: scopes } = config;
  const isPlainAllowed = config.dev && issuer.startsWith('http:');
  return accept({ issuer, clientId, clientSecret: secret.value, nameClaim, rolesClaim, roles, scopes, isPlainAllowed });
}
