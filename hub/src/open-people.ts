// Opens what signing in rests on: the local token of development mode, passwords, sessions, another service. Serves no route.
import { accept, type Result } from '@drover/core/reasons';
import type { Logger } from 'pino';
import type { HubConfig } from './config.ts';
import { openToken, removeToken } from './data-folder.ts';
import type { Store } from './db/store.ts';
import { readOidcSettings } from './oidc-settings.ts';
import type { PeopleDeps } from './people/deps.ts';
import { type FailureLog, openFailureLog } from './people/failure-log.ts';
import { type Oidc, openOidc } from './people/oidc.ts';
import { openHasher } from './people/password-hash.ts';

export interface PeopleSide extends PeopleDeps {
  /** Opens everything, on loopback and in development only. */
  readonly localToken: string | undefined;
  readonly failures: FailureLog;
  /** Undefined where nobody signs in at another service. */
  readonly oidc: Oidc | undefined;
}

/** Two of the four threads of the pool: files are read and written meanwhile. */
const HASHER = { running: 2, waiting: 32 } as const;

export interface PeopleSideDeps {
  readonly store: Store;
  readonly config: HubConfig;
  readonly tokenFile: string;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

export function openPeople({ store, config, tokenFile, now, newId, log }: PeopleSideDeps): Result<PeopleSide> {
  const settings = readOidcSettings(config);
  if (!settings.ok) return settings;
  const localToken = config.dev ? openToken(tokenFile) : undefined;
  // A token from a time in development mode must not lie about where it opens nothing any more.
  if (localToken === undefined) removeToken(tokenFile);
  return accept({
    store,
    now,
    newId,
    localToken,
    hasher: openHasher(HASHER),
    failures: openFailureLog({ store, now }),
    sessions: { idleMs: config.sessionIdleMinutes * 60_000, absoluteMs: config.sessionHours * 3600_000 },
    oidc: settings.value && openOidc({ settings: settings.value, log, now }),
  });
}
