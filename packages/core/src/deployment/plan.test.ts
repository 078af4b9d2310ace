import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentSnapshot, type AgentStep, type DesiredDocument, planAgent, type SlotSnapshot } from './plan.ts';
import {
  applyEvent,
  DEVICE_STATES,
  DEVICE_TRANSITIONS,
  type DeploymentEvent,
  type DeploymentRecord,
  TERMINAL,
} from './table.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const CODE = { code: 'self_test_failed' as const, detail: 'row 3' };

/** A device in memory: applies steps as the executors would, with the outcome of each one chosen by the test. */
class Device {
  slot: { active?: string; previous?: string; serving?: string; deployment?: DeploymentRecord; loadFailed?: string } =
    {};
  desired: DesiredDocument | undefined;
  readonly complete = new Set<string>();
  readonly served: string[] = [];
  connected = true;
  isHeld = false;

  snapshot(): AgentSnapshot {
    const slots: SlotSnapshot[] = [{ slot: 'default', ...this.slot }];
    const limits = { probationMs: 1000, maxTries: 3, maxCrashes: 3 };
    return {
      ...(this.desired && { desired: this.desired }),
      slots,
      complete: this.complete,
      connected: this.connected,
      isHeld: this.isHeld,
      ...limits,
    };
  }

  #event(event: DeploymentEvent, now: number): void {
    if (!this.slot.deployment) throw new Error('no deployment');
    const next = applyEvent(this.slot.deployment, event, now);
    if (!next) throw new Error(`${this.slot.deployment.state} does not take ${event.kind}`);
    this.slot.deployment = next;
  }

  run(step: AgentStep, isGood: boolean, now: number): void {
    const slot = this.slot;
    switch (step.kind) {
      case 'load':
        if (isGood) slot.serving = step.manifest;
        else slot.loadFailed = step.manifest;
        break;
      case 'accept': {
        const { deploymentId, manifest, generation } = step;
        slot.deployment = {
          deploymentId,
          manifest,
          generation,
          slot: 'default',
          state: 'accepted',
          tries: 0,
          crashes: 0,
          enteredAt: now,
          revision: 1,
        };
        break;
      }
      case 'download':
        if (step.deployment.state === 'accepted') this.#event({ kind: 'download' }, now);
        if (isGood) {
          this.complete.add(step.deployment.manifest);
          this.#event({ kind: 'downloaded' }, now);
        } else if (step.deployment.tries >= 2) this.#event({ kind: 'fail', ...CODE }, now);
        else this.#event({ kind: 'retryLater', ...CODE, nextTryAt: now + 50 }, now);
        break;
      case 'verify':
        this.#event(isGood ? { kind: 'verified' } : { kind: 'fail', ...CODE }, now);
        break;
      case 'giveUp':
        this.#event({ kind: 'fail', ...CODE }, now);
        break;
      case 'defer':
        this.#event({ kind: 'defer', code: 'activation_held', detail: '' }, now);
        break;
      case 'resume':
        this.#event({ kind: 'resume' }, now);
        break;
      case 'activate':
        this.#event({ kind: 'activate' }, now);
        break;
      case 'swap':
        if (!isGood) {
          this.#event({ kind: 'fail', ...CODE }, now);
          break;
        }
        if (slot.active !== step.deployment.manifest) {
          if (slot.active !== undefined) slot.previous = slot.active;
          slot.active = step.deployment.manifest;
        }
        slot.serving = step.deployment.manifest;
        this.#event({ kind: 'activated' }, now);
        break;
      case 'commit':
        this.#event({ kind: 'commit' }, now);
        break;
      case 'startRollBack':
        this.#event({ kind: 'rollBack', ...CODE }, now);
        break;
      case 'rollBack':
        if (slot.previous === undefined) {
          this.#event({ kind: 'rollBackFailed', code: 'previous_missing', detail: '' }, now);
          break;
        }
        slot.active = slot.previous;
        slot.serving = slot.previous;
        delete slot.previous;
        this.#event({ kind: 'rolledBack' }, now);
        break;
      case 'empty':
      case 'dropShadow':
        this.slot = {};
        break;
      default:
        step satisfies never;
    }
    if (this.slot.serving) this.served.push(this.slot.serving);
  }

  /** kill -9 and a new process: memory is gone, the journal and the pointer stay, a half-done swap counts as a crash. */
  restart(): void {
    delete this.slot.serving;
    delete this.slot.loadFailed;
    const d = this.slot.deployment;
    if (d?.state === 'verifying' || d?.state === 'activating' || d?.state === 'probation')
      this.slot.deployment = { ...d, crashes: d.crashes + 1 };
  }
}

