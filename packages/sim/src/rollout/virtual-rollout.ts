// Runs a rollout over a simulated fleet on virtual time: the hub's own decisions, carried out on rows in memory. The same
// seed gives the same run. Never decides what a rollout does; core/rollout does.
import { type DeploymentState, isHubMoveLegal, TERMINAL } from '@drover/core/deployment/table';
import {
  armsOf,
  decideRollout,
  findNextLook,
  type RolloutSnapshot,
  type RolloutStep,
} from '@drover/core/rollout/decide';
import { findDueLook, judgeLook, type LookResult, MOST_ARM } from '@drover/core/rollout/live';
import { isWaiting, type Member } from '@drover/core/rollout/members';
import type { Plan } from '@drover/core/rollout/plan';
import { CALLED_BACK } from '@drover/core/rollout/reconcile';
import { assignStages } from '@drover/core/rollout/stages';
import { isRolloutEnded, type PauseReason, type RolloutState, type StagePhase } from '@drover/core/rollout/states';
import { openStream } from '../random.ts';
import { type AnswerBehaviour, drawTotals } from './virtual-answers.ts';
import { type DeviceBehaviour, VirtualDevice } from './virtual-device.ts';

export interface VirtualFleet {
  readonly devices: number;
  /** Machines of one line share the label `line`. */
  readonly perLine: number;
  readonly behaviour: DeviceBehaviour;
  readonly answers: AnswerBehaviour;
}

type Row = { -readonly [K in keyof Member]: Member[K] } & { virtual: VirtualDevice };

export interface RolloutMark {
  readonly at: number;
  readonly state: RolloutState;
  readonly stage: number;
  readonly phase: StagePhase;
  readonly because: string;
}

export interface VirtualOptions {
  readonly plan: Plan;
  readonly fleet: VirtualFleet;
  readonly seed: number;
  /** Sees every decision before it is carried out. */
  readonly onDecision?: (snapshot: RolloutSnapshot, steps: readonly RolloutStep[], now: number) => void;
}

export const NEW_VERSION = 'v2';
export const OLD_VERSION = 'v1';
/** Deadlines are looked for by the clock alone. */
const LOOK_MS = 600_000;
const ROLLOUT = '0123456789abcdef0123456789abcdef';

export class VirtualRollout {
  now = 0;
  state: RolloutState = 'running';
  stage = 0;
  phase: StagePhase = 'admitting';
  phaseSince = 0;
  countedFrom = 0;
  reason: PauseReason | undefined;
  readonly devices: readonly VirtualDevice[];
  readonly members: readonly Member[];
  readonly heldOut: readonly string[];
  readonly marks: RolloutMark[] = [];
  readonly #rows: readonly Row[];
  readonly #plan: Plan;
  readonly #options: VirtualOptions;
  #lookAt = 0;
  #lookedAt = 0;
  #next = 0;
  #looks: LookResult[] = [];

