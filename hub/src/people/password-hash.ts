// Makes and checks password hashes off the event loop, a few at a time, so that people who sign in never starve the hub.
// Never sees a name and never decides whether a password is good enough.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { accept, type Result, refuse } from '@drover/core/reasons';

/** Argon2id (RFC 9106) with the first choice of the OWASP Password Storage Cheat Sheet of less memory: 19 MiB, 2 passes. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** What a stored hash may ask for, so that a row that was tampered with cannot take the hub's memory. */
const MOST = { memory: 262_144, passes: 16, parallelism: 4 } as const;

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

interface Stored extends Cost {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const deriveArgon2 = promisify(argon2);

const derive = (password: string, nonce: Uint8Array, cost: Cost): Promise<Buffer> =>
  deriveArgon2('argon2id', { message: Buffer.from(password, 'utf8'), nonce, tagLength: HASH_BYTES, ...cost });

const unpad = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');

/** The PHC string format: parameters, salt and hash in one text. */
export const writePhc = ({ memory, passes, parallelism, salt, hash }: Stored): string =>
  `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpad(salt)}$${unpad(hash)}`;

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{43})$/;

/** Undefined for a text that is no hash of ours, or one that would cost more than any of ours. */
export function parsePhc(text: string): Stored | undefined {
  const [, memory = '', passes = '', parallelism = '', salt = '', hash = ''] = PHC.exec(text) ?? [];
  if (hash === '') return undefined;
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const isPayable = (Object.keys(MOST) as (keyof Cost)[]).every((key) => cost[key] >= 1 && cost[key] <= MOST[key]);
  if (!isPayable || cost.memory < 8 * cost.parallelism) return undefined;
  return { ...cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

export interface Verdict {
  readonly isRight: boolean;
  /** It was hashed with other parameters than those of today. */
  readonly isStale: boolean;
}

export interface Hasher {
  /** Refuses with `sign_in_busy` when too many wait already. */
  hash(password: string): Promise<Result<string>>;
  /** Takes the same time whether there is a hash or not. */
  verify(password: string, stored: string | null | undefined): Promise<Result<Verdict>>;
}

export interface HasherLimits {
  /** Hashes at the same time; each takes a thread of the pool that also reads and writes files. */
  readonly running: number;
  readonly waiting: number;
}

export function openHasher(limits: HasherLimits): Hasher {
  let running = 0;
  const waiting: (() => void)[] = [];

  async function inTurn<T>(work: () => Promise<T>): Promise<Result<T>> {
    if (running >= limits.running) {
      if (waiting.length >= limits.waiting) return refuse('sign_in_busy', `${waiting.length} wait already.`);
      // Whoever ends hands over its place: it stays counted.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return accept(await work());
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  }

  // Nobody's: whoever has no hash is compared with it.
  const nobody: Stored = { ...COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(SALT_BYTES);
        return writePhc({ ...COST, salt, hash: await derive(password, salt, COST) });
      }),
    verify: (password, stored) => {
      const held = (stored ? parsePhc(stored) : undefined) ?? nobody;
      return inTurn(async () => {
        const isSame = timingSafeEqual(await derive(password, held.salt, held), held.hash);
        const isStale = (Object.keys(COST) as (keyof Cost)[]).some((key) => held[key] !== COST[key]);
        return { isRight: isSame && held !== nobody, isStale };
      });
    },
  };
}