const wish = (
  generation: number,
  manifest: string | null,
  id = String(generation).padStart(32, '0'),
): DesiredDocument => ({
  generation,
  expiresAt: 10_000_000,
  slots: { default: { deploymentId: id, manifest } },
});

/** Plans and runs until nothing is left to do; the clock follows wake-ups. */
function settle(device: Device, from: number, isGood: () => boolean = () => true): number {
  let now = from;
  for (let i = 0; i < 200; i++) {
    const plan = planAgent(device.snapshot(), now);
    const step = plan.steps[0];
    if (step) device.run(step, isGood(), now);
    else if (plan.wakeAt !== undefined) now = Math.max(now, plan.wakeAt);
    else return now;
  }
  throw new Error('the plan does not settle');
}

describe('planAgent', () => {
  it('brings a first model to committed', () => {
    const device = new Device();
    device.desired = wish(1, A);
    settle(device, 0);
    expect(device.slot).toMatchObject({ active: A, serving: A, deployment: { state: 'committed' } });
    expect(planAgent(device.snapshot(), 99_999).steps).toEqual([]);
  });

  it('brings the bytes at once and switches in the maintenance window', () => {
    const device = new Device();
    const windows = [{ days: [], startMinute: 60, minutes: 30, timeZone: 'UTC' }];
    device.desired = { ...wish(1, A), slots: { default: { deploymentId: '0'.repeat(32), manifest: A, windows } } };
    let now = 0;
    for (let step = planAgent(device.snapshot(), now).steps[0]; step; step = planAgent(device.snapshot(), now).steps[0])
      device.run(step, true, now);
    expect(device.slot.deployment?.state).toBe('staged');
    expect(planAgent(device.snapshot(), now)).toEqual({ steps: [], wakeAt: 3_600_000 });
    now = settle(device, now);
    expect(now).toBe(3_601_000);
    expect(device.slot).toMatchObject({ active: A, deployment: { state: 'committed' } });
  });

  it('does not switch while somebody holds it, and goes on when nobody does', () => {
    const device = new Device();
    device.desired = wish(1, A);
    device.isHeld = true;
    let now = 0;
    for (let step = planAgent(device.snapshot(), now).steps[0]; step; step = planAgent(device.snapshot(), now).steps[0])
      device.run(step, true, now);
    expect(device.slot.deployment).toMatchObject({ state: 'deferred', code: 'activation_held' });
    expect(planAgent(device.snapshot(), now)).toEqual({ steps: [], wakeAt: 5000 });
    // A newer wish replaces it all the same.
    device.desired = wish(2, B);
    expect(planAgent(device.snapshot(), now).steps[0]).toMatchObject({ kind: 'accept', manifest: B });
    device.desired = wish(1, A);
    device.isHeld = false;
    now = settle(device, 5000);
    expect(device.slot).toMatchObject({ active: A, deployment: { state: 'committed' } });
  });

  it('jumps from v1 to the newest, whatever was wished between', () => {
    const device = new Device();
    device.desired = wish(1, A);
    settle(device, 0);
    device.desired = wish(5, B);
    settle(device, 5000);
    expect(device.slot).toMatchObject({
      active: B,
      previous: A,
      serving: B,
      deployment: { state: 'committed', generation: 5 },
    });
  });

  it('keeps what runs when no document is there, when it is silent about the slot, and when it expired', () => {
    for (const desired of [
      undefined,
      { generation: 9, expiresAt: 1e12, slots: {} },
      { ...wish(9, B), expiresAt: 10 },
    ]) {
      const device = new Device();
      device.slot = { active: A };
      device.desired = desired;
      settle(device, 1000);
      expect(device.slot).toEqual({ active: A, serving: A });
    }
  });

  it('empties a slot only on an explicit wish', () => {
    const device = new Device();
    device.slot = { active: A, serving: A };
    device.desired = wish(2, null);
    expect(planAgent(device.snapshot(), 0).steps).toMatchObject([{ kind: 'empty', slot: 'default' }]);
  });

  it('takes a shadow away that nobody wishes, and only with a document that says so', () => {
    const slots = [{ slot: 'default.shadow', active: 'm1', serving: 'm1' }];
    const snapshot = { ...new Device().snapshot(), slots };
    expect(planAgent(snapshot, 0).steps).toEqual([]);
    const silent = { generation: 1, expiresAt: 10, slots: {} };
    const dropped = [{ kind: 'dropShadow', slot: 'default.shadow' }];
    expect(planAgent({ ...snapshot, desired: silent }, 0).steps).toEqual(dropped);
    // Also of a document that is too old to install anything.
    expect(planAgent({ ...snapshot, desired: silent }, 20).steps).toEqual(dropped);
    const kept = { ...silent, slots: { 'default.shadow': { deploymentId: 'd', manifest: 'm1' } } };
    expect(planAgent({ ...snapshot, desired: kept }, 0).steps).not.toContainEqual(dropped[0]);
  });

  it('drops a download for a newer wish but finishes a swap first', () => {
    const device = new Device();
    device.desired = wish(1, A);
    device.run(planAgent(device.snapshot(), 0).steps[0] as AgentStep, true, 0);
    device.desired = wish(2, B);
    expect(planAgent(device.snapshot(), 0).steps).toMatchObject([{ kind: 'accept', manifest: B }]);
    const swapping = new Device();
    swapping.desired = wish(2, B);
    swapping.slot.deployment = {
      deploymentId: 'x',
      slot: 'default',
      manifest: A,
      generation: 1,
      state: 'activating',
      tries: 0,
      crashes: 0,
      enteredAt: 0,
      revision: 4,
    };
    expect(planAgent(swapping.snapshot(), 0).steps).toMatchObject([{ kind: 'swap', deployment: { manifest: A } }]);
  });

  it('rolls back by itself after three crashes and serves the previous model', () => {
    const device = new Device();
    device.slot = { active: A };
    device.desired = wish(1, B);
    let now = 0;
    for (let boot = 0; boot < 3; boot++) {
      for (let i = 0; i < 20 && device.slot.deployment?.state !== 'probation'; i++) {
        const step = planAgent(device.snapshot(), now).steps[0];
        if (step) device.run(step, true, now);
        now += 1;
      }
      device.restart();
    }
    settle(device, now);
    expect(device.slot).toMatchObject({ active: A, serving: A, deployment: { state: 'rolled_back' } });
  });

  it('gives up a model whose reading ends the process again and again, and serves the one before', () => {
    const device = new Device();
    device.slot = { active: A };
    device.desired = wish(1, B);
    let now = 0;
    for (let boot = 0; boot < 3; boot++) {
      for (let i = 0; i < 20 && device.slot.deployment?.state !== 'verifying'; i++) {
        const step = planAgent(device.snapshot(), now).steps[0];
        if (step) device.run(step, true, now);
        now += 1;
      }
      device.restart();
    }
    settle(device, now);
    expect(device.slot).toMatchObject({ active: A, serving: A, deployment: { state: 'failed' } });
  });

  it('does not wait for ever in probation after the clock jumped back', () => {
    const device = new Device();
    device.slot = { active: B, previous: A, serving: B };
    device.slot.deployment = {
      deploymentId: 'x',
      slot: 'default',
      manifest: B,
      generation: 1,
      state: 'probation',
      tries: 0,
      crashes: 0,
      enteredAt: 1e12,
      revision: 6,
    };
    expect(planAgent(device.snapshot(), 0).steps).toMatchObject([{ kind: 'commit' }]);
  });

  const action = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('step' as const), isGood: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wish' as const), manifest: fc.constantFrom(A, B) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), up: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('clock' as const), by: fc.integer({ min: -5000, max: 5000 }) }),
    },
  );

  it('never leaves a device without the model it had, never runs an illegal step, and settles once the world is calm', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const device = new Device();
        device.slot = { active: A };
        let now = 1_000_000;
        let generation = 0;
        for (const a of actions) {
          if (a.kind === 'wish') device.desired = wish(++generation, a.manifest);
          else if (a.kind === 'restart') device.restart();
          else if (a.kind === 'link') device.connected = a.up;
          else if (a.kind === 'clock') now = Math.max(0, now + a.by);
          else {
            const plan = planAgent(device.snapshot(), now);
            expect(plan.steps.length).toBeLessThanOrEqual(1);
            const step = plan.steps[0];
            // A model that was serving can be loaded again: loading is not a chance event.
            if (step) device.run(step, step.kind === 'load' || step.kind === 'rollBack' || a.isGood, now);
            now += 10;
          }
          expect(device.slot.active).toBeDefined();
          if (device.slot.active === B) expect(device.complete.has(B)).toBe(true);
        }
        device.connected = true;
        settle(device, now);
        expect(device.slot.serving).toBe(device.slot.active);
        if (device.slot.deployment) expect(TERMINAL.has(device.slot.deployment.state as never)).toBe(true);
        if (device.slot.deployment?.state === 'committed')
          expect(device.slot.active).toBe(device.slot.deployment.manifest);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the table', () => {
  it('has a way out of every state that is not terminal, and none out of one that is', () => {
    for (const state of DEVICE_STATES) {
      const exits = Object.keys(DEVICE_TRANSITIONS[state] ?? {});
      if (state === 'deferred') continue;
      expect([state, exits.length > 0]).toEqual([state, !TERMINAL.has(state)]);
    }
  });
});
