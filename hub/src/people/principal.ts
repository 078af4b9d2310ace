// Owns what the hub knows of whoever asks, once it knows who it is. Never finds it out (identify.ts does).
import type { Role } from '@drover/core/roles';

/** The name of the first token, which only a hub in development mode has; it works on loopback only. */
export const LOCAL_ACTOR = 'local';
/** Who asks where no one needs to be known. */
export const NOBODY = 'anonymous';

export interface Principal {
  /** As audit rows name it: `person:alice`, `token:ci`, `local`. */
  readonly actor: string;
  readonly roles: readonly Role[];
  /** The person, where it is one. */
  readonly person: string | undefined;
  /** The id of the session that was used, where it was one; never its secret. */
  readonly session: string | undefined;
}

/** What a request shows of who sends it. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** The session cookie. */
  readonly cookie: string | undefined;
  /** The header that a page repeats its CSRF token in. */
  readonly csrf: string | undefined;
  /** Whether the request names its own origin; browsers say it with each change. */
  readonly isSameOrigin: boolean;
  readonly method: string;
}
