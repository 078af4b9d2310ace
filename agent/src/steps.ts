// Runs the steps that core planned: journal first, then act, each safe to repeat after a kill. Never decides what comes next.
import { type BackoffPolicy, backoffMs } from '@drover/core/backoff';
import type { AgentStep, AgentStepKind, AgentSteps } from '@drover/core/deployment/plan';
import { applyEvent, type DeploymentEvent, type DeploymentRecord } from '@drover/core/deployment/table';
import { REASONS, type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { isShadow, slotBeside } from '@drover/core/shadow';
import type { Manifest } from '@drover/trust/documents';
import type { Clock } from './clock.ts';
import type { Fetcher } from './link/download.ts';
import type { LoadedModel } from './serve/bundle.ts';
import type { LoadModel } from './serve/load-model.ts';
import type { ServedModel } from './serve/served-model.ts';
import { blobsOf, type Holdings, kept, MAX_TRIES, manifestsInUse } from './snapshot.ts';

export interface StepDeps extends Omit<Holdings, 'loadFailed'> {
  readonly loadFailed: Map<string, string>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly fetcher: Fetcher;
  readonly load: LoadModel;
  /** Gives a loaded model its stream and its place in memory. */
  readonly admit: (slot: string, model: LoadedModel) => ServedModel;
  /** Slots that the device's own configuration allows; undefined allows all. */
  readonly allowedSlots: ReadonlySet<string> | undefined;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, detail: Record<string, unknown>) => void;
}

export type Executors = { readonly [K in AgentStepKind]: (step: AgentSteps[K], signal: AbortSignal) => Promise<void> };

const RETRY: BackoffPolicy = { baseMs: 1000, capMs: 120_000 };
/** A full disk is not asked again quickly: something must change first. */
const DISK_RETRY_MS = 30_000;

const isDamaged = (code: ReasonCode): boolean =>
  code === 'artifact_digest_mismatch' || code === 'artifact_size_mismatch';

/** What reads and runs models comes with the first one: an agent without one stays small. */
const openBundleRoom = () => import('./serve/bundle.ts');

