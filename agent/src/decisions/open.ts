// Puts the decision log of a running agent together with the models that can replay it. Never predicts.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { LoadModel } from '../serve/load-model.ts';
import type { ServedSlots } from '../serve/slots.ts';
import { openDecisionStore } from '../store/decision-store.ts';
import { type DecisionLog, type DecisionPolicy, openDecisionLog } from './log.ts';
import { type Replay, replayDecision } from './replay.ts';

export interface DecisionDeps {
  readonly dataDir: string;
  readonly policy: DecisionPolicy;
  readonly bytes: number;
  readonly bootId: string;
  readonly now: () => number;
  readonly served: ServedSlots;
  readonly load: LoadModel;
  readonly warn: (message: string, detail: Record<string, unknown>) => void;
}

export interface Decisions {
  /** Undefined where the device keeps none. */
  readonly log: DecisionLog | undefined;
  replay(predictionId: string): Promise<Result<Replay>>;
  counts(): Readonly<Record<string, unknown>>;
  close(): void;
}

const MAX_ENTRIES = 1_000_000;
const MAX_ENTRY_BYTES = 1024 * 1024;

export function openDecisions(deps: DecisionDeps): Decisions {
  const { policy, bytes, warn } = deps;
  const onDamaged = (): void => warn('the decision log was damaged; it begins anew', {});
  let isWarned = false;
  const open = () => {
    try {
      return openDecisionStore(deps.dataDir, { bytes, entries: MAX_ENTRIES }, onDamaged);
    } catch (error) {
      if (!isWarned)
        warn('the decision log cannot be opened; predictions are answered without it', { error: String(error) });
      isWarned = true;
      return undefined;
    }
  };
  const log =
    policy === 'off'
      ? undefined
      : openDecisionLog({
          bootId: deps.bootId, now: deps.now, policy, open, entryBytes: Math.min(MAX_ENTRY_BYTES, bytes >> 3),
        }); // biome-ignore format: one record

  /** The model that answers now is asked where it is the one; another is loaded for this and freed. */
  async function replayOne(predictionId: string): Promise<Result<Replay>> {
    if (!log) return refuse('decision_unknown', 'This agent keeps no decision log (--decisions off).');
    const decision = log.find(predictionId);
    if (!decision.ok) return decision;
    const { manifest } = decision.value.of;
    const serving = deps.served.list().find(([, model]) => model.digest === manifest)?.[1];
    if (serving) return accept(await serving.borrow(() => replayDecision(decision.value, async () => accept(serving))));
    const loaded = await deps.load(manifest);
    const result = await replayDecision(decision.value, async () =>
      loaded.ok || loaded.code !== 'manifest_invalid' ? loaded : refuse('replay_model_gone', loaded.detail),
    );
    if (loaded.ok) await loaded.value.session.release();
    return accept(result);
  }

  /** One at a time: each may load a model. */
  let last: Promise<unknown> = Promise.resolve();
  function replay(predictionId: string): Promise<Result<Replay>> {
    const next = last.then(() => replayOne(predictionId));
    last = next.catch(() => undefined);
    return next;
  }

  return {
    log,
    replay,
    counts: () => ({ policy, ...log?.counts() }),
    close: () => log?.close(),
  };
}
