// Decides what becomes of desired documents that arrive: believed, newer, complete, released, stored. One at a time; the
// newest first. Never acts on one: the loop does, when it is on the disk.
import { type BackoffPolicy, backoffMs } from '@drover/core/backoff';
import { decideDesired } from '@drover/core/desired';
import { accept, type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { DesiredDoc } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import type { Believed } from '@drover/trust/trusted-set';
import type { Desired } from '@drover/wire/messages';
import type { Clock } from './clock.ts';
import { type AuthorisedManifest, authoriseManifest } from './release/authorise.ts';
import type { ReleaseTrust } from './release/trust.ts';
import { isDiskTrouble } from './store/database.ts';
import type { DesiredStore } from './store/desired.ts';

/** `taken`: a new document is on the disk, with its manifests. `repeat`: it is the one held. A refusal changed nothing. */
export type IntakeOutcome = 'taken' | 'repeat' | Refusal;

export interface IntakeDeps {
  readonly device: string;
  readonly trust: ReleaseTrust;
  readonly store: DesiredStore;
  readonly clock: Clock;
  readonly random: () => number;
  /** Manifests that serve or served before: metadata never takes back what was installed. */
  readonly installed: () => ReadonlySet<string>;
  /** The document is right, and the disk does not take it now. */
  readonly onNoRoom: (document: DesiredDoc) => void;
  /** `arrived` counts only when it was not refused: a message alone says nothing about whom this device asks. */
  readonly onOutcome: (outcome: IntakeOutcome, arrived: Desired) => void;
  readonly onFault: (error: unknown) => void;
  readonly retry?: BackoffPolicy;
}

export interface Intake {
  /** Returns at once; `onOutcome` says what became of it. */
  offer(arrived: Desired): void;
  /** The hub can be asked again: what waits is tried now. */
  connected(): void;
  stop(): Promise<void>;
}

const RETRY: BackoffPolicy = { baseMs: 4000, capMs: 300_000 };
const LEAST_WAIT_MS = 500;
/** Documents that wait while one is looked up; the oldest goes. */
const QUEUE = 4;

const UNSIGNED = new Set<ReasonCode>(['signature_missing', 'signature_invalid']);
/** A "no" that may become a "yes" without a new document: a version is published, the link comes back, the clock is set. */
const mayChange = ({ code }: Refusal): boolean =>
  code.startsWith('metadata_') || code.startsWith('release_') || code === 'desired_expired';

const manifestsOf = ({ slots }: DesiredDoc): string[] => [
  ...new Set(Object.values(slots).flatMap(({ manifest }) => (manifest === null ? [] : [manifest]))),
];

/** The manifests that the document names and this device has not installed, each with what vouches for it. */
export async function authorise(
  arrived: Desired,
  needed: readonly string[],
  { trust, clock }: IntakeDeps,
): Promise<Result<AuthorisedManifest[]>> {
  if (needed.length === 0) return accept([]);
  const payloads = new Map(arrived.manifests.map(({ payload }) => [digestOf(payload), payload]));
  const paths = new Map(arrived.releases.map(({ manifest, path }) => [manifest, path]));
  const wanted: { payload: Uint8Array; path: string }[] = [];
  for (const digest of needed) {
    const payload = payloads.get(digest);
    const path = paths.get(digest);
    if (!payload)
      return refuse('document_invalid', `It names the manifest ${digest.slice(0, 12)}… and does not carry it.`);
    if (path === undefined)
      return refuse('release_not_approved', `The hub does not say where ${digest.slice(0, 12)}… is released.`);
    wanted.push({ payload, path });
  }
  const found = await trust.findAll(wanted.map(({ path }) => path));
  if (!found.ok) return found;
  const authorised: AuthorisedManifest[] = [];
  for (const [at, { payload }] of wanted.entries()) {
    const release = found.value[at];
    if (!release) throw new Error('the release client answered for fewer paths than it was asked for');
    const one = release.ok ? authoriseManifest(payload, release.value, clock.now()) : release;
    if (!one.ok) return one;
    authorised.push(one.value);
  }
  return accept(authorised);
}

export function makeIntake(deps: IntakeDeps): Intake {
  const { device, trust, store, clock, retry = RETRY } = deps;
  let queue: Desired[] = [];
  let running: Promise<void> | undefined;
  /** The newest document that is right but for what the metadata says now. */
  let waiting: { readonly desired: Desired; readonly digest: string; readonly generation: number } | undefined;
  let attempt = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function disarm(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  const decide = ({ document, digest }: Believed<DesiredDoc>) =>
    decideDesired(store.held(), { generation: document.generation, digest, device: document.device }, device);

  async function believe(arrived: Desired): Promise<Result<Believed<DesiredDoc>>> {
    const first = trust.verifyDesired(arrived.document);
    if (first.ok || !UNSIGNED.has(first.code)) return first;
    // The director's key may be a newer one than the root that is held knows.
    await trust.refreshRoot();
    return trust.verifyDesired(arrived.document);
  }

  function put(
    arrived: Desired,
    believed: Believed<DesiredDoc>,
    authorised: readonly AuthorisedManifest[],
  ): IntakeOutcome {
    const { document } = believed;
    // An online key vouches for time only as far as the offline keys reach: it could say 2090.
    const signedAt = Math.min(Date.parse(document.issuedAt), trust.expiresAt() ?? Number.POSITIVE_INFINITY);
    try {
      store.take(believed, arrived.document, authorised, signedAt);
    } catch (error) {
      if (!isDiskTrouble(error)) throw error;
      // Nothing is acted on that is not on the disk; the hub sends it again.
      deps.onNoRoom(document);
      return refuse('disk_full', `Generation ${document.generation} could not be stored.`);
    }
    clock.seeSigned(Math.max(signedAt, trust.signedAt()));
    return 'taken';
  }

  function wait(desired: Desired, { digest, document }: Believed<DesiredDoc>): void {
    const { generation } = document;
    if (waiting && waiting.generation > generation) return;
    if (waiting?.digest !== digest) attempt = 0;
    waiting = { desired, digest, generation };
    disarm();
    timer = setTimeout(tryWaiting, LEAST_WAIT_MS + backoffMs(retry, attempt, deps.random()));
    attempt += 1;
  }

  function forgetWaiting(upTo: number): void {
    if (!waiting || waiting.generation > upTo) return;
    waiting = undefined;
    attempt = 0;
    disarm();
  }

  async function take(arrived: Desired): Promise<IntakeOutcome> {
    const first = await believe(arrived);
    if (!first.ok) return first;
    const verdict = decide(first.value);
    if (!verdict.ok) return verdict;
    if (!verdict.take) return 'repeat';
    const installed = deps.installed();
    const needed = manifestsOf(first.value.document).filter(
      (digest) => !(installed.has(digest) && store.manifest(digest)),
    );
    const { expiresAt } = first.value.document;
    // Nothing new is installed by it: there is nothing to ask the metadata for, whichever of the clocks is wrong.
    const isExpired = needed.length > 0 && Date.parse(expiresAt) <= clock.now();
    const authorised = isExpired ? refuse('desired_expired', expiresAt) : await authorise(arrived, needed, deps);
    // The way there may have brought a root that knows this director no more.
    const still = trust.verifyDesired(arrived.document);
    if (!still.ok) return still;
    if (!authorised.ok) {
      if (mayChange(authorised)) wait(arrived, still.value);
      return authorised;
    }
    const again = decide(still.value);
    if (!again.ok || !again.take) return again.ok ? 'repeat' : again;
    if (isStopped) return 'repeat';
    const outcome = put(arrived, still.value, authorised.value);
    if (outcome === 'taken') forgetWaiting(still.value.document.generation);
    return outcome;
  }

  async function drain(): Promise<void> {
    for (let next = queue.pop(); next; next = queue.pop()) {
      try {
        const outcome = await take(next);
        if (!isStopped) deps.onOutcome(outcome, next);
      } catch (error) {
        deps.onFault(error);
      }
      // It was tried and waits for nothing any more: when the hub sends it again, it is looked at again.
      if (timer === undefined) waiting = undefined;
    }
    running = undefined;
  }

  function run(arrived: Desired): void {
    queue = [...queue.slice(1 - QUEUE), arrived];
    running ??= drain();
  }

  function tryWaiting(): void {
    disarm();
    if (waiting && !isStopped) run(waiting.desired);
  }

  return {
    offer(arrived) {
      if (isStopped) return;
      // The hub repeats what is not reported as held: that must not undo the wait.
      if (waiting?.digest === digestOf(arrived.document.payload)) {
        // What comes beside the document is a hint of the moment: the newest may be the right one.
        waiting = { ...waiting, desired: arrived };
        return;
      }
      run(arrived);
    },
    connected() {
      attempt = 0;
      tryWaiting();
    },
    async stop() {
      isStopped = true;
      disarm();
      queue = [];
      await running;
    },
  };
}