  constructor(options: VirtualOptions) {
    const { plan, fleet, seed } = options;
    this.#plan = plan;
    this.#options = options;
    this.devices = Array.from({ length: fleet.devices }, (_, i) => {
      const line = `l${Math.floor(i / fleet.perLine)}`;
      const facts = { id: `d${i}`, labels: { line, canary: String(i % 10 === 0) }, running: OLD_VERSION };
      return new VirtualDevice(facts, fleet.behaviour, openStream(seed, `device ${i}`), 0);
    });
    const byId = new Map(this.devices.map((device) => [device.id, device]));
    const targets = this.devices.map(({ id, labels }) => ({ device: id, labels }));
    const rollout = ROLLOUT.slice(0, 24) + (seed >>> 0).toString(16).padStart(8, '0');
    const assigned = assignStages(rollout, plan, targets);
    this.heldOut = assigned.heldOut;
    this.#rows = assigned.members.map(({ device, stage }): Row => {
      const virtual = byId.get(device);
      if (!virtual) throw new Error('a stage holds devices of the fleet');
      return {
        device,
        deployment: this.#newId(),
        stage,
        attempt: 1,
        purpose: 'install',
        state: 'queued',
        createdAt: 0,
        admittedAt: null,
        progressAt: 0,
        claim: null,
        isOnline: virtual.isOnline,
        running: virtual.running,
        before: null,
        isCurrent: true,
        isGoingBack: false,
        places: plan.disruption.map(({ by }) => virtual.labels[by] ?? null),
        predictions: 0,
        errors: 0,
        virtual,
      };
    });
    this.members = this.#rows;
  }

  #newId(): string {
    return String(this.#next++).padStart(12, '0');
  }

  #readUnavailable(): Map<string, number>[] {
    return this.#plan.disruption.map(({ by }) => {
      const away = new Map<string, number>();
      for (const { isOnline, labels } of this.devices) {
        const place = labels[by];
        if (!isOnline && place !== undefined) away.set(place, (away.get(place) ?? 0) + 1);
      }
      return away;
    });
  }

  snapshot(): RolloutSnapshot {
    const { state, stage, phase, phaseSince, countedFrom } = this;
    return {
      plan: this.#plan, stage, members: this.#rows, unavailable: this.#readUnavailable(), manifest: NEW_VERSION, state, phase,
      phaseSince, startedAt: 0, countedFrom, freeze: null, looks: this.#looks, beside: null, probationMs: 0,
    }; // biome-ignore format: one row
  }

  #move(row: Row, to: DeploymentState, code?: string): void {
    if (!isHubMoveLegal(row.state, to)) return;
    row.state = to;
    row.progressAt = this.now;
    if (code !== undefined) row.code = code;
  }

  #again(row: Row, purpose: Row['purpose']): void {
    const { now } = this;
    delete row.code;
    Object.assign(row, {
      deployment: this.#newId(), attempt: row.attempt + 1, purpose, state: 'queued', createdAt: now, progressAt: now, claim: null,
      admittedAt: purpose === 'revert' ? now : null,
    }); // biome-ignore format: one row
  }

  #carryOut(step: RolloutStep, rows: ReadonlyMap<string, Row>): void {
    const rowOf = (id: string): Row => {
      const row = rows.get(id);
      if (!row) throw new Error('a step names a deployment that is not there');
      return row;
    };
    switch (step.kind) {
      case 'admit':
        for (const row of step.deployments.map(rowOf)) {
          row.admittedAt = this.now;
          if (row.attempt === 1) row.before = row.running;
        }
        return;
      case 'withdraw':
        for (const row of step.deployments.map(rowOf)) {
          row.state = 'queued';
          row.admittedAt = null;
        }
        return;
      case 'end':
        this.#move(rowOf(step.deployment), step.to, step.code);
        return;
      case 'retry':
        this.#again(rowOf(step.deployment), 'install');
        return;
      case 'revert':
        this.#again(rowOf(step.deployment), 'revert');
        return;
      case 'enter':
        this.stage = step.stage;
        this.phase = step.phase;
        // It is watched until it passes: being judged is no new beginning.
        if (step.phase !== 'evaluating') {
          this.phaseSince = this.now;
          this.#looks = [];
        }
        this.#mark(step.because);
        return;
      case 'become':
        this.state = step.state;
        this.reason = step.reason;
        this.#mark(step.because);
        return;
      default:
        step satisfies never;
    }
  }

  #mark(because: string): void {
    const { now: at, state, stage, phase } = this;
    this.marks.push({ at, state, stage, phase, because });
  }

  /** What a person does; the next look decides what follows. */
  control(state: RolloutState): void {
    this.state = state;
    this.#lookAt = this.now;
    if (state === 'running') {
      this.countedFrom = this.now;
      this.phaseSince = this.now;
    }
    this.#mark('A person did it.');
  }

  /** Whether something came of it that the hub would look at. */
  #liveDevices(): boolean {
    let isNews = false;
    for (const row of this.#rows) {
      const { virtual } = row;
      const wasOnline = virtual.isOnline;
      if (!TERMINAL.has(row.state) && !isWaiting(row))
        virtual.tell(
          row.deployment,
          row.purpose === 'revert' ? (row.before ?? '') : NEW_VERSION,
          row.purpose === 'revert',
          this.now,
        );
      else if (isWaiting(row) || CALLED_BACK.has(row.state)) virtual.wishBack(OLD_VERSION, this.now);
      const report = virtual.advance(this.now);
      row.isOnline = virtual.isOnline;
      if (wasOnline !== virtual.isOnline && row.stage <= this.stage && !TERMINAL.has(row.state)) isNews = true;
      if (virtual.isOnline) row.running = virtual.running;
      if (!report || report.deployment !== row.deployment) continue;
      isNews = true;
      row.claim = report.state;
      this.#move(row, report.state, report.code);
    }
    return isNews;
  }

  /** What the hub does when a look at the answers is due. */
  #takeLook(): void {
    const { live } = this.#plan;
    if (!live || this.state !== 'running' || this.phase === 'admitting') return;
    const look = findDueLook(live, this.phaseSince, this.now);
    if (look <= Math.max(0, ...this.#looks.map((one) => one.look))) return;
    const { treated, waiting } = armsOf(this.snapshot());
    const { fleet, seed } = this.#options;
    const spans = {
      beforeMs: live.baselineMs,
      sinceMs: look * live.everyMs,
      look: `stage ${this.stage} since ${this.phaseSince}`,
    };
    const totals = (devices: readonly string[], hasIt: boolean) =>
      devices.slice(0, MOST_ARM).map((device) => drawTotals(fleet.answers, seed, device, { ...spans, hasIt }));
    const arms = { treated: totals(treated, true), control: totals([...this.heldOut, ...waiting], false) };
    this.#looks = [...this.#looks, ...judgeLook(live, arms, look)];
  }

  /** Decides and carries out until nothing is left to do at this time. */
  look(): void {
    this.#lookedAt = this.now;
    for (let turn = 0; ; turn++) {
      if (turn > 50) throw new Error('a decision does not come to rest');
      this.#takeLook();
      const snapshot = this.snapshot();
      const steps = decideRollout(snapshot, this.now);
      this.#options.onDecision?.(snapshot, steps, this.now);
      if (steps.length === 0) {
        // Who was let in is told in the next tick.
        this.#lookAt = turn > 0 ? this.now : (findNextLook(snapshot, this.now) ?? Number.POSITIVE_INFINITY);
        return;
      }
      const rows = new Map(this.#rows.map((row) => [row.deployment, row]));
      for (const step of steps) this.#carryOut(step, rows);
    }
  }

  /** One tick of the hub's clock, or further to when something happens; ms. */
  advance(tickMs: number): void {
    let next = this.#lookAt;
    for (const { nextAt } of this.devices) next = Math.min(next, nextAt);
    this.now = Math.max(this.now + tickMs, Math.min(next, this.now + Math.max(LOOK_MS, 10 * tickMs)));
    const isNews = this.#liveDevices();
    if (isNews || this.now >= this.#lookAt || this.now >= this.#lookedAt + LOOK_MS) this.look();
  }

  /** Runs until it ends, needs a person, or `untilMs` is over. */
  run({ untilMs, tickMs = 10_000 }: { readonly untilMs: number; readonly tickMs?: number }): RolloutState {
    this.look();
    while (this.now < untilMs && !isRolloutEnded(this.state) && this.state !== 'paused') this.advance(tickMs);
    return this.state;
  }
}
