// Owns how one simulated device takes a version: it comes and goes, downloads, switches, proves itself, fails or hangs, and
// reports only while it is connected. Never decides for the hub.
import { type DeploymentState, TERMINAL } from '@drover/core/deployment/table';
import { REPLACEABLE } from '@drover/core/rollout/reconcile';
import type { Random } from '../random.ts';

export interface DeviceBehaviour {
  /** Share of the time that it is not connected, 0 to 1, and how long it then is away in the mean, ms. */
  readonly offlineShare: number;
  readonly offlineMeanMs: number;
  /** Mean time of each step, ms; downloading goes on only while it is connected. */
  readonly downloadMs: number;
  readonly activateMs: number;
  readonly probationMs: number;
  /** Chance that one try fails and that another may help. */
  readonly transientFailure: number;
  /** Chance that a device is one on which the version always fails. */
  readonly harm: number;
  /** Chance that one try hangs for ever in some step. */
  readonly silence: number;
}

interface Work {
  readonly deployment: string;
  readonly manifest: string;
  readonly isRevert: boolean;
  state: DeploymentState;
  /** When the step ends, ms; never for one that hangs. */
  endsAt: number;
  /** Its end, once it is past switching. */
  readonly outcome: 'committed' | 'failed' | 'rolled_back';
  readonly code: string | undefined;
  readonly hangsIn: DeploymentState | undefined;
}

/** What the device says of its newest attempt. */
export interface DeviceReport {
  readonly deployment: string;
  readonly state: DeploymentState;
  readonly code: string | undefined;
}

const exponential = (random: Random, mean: number): number => -Math.log(1 - random.uniform()) * mean;

const NEXT: Readonly<Partial<Record<DeploymentState, DeploymentState>>> = {
  accepted: 'downloading',
  downloading: 'activating',
  activating: 'probation',
};

export class VirtualDevice {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  isOnline: boolean;
  running: string | null;
  /** The version always fails here. */
  readonly isHarmed: boolean;
  readonly #random: Random;
  readonly #behaviour: DeviceBehaviour;
  #toggleAt: number;
  #work: Work | undefined;
  #isTold = false;

  constructor(
    facts: { readonly id: string; readonly labels: Readonly<Record<string, string>>; readonly running: string | null },
    behaviour: DeviceBehaviour,
    random: Random,
    now: number,
  ) {
    this.id = facts.id;
    this.labels = facts.labels;
    this.running = facts.running;
    this.#random = random;
    this.#behaviour = behaviour;
    this.isHarmed = random.chance(behaviour.harm);
    this.isOnline = !random.chance(behaviour.offlineShare);
    this.#toggleAt = now + this.#drawStay();
  }

  #drawStay(): number {
    const { offlineShare, offlineMeanMs } = this.#behaviour;
    if (offlineShare <= 0 || offlineShare >= 1) return Number.POSITIVE_INFINITY;
    return exponential(
      this.#random,
      this.isOnline ? (offlineMeanMs * (1 - offlineShare)) / offlineShare : offlineMeanMs,
    );
  }

  /** What the hub wishes; a device that is away learns of it when it returns. The same attempt again changes nothing. */
  tell(deployment: string, manifest: string, isRevert: boolean, now: number): void {
    if (!this.isOnline || this.#work?.deployment === deployment) return;
    // Past the switch it ends what it began before it takes something else.
    if (this.#work && !REPLACEABLE.has(this.#work.state) && !TERMINAL.has(this.#work.state)) return;
    const random = this.#random;
    const { transientFailure, silence } = this.#behaviour;
    const hangs = random.chance(isRevert ? 0 : silence);
    const isBad = !isRevert && (this.isHarmed || random.chance(transientFailure));
    const isLate = random.chance(0.5);
    this.#work = {
      deployment,
      manifest,
      isRevert,
      state: 'accepted',
      endsAt: now + 1000,
      outcome: isBad ? (isLate ? 'rolled_back' : 'failed') : 'committed',
      code: isBad ? (this.isHarmed ? 'self_test_failed' : 'artifact_timeout') : undefined,
      hangsIn: hangs ? (isLate ? 'downloading' : 'probation') : undefined,
    };
    this.#isTold = true;
  }

  /** The hub wishes what was good before: what can still be dropped is, and what it has switched to meanwhile it leaves again. */
  wishBack(manifest: string, now: number): void {
    const isOnItsWay = this.#work?.isRevert === true && !TERMINAL.has(this.#work.state);
    if (!this.isOnline || isOnItsWay) return;
    if (this.#work && REPLACEABLE.has(this.#work.state)) this.#work = undefined;
    const isFree = this.#work === undefined || TERMINAL.has(this.#work.state);
    if (isFree && this.running !== manifest) this.tell(`back at ${now}`, manifest, true, now);
  }

  #enter(work: Work, now: number): void {
    const next = NEXT[work.state] ?? work.outcome;
    const isFailing = work.outcome === 'failed' && work.state === 'downloading';
    work.state = isFailing ? 'failed' : next;
    if (work.state === 'committed') this.running = work.manifest;
    const { downloadMs, activateMs, probationMs } = this.#behaviour;
    // What it goes back to is on its disk.
    const mean = { downloading: work.isRevert ? 1000 : downloadMs, activating: activateMs, probation: probationMs }[
      work.state as 'downloading' | 'activating' | 'probation'
    ];
    const isOver = mean === undefined || work.hangsIn === work.state;
    work.endsAt = isOver ? Number.POSITIVE_INFINITY : now + mean * this.#random.between(0.5, 1.5);
  }

  /** Lives until `now`; answers what it says if it is connected and has something new. */
  advance(now: number): DeviceReport | undefined {
    let isNews = this.#isTold;
    if (now >= this.#toggleAt) {
      this.isOnline = !this.isOnline;
      this.#toggleAt = now + this.#drawStay();
      isNews = true;
    }
    const work = this.#work;
    if (!work) return undefined;
    while (now >= work.endsAt && (this.isOnline || work.state !== 'downloading')) {
      this.#enter(work, now);
      isNews = true;
    }
    if (!this.isOnline || !isNews) return undefined;
    this.#isTold = false;
    return { deployment: work.deployment, state: work.state, code: TERMINAL.has(work.state) ? work.code : undefined };
  }

  /** When something happens next by itself, ms. */
  get nextAt(): number {
    const work = this.#work;
    const waits = work?.state === 'downloading' && !this.isOnline;
    return Math.min(this.#toggleAt, work && !waits ? work.endsAt : Number.POSITIVE_INFINITY);
  }
}
