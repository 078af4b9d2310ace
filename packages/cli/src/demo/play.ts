// Follows the fleet while it plays: asks the hub, redraws, and ends when every row was counted and labelled or time is up.
import type { Static } from '@drover/wire/http/check';
import { Device } from '@drover/wire/http/devices';
import { type SlotSummary, Summary } from '@drover/wire/http/monitoring';
import { pause } from '../commands/common.ts';
import type { CliFailure } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import type { LiveBlock } from '../progress.ts';
import { type LiveFacts, ratePerSecond, renderLive, renderPlain } from './live-view.ts';

export interface PlayPlan {
  readonly client: HubClient;
  readonly manifest: string;
  readonly slot: string;
  readonly rowsToPlay: number;
  readonly labelsToCome: number;
  readonly rowsOf: ReadonlyMap<string, number>;
  readonly deadlineAt: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly view: LiveBlock;
  /** Looked at in each round; a failure ends the play. */
  readonly findLost: () => CliFailure | undefined;
}

export interface Played {
  readonly slot: Static<typeof SlotSummary> | undefined;
  readonly devices: readonly Static<typeof Device>[];
  /** Highest rate seen over ten seconds. */
  readonly peakPerSecond: number;
  readonly tookMs: number;
}

const LOOK_EVERY_MS = 1000;
const RATE_OVER_MS = 11_000;

/** Counts that no longer change for this long after all rows arrived are final: a row counted twice would show by then. */
const SETTLE_MS = 6000;

export async function playRows(plan: PlayPlan): Promise<Played> {
  const { client, now, view } = plan;
  const startedAt = now();
  let samples: (readonly [number, number])[] = [];
  let peakPerSecond = 0;
  let completeSince: number | undefined;
  for (;;) {
    plan.signal.throwIfAborted();
    const lost = plan.findLost();
    if (lost) throw lost;
    const [summary, devices] = await Promise.all([
      client.ask(Summary, at('summary'), { query: { slot: plan.slot } }),
      client.askAll(Device, at('devices')),
    ]);
    const slot = summary.items.find((item) => item.manifest === plan.manifest);
    samples = [...samples.filter(([when]) => when > now() - RATE_OVER_MS), [now(), slot?.predictions ?? 0]];
    const perSecond = ratePerSecond(samples);
    if (now() - startedAt >= RATE_OVER_MS) peakPerSecond = Math.max(peakPerSecond, perSecond);
    const facts: LiveFacts = {
      elapsedMs: now() - startedAt,
      devices,
      rowsOf: plan.rowsOf,
      rowsToPlay: plan.rowsToPlay,
      slot,
      perSecond,
    };
    view.show(renderLive(facts), renderPlain(facts));
    const complete = (slot?.predictions ?? 0) >= plan.rowsToPlay && (slot?.quality?.labelled ?? 0) >= plan.labelsToCome;
    completeSince = complete ? (completeSince ?? now()) : undefined;
    if ((completeSince !== undefined && now() - completeSince >= SETTLE_MS) || now() >= plan.deadlineAt) {
      view.end();
      return { slot, devices, peakPerSecond, tookMs: now() - startedAt };
    }
    await pause(LOOK_EVERY_MS, plan.signal);
  }
}
