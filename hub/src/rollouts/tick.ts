// Runs the rollout decisions: on change for the devices and rollouts concerned, and by the clock for all, one round at a
// time. Never decides: core/rollout does.
import type { Plan } from '@drover/core/rollout/plan';
import type { Signer } from '@drover/trust/dsse';
import type { Logger } from 'pino';
import { commitWithAudit } from '../db/audit.ts';
import { listDesiredBehind } from '../db/desired.ts';
import { listDevicesWithWork, listLiveRollouts, listStaleShadows, type RolloutRow } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import type { MeasureArms } from '../monitoring/measure-arms.ts';
import { type DeviceWork, prepareWork } from './apply.ts';
import { type DesiredPolicy, writePolicy } from './desired-document.ts';
import { dropLeavers, lookAtRollout, takeLateJoiners } from './look.ts';
import { type DeviceFacts, makeSnapshotReader } from './snapshots.ts';
import { type RolloutTarget, readFleet } from './targets.ts';

export interface ReconcilerDeps {
  readonly store: Store;
  /** Its key may become another one: then every document is issued anew. */
  readonly director: Signer;
  readonly policy: DesiredPolicy;
  readonly now: () => number;
  readonly log: Logger;
  readonly measureArms: MeasureArms;
  /** The desired document of the device changed: it should be sent. */
  readonly onDesired: (device: string) => void;
}

export interface Reconciler {
  /** Something about these devices changed. Returns at once. */
  poke(...devices: readonly string[]): void;
  /** Something about this rollout changed: resolves when it has decided what follows. */
  lookAt(rollout: string): Promise<void>;
  /** Looks at every device and rollout that has something open, as the clock does. */
  pokeAll(): Promise<void>;
  /** Resolves when nothing is left to decide. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Devices whose steps are decided from one set of queries and written in one commit. */
const ROUND_DEVICES = 250;
const TICK_MS = 10_000;
/** Rollouts that ended longer ago were looked at when the hub started. */
const RECENT_MS = 3_600_000;
/** A lost race is decided again from a new snapshot; more in a row is a defect. */
const TRIES = 20;
/**
 * A look is followed by a pause of so many times its own length: a large rollout is not read for each of its devices. It is
 * shorter where no device waits, and never none: the same thread carries the broker.
 */
const PAUSE = { idle: 3, busy: 9 } as const;

export function startReconciler(deps: ReconcilerDeps): Reconciler {
  const { store, director, policy, now, log, measureArms, onDesired } = deps;
  const reader = makeSnapshotReader(store);
  const looking = { store, now, log, measureArms, probationMs: policy.probationMs };
  const waiting = new Set<string>();
  const due = new Set<string>();
  const alarms = new Map<string, NodeJS.Timeout>();
  const tries = new Map<string, number>();
  /** The first time all of them: this process may be there because the one before was killed. */
  let staleSince = 0;
  let looked = { endedAt: 0, ms: 0 };
  /** Ends a pause between two looks. */
  let wake: () => void = () => undefined;
  let running: Promise<void> | undefined;
  let isClosed = false;

  function setAlarm(rollout: string, at: number | undefined): void {
    clearTimeout(alarms.get(rollout));
    alarms.delete(rollout);
    // What is further away the clock finds by itself.
    if (at === undefined || at > now() + TICK_MS || isClosed) return;
    alarms.set(rollout, setTimeout(() => {
      alarms.delete(rollout);
      due.add(rollout);
      start();
    }, Math.max(0, at - now()))); // biome-ignore format: short
  }

  async function lookAt(rollout: string): Promise<void> {
    const { devices, nextAt } = await lookAtRollout(looking, rollout);
    setAlarm(rollout, nextAt);
    for (const device of devices) waiting.add(device);
    start();
  }

  async function lookAtDue(): Promise<void> {
    const began = performance.now();
    const rollouts = [...due];
    due.clear();
    for (const rollout of rollouts) await lookAt(rollout);
    const endedAt = performance.now();
    looked = { endedAt, ms: endedAt - began };
  }

  function finishWork(works: readonly DeviceWork[]): void {
    for (const { device, isIssued, rollouts } of works) {
      tries.delete(device);
      // Level-triggered: the device is looked at again until nothing is left to do.
      waiting.add(device);
      for (const rollout of rollouts) due.add(rollout);
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

  /** A device that was away may be what its rollout waits for. */
  function noteWaiting(facts: readonly DeviceFacts[]): void {
    for (const { deployments } of facts)
      for (const { state, admittedAt, rollout } of deployments.values())
        if (state === 'queued' && admittedAt === null) due.add(rollout);
  }

  async function runRound(): Promise<void> {
    const devices = [...waiting].slice(0, ROUND_DEVICES);
    for (const device of devices) waiting.delete(device);
    const facts = await reader.read(devices, writePolicy(policy, director));
    noteWaiting(facts);
    const context = { director, policy, now: now() };
    const works = (await Promise.all(facts.map((f) => prepareWork(f, context)))).filter((work) => work !== undefined);
    if (works.length > 0) finishWork(await commitWorks(works));
  }

  /** Until it is time to look at rollouts again, or a device reports. */
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function drain(): Promise<void> {
    try {
      while ((waiting.size > 0 || due.size > 0) && !isClosed) {
        if (waiting.size > 0) await runRound();
        if (due.size === 0) continue;
        const isIdle = waiting.size === 0;
        const pauseMs = looked.endedAt + looked.ms * (isIdle ? PAUSE.idle : PAUSE.busy) - performance.now();
        if (pauseMs <= 0) await lookAtDue();
        else if (isIdle) await pause(pauseMs);
      }
    } catch (error) {
      // A full disk or a defect: nothing is lost, for the clock looks at everything again.
      log.error({ err: error }, 'rollout decisions failed');
      waiting.clear();
      due.clear();
    }
  }

  function start(): void {
    if (isClosed) return;
    running ??= drain().finally(() => {
      running = undefined;
      if (waiting.size > 0 || due.size > 0) start();
    });
  }

  async function followTargets(): Promise<void> {
    const live = await listLiveRollouts(store);
    for (const { id } of live) due.add(id);
    const joins = ({ planJson }: RolloutRow) => (JSON.parse(planJson) as Plan).lateJoiners;
    // An empty query takes everyone: nobody leaves it, and named devices stay named.
    const leaves = ({ targetJson }: RolloutRow) => Boolean((JSON.parse(targetJson) as RolloutTarget).query);
    if (!live.some((rollout) => joins(rollout) || leaves(rollout))) return;
    const fleet = await readFleet(store);
    for (const rollout of live) {
      const left = leaves(rollout) ? await dropLeavers(looking, rollout, fleet) : [];
      const joined = joins(rollout) ? await takeLateJoiners(looking, rollout, fleet) : [];
      for (const device of [...left, ...joined]) waiting.add(device);
    }
  }

  async function pokeAll(): Promise<void> {
    const [open, behind, stale] = await Promise.all([
      listDevicesWithWork(store),
      listDesiredBehind(store, writePolicy(policy, director)),
      listStaleShadows(store, staleSince),
    ]);
    staleSince = now() - RECENT_MS;
    for (const device of [...open, ...behind, ...stale]) waiting.add(device);
    await followTargets();
    start();
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
      wake();
      if (waiting.size > 0) start();
    },
    lookAt,
    pokeAll,
    settle,
    async close() {
      isClosed = true;
      clearInterval(timer);
      wake();
      for (const alarm of alarms.values()) clearTimeout(alarm);
      await settle();
    },
  };
}
