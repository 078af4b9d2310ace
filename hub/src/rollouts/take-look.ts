// Takes the look at the answers that is due in a stage which is watched, and writes down what it says. Never judges it.
import { armsOf } from '@drover/core/rollout/decide';
import { findDueLook, judgeLook, MOST_ARM } from '@drover/core/rollout/live';
import { insertLook, listHoldOuts } from '../db/rollout-looks.ts';
import type { Store } from '../db/store.ts';
import type { MeasureArms } from '../monitoring/measure-arms.ts';
import type { RolloutFacts } from './read-snapshot.ts';

/** Whether one was taken: what it says is read again. */
export async function takeLook(store: Store, measure: MeasureArms, facts: RolloutFacts, now: number): Promise<boolean> {
  const { rollout, plan, snapshot } = facts;
  const gate = plan.live;
  if (!gate || rollout.state !== 'running' || rollout.phase === 'admitting' || rollout.startedAt === null) return false;
  const look = findDueLook(gate, rollout.phaseSince, now);
  if (look <= Math.max(0, ...snapshot.looks.map((one) => one.look))) return false;
  const { treated, waiting } = armsOf(snapshot);
  const heldOut = await listHoldOuts(store, rollout.id);
  const control = [...heldOut, ...waiting].slice(0, MOST_ARM);
  const withIt = new Set(treated.slice(0, MOST_ARM));
  const totals = await measure({
    slot: rollout.slot,
    devices: [...withIt, ...control],
    before: { from: rollout.startedAt - gate.baselineMs, to: rollout.startedAt },
    since: { from: rollout.phaseSince, to: rollout.phaseSince + look * gate.everyMs },
    counts: (device, manifest) => withIt.has(device) === (manifest === rollout.manifest),
  });
  const pick = (ids: Iterable<string>) => [...ids].flatMap((id) => totals.get(id) ?? []);
  const results = judgeLook(gate, { treated: pick(withIt), control: pick(control) }, look);
  const place = { rollout: rollout.id, stage: rollout.stage, since: rollout.phaseSince, at: now };
  // Two hubs that look at the same time say the same; the first one counts.
  return (await store.commit(results.map((result) => insertLook({ ...place, ...result })))).ok;
}
