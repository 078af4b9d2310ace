// Owns which model answers in each slot of this process. Never decides when to switch and never touches the disk.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { isShadow } from '@drover/core/shadow';
import type { ServedModel } from './served-model.ts';

export interface ServedSlots {
  get(slot: string): ServedModel | undefined;
  /** The model that answers, or slot_empty: a shadow never does. */
  find(slot: string): Result<ServedModel>;
  list(): [string, ServedModel][];
  /** From the next request on `model` answers; the one before is retired. */
  put(slot: string, model: ServedModel): void;
  remove(slot: string, closedBy: 'version' | 'shutdown'): void;
  /** Resolves when the slot has a model, or rejects when the signal aborts. */
  waitFor(slot: string, signal: AbortSignal): Promise<void>;
}

export function makeServedSlots(): ServedSlots {
  const models = new Map<string, ServedModel>();
  const waiting = new Set<{ slot: string; resolve: () => void }>();
  return {
    get: (slot) => models.get(slot),
    find(slot) {
      const model = isShadow(slot) ? undefined : models.get(slot);
      return model ? accept(model) : refuse('slot_empty', `Slot "${slot.slice(0, 64)}".`);
    },
    list: () => [...models],
    put(slot, model) {
      const before = models.get(slot);
      models.set(slot, model);
      before?.retire('version');
      for (const one of waiting) if (one.slot === slot) one.resolve();
    },
    remove(slot, closedBy) {
      const before = models.get(slot);
      models.delete(slot);
      before?.retire(closedBy);
    },
    waitFor(slot, signal) {
      if (models.has(slot)) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const end = (): void => {
          waiting.delete(one);
          signal.removeEventListener('abort', stop);
        };
        const stop = (): void => {
          end();
          reject(signal.reason);
        };
        const one = {
          slot,
          resolve: () => {
            end();
            resolve();
          },
        };
        waiting.add(one);
        signal.addEventListener('abort', stop, { once: true });
        if (signal.aborted) stop();
      });
    },
  };
}
