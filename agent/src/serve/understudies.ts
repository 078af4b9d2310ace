// Owns the previous model of each slot while it has to stand in: loaded when it is first needed, at most one a slot, freed when it
// has not been needed for a while. Never decides that it is needed.
import type { SlotStore } from '../store/slots.ts';
import type { LoadedModel } from './bundle.ts';
import type { LoadModel } from './load-model.ts';
import type { ServedModel } from './served-model.ts';

/** Not needed for so long, it is freed. */
const IDLE_MS = 300_000;
/** After a load that failed, no other is tried for so long. */
const RETRY_MS = 60_000;

export interface Understudies {
  /** The model before `champion` in its slot; undefined when there is none that can be loaded. */
  of(slot: string, champion: string): Promise<ServedModel | undefined>;
  /** Resolves when their windows are closed. */
  stop(): Promise<void>;
}

export interface UnderstudyDeps {
  readonly slots: Pick<SlotStore, 'read'>;
  readonly load: LoadModel;
  readonly admit: (slot: string, model: LoadedModel) => ServedModel;
  readonly mono: () => number;
  readonly log: (message: string, detail: Record<string, unknown>) => void;
  readonly idleMs?: number;
}

interface Standing {
  readonly digest: string;
  readonly model: Promise<ServedModel | undefined>;
  readonly since: number;
  timer: NodeJS.Timeout | undefined;
}

export function makeUnderstudies({ slots, load, admit, mono, log, idleMs = IDLE_MS }: UnderstudyDeps): Understudies {
  const standing = new Map<string, Standing>();

  async function free(slot: string, one: Standing, closedBy: 'version' | 'shutdown'): Promise<void> {
    clearTimeout(one.timer);
    if (standing.get(slot) === one) standing.delete(slot);
    (await one.model)?.retire(closedBy);
  }

  async function open(slot: string, digest: string): Promise<ServedModel | undefined> {
    const model = await load(digest);
    if (!model.ok) {
      log('the previous model cannot stand in', { slot, code: model.code, detail: model.detail });
      return undefined;
    }
    const { manifest } = model.value;
    log('the previous model stands in', { slot, model: manifest.model, version: manifest.version });
    return admit(slot, model.value);
  }

  return {
    async of(slot, champion) {
      const digest = slots.read(slot)?.previous;
      let one = standing.get(slot);
      if (one && one.digest !== digest) void free(slot, one, 'version');
      if (digest === undefined || digest === champion) return undefined;
      one = standing.get(slot);
      if (!one) {
        one = { digest, model: open(slot, digest), since: mono(), timer: undefined };
        standing.set(slot, one);
      }
      const held = one;
      const model = await held.model;
      if (!model && mono() - held.since > RETRY_MS) standing.delete(slot);
      clearTimeout(held.timer);
      held.timer = setTimeout(() => void free(slot, held, 'version'), idleMs).unref();
      return model;
    },
    async stop() {
      for (const [slot, one] of standing) await free(slot, one, 'shutdown');
    },
  };
}
