// Says what this process is and can do, first thing on each connection. Never sends it.
import type { Hello, SlotReport } from '@drover/wire/messages';
import { readCapabilities } from '../health.ts';
import type { RuntimeOnce } from '../serve/runtime-once.ts';
import type { Outbox } from '../store/outbox.ts';
import { AGENT_VERSION } from '../version.ts';

export interface HelloDeps {
  readonly outbox: Pick<Outbox, 'counts'>;
  readonly bootId: string;
  readonly generation: () => number;
  readonly runtime: RuntimeOnce;
  readonly slots: () => SlotReport[];
  readonly features: readonly string[];
  readonly sealingKey: string;
  /** Where this device serves its neighbours, once it does. */
  readonly cacheUrl: () => string | undefined;
}

export function makeHello(deps: HelloDeps): (sessionId: string) => Hello {
  const { outbox, bootId, generation, runtime, slots, features, sealingKey } = deps;
  return (sessionId) => {
    const { outboxId, oldestSeq, nextSeq } = outbox.counts();
    const opened = runtime.opened();
    const cacheUrl = deps.cacheUrl();
    return {
      outboxId, bootId, sessionId, oldestSeq, nextSeq,
      agentVersion: AGENT_VERSION,
      capabilities: { ...readCapabilities(opened?.name ?? '', opened?.version ?? ''), sealingKey },
      generation: generation(),
      slots: slots(),
      features: [...features],
      ...(cacheUrl !== undefined && { cacheUrl }),
    }; // biome-ignore format: one record
  };
}
