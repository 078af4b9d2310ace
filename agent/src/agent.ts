// The loop: snapshot, plan, run, report. One step a slot at a time, slots beside each other. Never decides (core does).
import { type AgentStep, planAgent } from '@drover/core/deployment/plan';
import type { Clock } from './clock.ts';
import { type Holdings, takeSnapshot } from './snapshot.ts';
import { type Executors, runStep } from './steps.ts';
import { isDiskTrouble } from './store/database.ts';

export interface AgentLoop {
  /** Something changed: plan again soon. */
  wake(): void;
  /** Ends waiting steps, lets the others finish. */
  stop(): Promise<void>;
}

export interface LoopDeps {
  readonly holdings: Holdings;
  readonly executors: Executors;
  readonly clock: Clock;
  readonly isConnected: () => boolean;
  /** After every step: tell the hub. */
  readonly report: () => void;
  readonly log: (level: 'error', message: string, detail: Record<string, unknown>) => void;
}

/** After a step that threw (a disk that failed), its slot waits this long. */
const PAUSE_MS = 5000;
/** The longest sleep: a clock that was set is noticed. */
const LONGEST_MS = 60_000;

interface Running {
  readonly step: AgentStep;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

const slotOf = (step: AgentStep): string => ('deployment' in step ? step.deployment.slot : step.slot);

export function startLoop({ holdings, executors, clock, isConnected, report, log }: LoopDeps): AgentLoop {
  const running = new Map<string, Running>();
  const pausedUntil = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let isQueued = false;

  function start(slot: string, step: AgentStep): void {
    const abort = new AbortController();
    const done = runStep(executors, step, abort.signal)
      .catch((error: unknown) => {
        pausedUntil.set(slot, clock.mono() + PAUSE_MS);
        if (step.kind === 'accept' && isDiskTrouble(error)) {
          const { deploymentId, manifest } = step;
          holdings.deferred.set(slot, { deploymentId, manifest, at: clock.now() });
        }
        log('error', `step ${step.kind} failed; it is tried again`, { slot, error: String(error) });
      })
      .then(() => {
        running.delete(slot);
        report();
        wake();
      });
    running.set(slot, { step, abort, done });
  }

  /** A download for a wish that is no longer wished stops; its bytes are kept. */
  function dropSuperseded(): void {
    const wished = holdings.desired.held()?.document.slots;
    for (const [slot, { step, abort }] of running) {
      const wish = wished?.[slot];
      if (!wish) continue;
      if (step.kind === 'download' && wish.deploymentId !== step.deployment.deploymentId) abort.abort();
      // A load only waits while it repairs a damaged model: another wish ends that.
      if (step.kind === 'load' && wish.manifest !== step.manifest) abort.abort();
    }
  }

  function tick(): void {
    isQueued = false;
    if (isStopping) return;
    dropSuperseded();
    const now = clock.now();
    const plan = planAgent(takeSnapshot(holdings, isConnected()), now);
    let wakeIn = Math.min(LONGEST_MS, (plan.wakeAt ?? now + LONGEST_MS) - now);
    for (const step of plan.steps) {
      const slot = slotOf(step);
      if (running.has(slot)) continue;
      const pause = (pausedUntil.get(slot) ?? 0) - clock.mono();
      if (pause > 0) wakeIn = Math.min(wakeIn, pause);
      else start(slot, step);
    }
    clearTimeout(timer);
    timer = setTimeout(wake, Math.max(1, wakeIn));
  }

  function wake(): void {
    if (isQueued || isStopping) return;
    isQueued = true;
    setImmediate(tick);
  }

  wake();
  return {
    wake,
    async stop() {
      isStopping = true;
      clearTimeout(timer);
      for (const { abort } of running.values()) abort.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}
