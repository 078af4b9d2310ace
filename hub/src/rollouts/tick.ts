// Runs the rollout decisions: on change for the devices concerned, and by the clock for all, one round at a time.
// Never decides: core/rollout does.
import { decideRollout } from '@drover/core/rollout/reconcile';
import type { Signer } from '@drover/trust/dsse';
import type { Logger } from 'pino';
import { commitWithAudit } from '../db/audit.ts';
import { listDesiredBehind } from '../db/desired.ts';
import { countDeployments, listDevicesWithWork, listRolloutsIn, moveRollout, readRollout } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { type DeviceWork, prepareWork } from './apply.ts';
import { type DesiredPolicy, writePolicy } from './desired-document.ts';
import { makeSnapshotReader } from './snapshots.ts';

export interface ReconcilerDeps {
  readonly store: Store;
  /** Its key may become another one: then every document is issued anew. */
  readonly director: Signer;
  readonly policy: DesiredPolicy;
  readonly now: () => number;
  readonly log: Logger;
  /** The desired document of the device changed: it should be sent. */
  readonly onDesired: (device: string) => void;
}

export interface Reconciler {
  /** Something about these devices changed. Returns at once. */
  poke(...devices: readonly string[]): void;
  /** Looks at every device that has something open, as the clock does. */
  pokeAll(): Promise<void>;
  /** Resolves when nothing is left to decide. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Devices whose steps are decided from one set of queries and written in one commit. */
const ROUND_DEVICES = 250;
const TICK_MS = 10_000;
/** A lost race is decided again from a new snapshot; more in a row is a defect. */
const TRIES = 20;

export function startReconciler({ store, director, policy, now, log, onDesired }: ReconcilerDeps): Reconciler {
  const reader = makeSnapshotReader(store);
  const waiting = new Set<string>();
  const tries = new Map<string, number>();
  let running: Promise<void> | undefined;
  let isClosed = false;

  async function finishRollouts(ids: ReadonlySet<string>): Promise<void> {
    if (ids.size === 0) return;
    const counts = Map.groupBy(await countDeployments(store, [...ids]), (row) => row.rollout);
    for (const id of ids) {
      const rollout = await readRollout(store, id);
      if (rollout?.state !== 'running') continue;
      const state = decideRollout(Object.fromEntries((counts.get(id) ?? []).map((row) => [row.state, row.count])));
      if (!state) continue;
      const at = now();
      const detail = { before: { state: rollout.state }, after: { state } };
      const entry = { at, actor: 'hub', action: 'rollout.end', subject: id, detail };
      const done = await commitWithAudit(store, [moveRollout(id, rollout.revision, state, at)], entry);
      if (done.ok) log.info({ rollout: id, state }, 'rollout ended');
    }
  }

  function finishWork(works: readonly DeviceWork[]): void {
    for (const { device, isIssued } of works) {
      tries.delete(device);
      // Level-triggered: the device is looked at again until nothing is left to do.
      waiting.add(device);
      if (isIssued) onDesired(device);
    }
  }

  /** One commit for all; a lost race of one must not undo the others, so then each goes on its own. */
  async function commitWorks(works: readonly DeviceWork[]): Promise<DeviceWork[]> {
    const all = await commitWithAudit(
      store,
      works.flatMap((work) => work.statements),
      works.flatMap((work) => work.entries),
    );
    if (all.ok) return [...works];
    const stored: DeviceWork[] = [];
    for (const work of works) {
      if ((await commitWithAudit(store, work.statements, work.entries)).ok) {
        stored.push(work);
        continue;
      }
      const tried = (tries.get(work.device) ?? 0) + 1;
      tries.set(work.device, tried);
      if (tried < TRIES) waiting.add(work.device);
      else log.error({ device: work.device }, 'a decision could not be stored; the clock tries again');
    }
    return stored;
  }

  async function runRound(): Promise<void> {
    const devices = [...waiting].slice(0, ROUND_DEVICES);
    for (const device of devices) waiting.delete(device);
    const facts = await reader.read(devices, writePolicy(policy, director));
    const context = { director, policy, now: now() };
    const works = (await Promise.all(facts.map((f) => prepareWork(f, context)))).filter((work) => work !== undefined);
    if (works.length === 0) return;
    const stored = await commitWorks(works);
    finishWork(stored);
    await finishRollouts(new Set(stored.flatMap((work) => work.rollouts)));
  }

  async function drain(): Promise<void> {
    try {
      while (waiting.size > 0 && !isClosed) await runRound();
    } catch (error) {
      // A full disk or a defect: nothing is lost, for the clock looks at everything again.
      log.error({ err: error }, 'rollout decisions failed');
      waiting.clear();
    }
  }

  function start(): void {
    if (isClosed) return;
    running ??= drain().finally(() => {
      running = undefined;
      if (waiting.size > 0) start();
    });
  }

  async function pokeAll(): Promise<void> {
    const [open, behind, rollouts] = await Promise.all([
      listDevicesWithWork(store),
      listDesiredBehind(store, writePolicy(policy, director)),
      listRolloutsIn(store, 'running'),
    ]);
    for (const device of [...open, ...behind]) waiting.add(device);
    start();
    await finishRollouts(new Set(rollouts.map((rollout) => rollout.id)));
  }

  const guardedPokeAll = (): void =>
    void pokeAll().catch((error: unknown) => log.error({ err: error }, 'rollout decisions failed'));
  const timer = setInterval(guardedPokeAll, TICK_MS);
  guardedPokeAll();

  const settle = async (): Promise<void> => {
    while (running) await running;
  };
  return {
    poke(...devices) {
      for (const device of devices) waiting.add(device);
      if (waiting.size > 0) start();
    },
    pokeAll,
    settle,
    async close() {
      isClosed = true;
      clearInterval(timer);
      await settle();
    },
  };
}
