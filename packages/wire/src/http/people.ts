// Owns the shapes of sign-in, people, sessions and tokens over HTTP. Secrets stand only where they are shown once.
import { PASSWORD_MAX } from '@drover/core/password';
import { ROLES } from '@drover/core/roles';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Id, Instant, Name } from './common.ts';

export const RoleName = Type.Enum([...ROLES]);
export const RoleSet = Type.Array(RoleName, { minItems: 1, maxItems: ROLES.length, uniqueItems: true });
/** Code points may take two UTF-16 units each; what is too long is refused by rule and not by schema. */
const Password = Type.String({ minLength: 1, maxLength: 2 * PASSWORD_MAX + 64 });
const Nullable = Type.Union([Instant, Type.Null()]);
/** `browser`: an HttpOnly cookie and a CSRF token. `cli`: a bearer secret, shown once. */
export const SessionKind = Type.Enum(['browser', 'cli']);
export type SessionKind = Static<typeof SessionKind>;

export const SignInInfo = Type.Object({
  setup: Type.Boolean({ description: 'Whether the hub waits for its first admin' }),
  password: Type.Boolean(),
  oidc: Type.Boolean(),
});

export const SignInRequest = Type.Object({ name: Name, password: Password, as: Type.Optional(SessionKind) });

export const SetupRequest = Type.Object({
  code: Type.String({ minLength: 1, maxLength: 64 }),
  /** Needed for the first admin; for others the code knows it. */
  name: Type.Optional(Name),
  password: Password,
  as: Type.Optional(SessionKind),
});

export const PasswordRequest = Type.Object({ current: Password, next: Password });

export const WhoAmI = Type.Object({
  actor: Type.String({ description: 'As audit rows name it: person:alice, token:ci, local' }),
  person: Type.Union([Name, Type.Null()]),
  roles: Type.Array(RoleName),
  expiresAt: Nullable,
  csrfToken: Type.Optional(Type.String({ description: 'To be repeated in X-Drover-CSRF with each change' })),
});
export type WhoAmI = Static<typeof WhoAmI>;

export const SignedIn = Type.Object({
  ...WhoAmI.properties,
  token: Type.Optional(Type.String({ description: 'The bearer secret of a cli session, shown once' })),
});
export type SignedIn = Static<typeof SignedIn>;

export const Session = Type.Object({
  id: Id,
  kind: SessionKind,
  createdAt: Instant,
  usedAt: Instant,
  expiresAt: Instant,
  address: Type.String(),
  client: Type.String({ description: 'What the browser or tool calls itself' }),
  isCurrent: Type.Boolean(),
});
export type Session = Static<typeof Session>;

export const Person = Type.Object({
  name: Name,
  roles: Type.Array(RoleName),
  state: Type.Enum(['active', 'disabled']),
  signIn: Type.Enum(['password', 'oidc', 'code'], { description: 'code: no password was chosen yet' }),
  createdAt: Instant,
  lastSignInAt: Nullable,
  lockedUntil: Nullable,
});
export type Person = Static<typeof Person>;

export const PersonRequest = Type.Object({ name: Name, roles: RoleSet });
export const RolesRequest = Type.Object({ roles: RoleSet });

/** A code with which the person chooses a password; shown once. */
export const PersonWithCode = Type.Object({ person: Person, code: Type.String(), codeExpiresAt: Instant });

export const ApiToken = Type.Object({
  name: Name,
  roles: Type.Array(RoleName),
  createdBy: Type.String(),
  createdAt: Instant,
  expiresAt: Instant,
  usedAt: Nullable,
  revokedAt: Nullable,
});
export type ApiToken = Static<typeof ApiToken>;

export const TOKEN_DAYS_MAX = 730;
export const ApiTokenRequest = Type.Object({
  name: Name,
  roles: RoleSet,
  days: Type.Optional(Type.Integer({ minimum: 1, maximum: TOKEN_DAYS_MAX, default: 90 })),
});
export const NewApiToken = Type.Object({ token: Type.String({ description: 'Shown once' }), item: ApiToken });

export const OidcCliStart = Type.Object({
  url: Type.String({ description: 'To be opened in a browser' }),
  userCode: Type.String({ description: 'To be typed there, so that nobody is talked into signing in somebody else' }),
  pollCode: Type.String({ description: 'Secret of this request' }),
  expiresAt: Instant,
  intervalSeconds: Type.Integer(),
});
export const OidcPollRequest = Type.Object({ pollCode: Type.String({ minLength: 1, maxLength: 128 }) });
/** 202 while the person has not finished. */
export const OidcPending = Type.Object({ pending: Type.Literal(true) });
export const OidcPollAnswer = Type.Union([SignedIn, OidcPending]);
