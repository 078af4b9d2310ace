// Owns sign-ins at another service that a command line began: its request, the code that its terminal shows, and the
// session that waits to be fetched. In memory, bounded, for minutes. Never speaks to the service.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { OutsideIdentity } from './oidc-claims.ts';
import { hashSecret, isSameSecret, makeCode, makeSecret, normaliseCode } from './secrets.ts';
import { openShortLived } from './short-lived.ts';
import type { Opened } from './sign-in.ts';

const REQUEST_MS = 10 * 60_000;
const MOST = 1000;
/** Wrong codes that end a confirmation: 40 random bits are not guessed in five tries. */
const TRIES = 5;

interface CliRequest {
  readonly pollHash: string;
  readonly userCode: string;
  opened: Opened | undefined;
}

interface Confirmation {
  readonly requestId: string;
  readonly identity: OutsideIdentity;
  readonly browserHash: string;
  tries: number;
}

export interface NewCliRequest {
  readonly id: string;
  readonly userCode: string;
  readonly pollCode: string;
  readonly expiresAt: number;
}

export interface CliRequests {
  begin(): NewCliRequest;
  isOpen(id: string): boolean;
  /** Somebody signed in for a request; the answer names the confirmation that is still missing. */
  arrive(requestId: string, identity: OutsideIdentity, browserSecret: string): string;
  /** Whoever signed in types the code of their terminal, in the same browser: nobody can be talked into signing in a stranger's. */
  confirm(
    confirmation: string,
    browserSecret: string | undefined,
    userCode: string,
  ): Result<{ readonly identity: OutsideIdentity; readonly done: (opened: Opened) => void }>;
  /** Undefined while nobody has finished. The session is given once. */
  poll(pollCode: string): Result<Opened | undefined>;
}

export function openCliRequests(now: () => number): CliRequests {
  const requests = openShortLived<CliRequest>({ now, lifeMs: REQUEST_MS, most: MOST });
  const confirmations = openShortLived<Confirmation>({ now, lifeMs: REQUEST_MS, most: MOST });
  return {
    begin() {
      const secret = makeSecret();
      const userCode = makeCode(2);
      const id = requests.put({ pollHash: hashSecret(secret), userCode, opened: undefined });
      return { id, userCode, pollCode: `${id}.${secret}`, expiresAt: now() + REQUEST_MS };
    },
    isOpen: (id) => requests.read(id) !== undefined,
    arrive: (requestId, identity, browserSecret) =>
      confirmations.put({ requestId, identity, browserHash: hashSecret(browserSecret), tries: 0 }),
    confirm(name, browserSecret, userCode) {
      const held = confirmations.read(name);
      const request = held && requests.read(held.requestId);
      if (held === undefined || request === undefined || request.opened !== undefined)
        return refuse('oidc_failed', 'It was not begun here, or too long ago.');
      if (browserSecret === undefined || !isSameSecret(hashSecret(browserSecret), held.browserHash))
        return refuse('oidc_failed', 'It was begun in another browser.');
      if (!isSameSecret(normaliseCode(userCode), normaliseCode(request.userCode))) {
        held.tries++;
        if (held.tries >= TRIES) confirmations.take(name);
        return refuse('oidc_failed', 'The code is not the one that the terminal shows.');
      }
      confirmations.take(name);
      return accept({
        identity: held.identity,
        done: (opened) => {
          request.opened = opened;
        },
      });
    },
    poll(pollCode) {
      const [id = '', secret = ''] = pollCode.split('.', 2);
      const request = requests.read(id);
      if (request === undefined || !isSameSecret(hashSecret(secret), request.pollHash))
        return refuse('oidc_failed', 'It was not begun here, or too long ago.');
      if (request.opened !== undefined) requests.take(id);
      return accept(request.opened);
    },
  };
}