export function makeExecutors(deps: StepDeps): Executors {
  const { journal, slots, served, blobs, desired, clock, loadFailed, load, log } = deps;

  /** Journals one event. A record that changed meanwhile makes the event illegal: the step was planned on an old snapshot. */
  function move(record: DeploymentRecord, event: DeploymentEvent): DeploymentRecord | undefined {
    const current = journal.read(record.slot);
    if (current?.deploymentId !== record.deploymentId || current.revision !== record.revision) return undefined;
    const next = applyEvent(current, event, clock.now());
    if (!next) return undefined;
    journal.put(next, clock.now());
    const { deploymentId, slot, state, code, detail } = next;
    log(code && state !== 'downloading' ? 'warn' : 'info', `deployment is ${state}`, {
      deploymentId,
      slot,
      ...(code && { code, detail }),
    });
    return next;
  }

  const fail = (record: DeploymentRecord, { code, detail }: { code: ReasonCode; detail: string }): void =>
    void move(record, { kind: 'fail', code, detail });

  /** Transient trouble is tried again, with jitter, up to a bound; anything else ends the deployment. */
  function retryOrFail(record: DeploymentRecord, refusal: Refusal): void {
    const { code, detail } = refusal;
    const { kind } = REASONS[code];
    const mayRetry = kind === 'transient' || code === 'artifact_digest_mismatch' || code === 'artifact_size_mismatch';
    if (!mayRetry) return fail(record, refusal);
    const isDisk = code === 'disk_full';
    if (!isDisk && record.tries + 1 >= MAX_TRIES) {
      return fail(record, {
        code: 'retries_exhausted',
        detail: `${record.tries + 1} tries; the last one: ${code}: ${detail}`,
      });
    }
    const waitMs = isDisk ? DISK_RETRY_MS : RETRY.baseMs + backoffMs(RETRY, record.tries, deps.random());
    move(record, { kind: 'retryLater', code, detail, nextTryAt: clock.now() + waitMs });
  }

  const manifestOf = (digest: string): Result<Manifest> => {
    const manifest = desired.manifest(digest);
    return manifest
      ? { ok: true, value: manifest }
      : refuse('manifest_invalid', `Manifest ${digest.slice(0, 12)}… is not held.`);
  };

  function serve(slot: string, model: LoadedModel): void {
    served.put(slot, deps.admit(slot, model));
    loadFailed.delete(slot);
  }

  function leave(slot: string): void {
    slots.remove(slot);
    served.remove(slot, 'version');
    loadFailed.delete(slot);
  }

  /** Brings blobs again that were whole once and are damaged on the disk now. */
  async function repair(digest: string, signal: AbortSignal): Promise<boolean> {
    const manifest = manifestOf(digest);
    if (!manifest.ok) return false;
    for (const ref of blobsOf(manifest.value)) {
      if (blobs.read(ref).ok) continue;
      blobs.remove(ref.sha256);
      const fetched = await deps.fetcher.fetch(ref, signal);
      if (!fetched.ok) return false;
    }
    return true;
  }

  /** What nothing names any more goes: manifests, then the blobs that only they named. */
  function sweep(): void {
    const used = manifestsInUse({ ...deps });
    desired.keepOnly(used);
    const keep = new Set<string>();
    for (const digest of used) {
      const manifest = desired.manifest(digest);
      // A manifest that cannot be read says nothing about its blobs: then nothing is deleted.
      if (!manifest) return;
      for (const sha256 of kept(manifest)) keep.add(sha256);
    }
    blobs.collect(keep);
  }

  return {
    async load({ slot, manifest }, signal) {
      const model = await load(manifest);
      if (model.ok) {
        serve(slot, model.value);
        const { model: name, version } = model.value.manifest;
        log('info', 'model serves', { slot, model: name, version });
        return;
      }
      log('error', 'model could not be loaded', { slot, code: model.code, detail: model.detail });
      // Something has to answer: the model before does, and the report says that it is not the one that is wished.
      const { previous } = slots.read(slot) ?? {};
      const fallback = previous === undefined || served.get(slot) ? undefined : await load(previous);
      if (fallback?.ok) served.put(slot, deps.admit(slot, fallback.value));
      if (!isDamaged(model.code) || !(await repair(manifest, signal))) {
        if (!signal.aborted) loadFailed.set(slot, manifest);
        return;
      }
      const repaired = await load(manifest);
      if (repaired.ok) serve(slot, repaired.value);
      else loadFailed.set(slot, manifest);
    },

    async accept({ slot, deploymentId, manifest, generation }) {
      const now = clock.now();
      const offered: DeploymentRecord = {
        deploymentId, slot, manifest, generation, state: 'offered', tries: 0, crashes: 0, enteredAt: now, revision: 1,
      }; // biome-ignore format: one record
      const held = manifestOf(manifest);
      const isAllowed = deps.allowedSlots?.has(slotBeside(slot)) ?? true;
      const wrong = !isAllowed ? refuse('slot_not_allowed', `Slot "${slot}".`) : held.ok ? undefined : held;
      const event: DeploymentEvent = wrong
        ? { kind: 'reject', code: wrong.code, detail: wrong.detail }
        : { kind: 'accept' };
      const next = applyEvent(offered, event, now);
      if (next) journal.put(next, now);
      deps.deferred.delete(slot);
      log('info', `deployment is ${next?.state}`, { deploymentId, slot });
    },

    async download({ deployment }, signal) {
      const record = deployment.state === 'accepted' ? move(deployment, { kind: 'download' }) : deployment;
      const manifest = manifestOf(deployment.manifest);
      if (!record) return;
      if (!manifest.ok) return fail(record, manifest);
      const missing = blobsOf(manifest.value).filter((ref) => !blobs.has(ref));
      const needed = missing.reduce((sum, ref) => sum + blobs.missing(ref), 0);
      if (needed > 0 && !deps.fetcher.hasRoom(needed)) sweep();
      for (const ref of missing) {
        const fetched = await deps.fetcher.fetch(ref, signal);
        if (signal.aborted) return;
        if (!fetched.ok) return retryOrFail(record, fetched);
      }
      move(record, { kind: 'downloaded' });
    },

    async verify({ deployment }) {
      const manifest = manifestOf(deployment.manifest);
      if (!manifest.ok) return fail(deployment, manifest);
      for (const ref of blobsOf(manifest.value)) {
        const bytes = blobs.read(ref);
        if (!bytes.ok) {
          blobs.remove(ref.sha256);
          return retryOrFail(deployment, bytes);
        }
        if (ref !== manifest.value.blobs.model) continue;
        const { checkSignature } = await openBundleRoom();
        const signature = checkSignature(manifest.value, bytes.value);
        if (!signature.ok) return fail(deployment, signature);
      }
      move(deployment, { kind: 'verified' });
    },

    async giveUp({ deployment }) {
      const detail = `The process ended ${deployment.crashes} times while it checked the model.`;
      fail(deployment, { code: 'verification_crashed', detail });
    },

    async defer({ deployment }) {
      move(deployment, { kind: 'defer', code: 'activation_held', detail: 'The hold file of the agent is there.' });
    },

    async resume({ deployment }) {
      move(deployment, { kind: 'resume' });
    },

    async activate({ deployment }) {
      move(deployment, { kind: 'activate' });
    },

    async swap({ deployment }) {
      const { slot, manifest } = deployment;
      const model = await load(manifest);
      if (!model.ok) {
        // The pointer may already name it, when a kill came between the switch and the journal.
        if (slots.read(slot)?.active === manifest && !slots.revert(slot)) slots.remove(slot);
        const code = model.code === 'onnx_load_failed' ? 'load_failed' : model.code;
        return fail(deployment, { code, detail: model.detail });
      }
      slots.activate(slot, manifest);
      serve(slot, model.value);
      move(deployment, { kind: 'activated' });
    },

    async commit({ deployment }) {
      if (move(deployment, { kind: 'commit' })) sweep();
    },

    async startRollBack({ deployment, why }) {
      const { crashes } = deployment;
      move(
        deployment,
        why === 'crashes'
          ? {
              kind: 'rollBack',
              code: 'activation_crashed',
              detail: `The process ended ${crashes} times after the switch.`,
            }
          : {
              kind: 'rollBack',
              code: 'run_failed',
              detail: 'The model could not be loaded again, or its runs kept failing.',
            },
      );
    },

    async rollBack({ deployment }) {
      const { slot, manifest } = deployment;
      if (isShadow(slot)) {
        leave(slot);
        move(deployment, { kind: 'rolledBack' });
        return;
      }
      if (slots.read(slot)?.active === manifest && !slots.revert(slot)) {
        move(deployment, {
          kind: 'rollBackFailed',
          code: 'previous_missing',
          detail: `Slot "${slot}" had no model before.`,
        });
        return;
      }
      loadFailed.delete(slot);
      const target = slots.read(slot)?.active;
      if (target === undefined) {
        move(deployment, {
          kind: 'rollBackFailed',
          code: 'previous_missing',
          detail: `Slot "${slot}" had no model before.`,
        });
        return;
      }
      const model = await load(target);
      if (!model.ok) {
        loadFailed.set(slot, target);
        move(deployment, { kind: 'rollBackFailed', code: model.code, detail: `The model before: ${model.detail}` });
        return;
      }
      serve(slot, model.value);
      move(deployment, { kind: 'rolledBack' });
    },

    async dropShadow({ slot }) {
      // Its blobs stay for the canary that may follow, until room is needed or another model commits.
      leave(slot);
      log('info', 'the shadow is gone: nobody wishes it any more', { slot });
    },

    async empty({ slot, deploymentId, generation }) {
      const now = clock.now();
      const manifest = slots.read(slot)?.active ?? '0'.repeat(64);
      leave(slot);
      const record: DeploymentRecord = {
        deploymentId, slot, manifest, generation, state: 'committed', tries: 0, crashes: 0, enteredAt: now, revision: 1,
      }; // biome-ignore format: one record
      journal.put(record, now);
      sweep();
      log('info', 'slot is empty, as was wished', { slot, deploymentId });
    },
  };
}

/** Runs one step by the table; a kind without an executor does not compile. */
export function runStep(executors: Executors, step: AgentStep, signal: AbortSignal): Promise<void> {
  const run = executors[step.kind] as (step: AgentStep, signal: AbortSignal) => Promise<void>;
  return run(step, signal);
}
