// Owns the settings about people: sessions, the setup code, sign-in at another service. Part of the list in config.ts; decides
// nothing and holds no secret.
import { ROLES } from '@drover/core/roles';
import Type from 'typebox';

export const PEOPLE_SETTINGS = {
  sessionIdleMinutes: {
    schema: Type.Integer({ minimum: 1, maximum: 10_080 }),
    flag: 'session-idle-minutes',
    env: 'DROVER_HUB_SESSION_IDLE_MINUTES',
    means: 'A browser session ends when it was not used for so long.',
  },
  sessionHours: {
    schema: Type.Integer({ minimum: 1, maximum: 720 }),
    flag: 'session-hours',
    env: 'DROVER_HUB_SESSION_HOURS',
    means: 'A browser session ends after so long in any case.',
  },
  setupCode: {
    schema: Type.Boolean(),
    flag: 'setup-code',
    env: 'DROVER_HUB_SETUP_CODE',
    means: 'Print a setup code that makes an admin also when there is one: for a password that was lost.',
  },
  oidcIssuer: {
    schema: Type.String({ pattern: '^https?://[^\\s?#]{1,255}$' }),
    flag: 'oidc-issuer',
    env: 'DROVER_HUB_OIDC_ISSUER',
    means: 'OpenID Connect issuer where people may sign in; https outside --dev.',
  },
  oidcClientId: {
    schema: Type.String({ pattern: '^[\\x21-\\x7e]{1,255}$' }),
    flag: 'oidc-client-id',
    env: 'DROVER_HUB_OIDC_CLIENT_ID',
    means: 'Client id of this hub at the issuer.',
  },
  oidcClientSecretFile: {
    schema: Type.String({ minLength: 1, maxLength: 4096 }),
    flag: 'oidc-client-secret-file',
    env: 'DROVER_HUB_OIDC_CLIENT_SECRET_FILE',
    means: 'File (mode 0600) with the client secret; none for a public client.',
  },
  oidcNameClaim: {
    schema: Type.String({ pattern: '^[\\x21-\\x7e]{1,64}$' }),
    flag: 'oidc-name-claim',
    env: 'DROVER_HUB_OIDC_NAME_CLAIM',
    means: 'Claim that a person is named by on this hub.',
  },
  oidcRolesClaim: {
    schema: Type.String({ pattern: '^[\\x21-\\x7e]{1,64}$' }),
    flag: 'oidc-roles-claim',
    env: 'DROVER_HUB_OIDC_ROLES_CLAIM',
    means: 'Claim with the groups of a person: a text or a list of them.',
  },
  oidcRoles: {
    schema: Type.Array(Type.String({ pattern: `^[^=,]{1,128}=(${ROLES.join('|')})$` }), { maxItems: 64 }),
    flag: 'oidc-role',
    env: 'DROVER_HUB_OIDC_ROLES',
    means: 'GROUP=ROLE: what a group gives on this hub. Who is in none of them does not get in.',
  },
  oidcScopes: {
    schema: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,64}$' }), { maxItems: 16 }),
    flag: 'oidc-scope',
    env: 'DROVER_HUB_OIDC_SCOPES',
    means: 'Scopes to ask for beside openid.',
  },
} as const;

export const PEOPLE_DEFAULTS: {
  readonly sessionIdleMinutes: number;
  readonly sessionHours: number;
  readonly setupCode: boolean;
  readonly oidcNameClaim: string;
  readonly oidcRolesClaim: string;
  readonly oidcRoles: string[];
  readonly oidcScopes: string[];
} = {
  sessionIdleMinutes: 60,
  sessionHours: 12,
  setupCode: false,
  oidcNameClaim: 'preferred_username',
  oidcRolesClaim: 'groups',
  oidcRoles: [],
  oidcScopes: ['profile'],
};
