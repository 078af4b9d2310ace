import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEVICE_STATES, type DeploymentState, HUB_STATES, TERMINAL } from '../deployment/table.ts';
import { slotBeside } from '../shadow.ts';
import { checkCompat } from './compat.ts';
import { type DeploymentSnapshot, type DeviceSnapshot, type DeviceStep, reconcileDevice } from './reconcile.ts';

const limits = { maxIr: 13, maxOpset: 26, maxMlOpset: 5, features: ['shadow/1'] };
const needs = { irVersion: 10, opset: 21, mlOpset: 3 };
const base: DeviceSnapshot = {
  limits, reportedGeneration: 0, isConflicting: false, running: {}, deployments: [], lastGood: {}, policy: 'p', maxSlots: 16,
  manifestBytes: {}, maxManifestBytes: 1000,
}; // biome-ignore format: one row
const deployment = (id: string, over: Partial<DeploymentSnapshot> = {}): DeploymentSnapshot => ({
  id, slot: 'default', manifest: `m-${id}`, state: 'queued', isAdmitted: true, isRevert: false, isOver: false, windows: [], needs, ...over,
}); // biome-ignore format: one row
const desired = (generation: number, slots: Record<string, { deploymentId: string; manifest: string | null }>) => ({
  generation, slots, policy: 'p', issuedAt: 0, expiresAt: 1000,
}); // biome-ignore format: one row
const wish = (id: string) => ({ deploymentId: id, manifest: `m-${id}` });

/** What the executor does, on the snapshot. */
function apply(snapshot: DeviceSnapshot, steps: readonly DeviceStep[], now: number): DeviceSnapshot {
  let next = snapshot;
  for (const step of steps) {
    if (step.kind === 'issue') {
      const generation = Math.max(next.desired?.generation ?? 0, next.reportedGeneration) + 1;
      next = {
        ...next,
        desired: { generation, slots: step.slots, policy: next.policy, issuedAt: now, expiresAt: now + 1000 },
      };
    } else if (step.kind === 'note') {
      const { code, detail } = step;
      const say = (d: DeploymentSnapshot): DeploymentSnapshot => {
        const { code: _, detail: __, ...rest } = d;
        return { ...rest, ...(code !== undefined && { code }), ...(detail !== undefined && { detail }) };
      };
      next = { ...next, deployments: next.deployments.map((d) => (d.id === step.deployment ? say(d) : d)) };
    } else {
      next = {
        ...next,
        deployments: next.deployments.map((d) => (d.id === step.deployment ? { ...d, state: step.to } : d)),
      };
    }
  }
  return next;
}

describe('one device', () => {
  it('is offered what is queued, in a new document that keeps its other slots', () => {
    const snapshot = { ...base, desired: desired(4, { other: wish('x') }), deployments: [deployment('a')] };
    expect(reconcileDevice(snapshot, 0)).toEqual([
      { kind: 'move', deployment: 'a', to: 'offered' },
      { kind: 'issue', slots: { other: wish('x'), default: wish('a') } },
    ]);
  });

  it('waits for its first hello before it is offered anything', () => {
    const { limits: _, ...unheard } = base;
    expect(reconcileDevice({ ...unheard, deployments: [deployment('a')] }, 0)).toEqual([]);
  });

  it('is not offered what its runtime cannot load', () => {
    const d = deployment('a', { needs: { ...needs, opset: 27 } });
    expect(reconcileDevice({ ...base, deployments: [d] }, 0)).toMatchObject([
      { to: 'incompatible', code: 'opset_too_new' },
    ]);
  });

  it('goes on with what it has when the newer one cannot run there', () => {
    const newer = deployment('b', { needs: { ...needs, opset: 27 } });
    const snapshot = {
      ...base,
      desired: desired(1, { default: wish('a') }),
      deployments: [deployment('a', { state: 'staged' }), newer],
    };
    expect(reconcileDevice(snapshot, 0)).toMatchObject([{ deployment: 'b', to: 'incompatible' }]);
  });

  it('that runs the version already is told nothing, and it is not counted as work', () => {
    const snapshot = { ...base, running: { default: 'm-a' }, deployments: [deployment('a')] };
    expect(reconcileDevice(snapshot, 0)).toEqual([{ kind: 'move', deployment: 'a', to: 'already_installed' }]);
  });

  it('that runs the version but was told to leave it is told to stay', () => {
    const snapshot = {
      ...base,
      running: { default: 'm-b' },
      desired: desired(1, { default: wish('a') }),
      deployments: [deployment('b')],
    };
    expect(reconcileDevice(snapshot, 0)).toContainEqual({ kind: 'issue', slots: { default: wish('b') } });
  });

  it('that claims success is believed only when the wanted model answers', () => {
    const d = deployment('a', { state: 'probation', claim: { state: 'committed' } });
    const at = { ...base, desired: desired(1, { default: wish('a') }), deployments: [d] };
    expect(reconcileDevice(at, 0)).toEqual([]);
    expect(reconcileDevice({ ...at, running: { default: 'm-other' } }, 0)).toEqual([]);
    expect(reconcileDevice({ ...at, running: { default: 'm-a' } }, 0)).toEqual([
      { kind: 'move', deployment: 'a', to: 'committed' },
    ]);
    // From earlier states the claim leads to probation and not further.
    const early = { ...at, deployments: [{ ...d, state: 'offered' as const }] };
    expect(reconcileDevice(early, 0)).toEqual([{ kind: 'move', deployment: 'a', to: 'probation' }]);
  });

  it('that stays where it is may say why, once', () => {
    const d = deployment('a', {
      state: 'downloading',
      claim: { state: 'downloading', code: 'disk_full', detail: 'No room.' },
    });
    const at = { ...base, desired: desired(1, { default: wish('a') }), deployments: [d] };
    const steps = reconcileDevice(at, 0);
    expect(steps).toEqual([{ kind: 'note', deployment: 'a', code: 'disk_full', detail: 'No room.' }]);
    expect(reconcileDevice(apply(at, steps, 0), 0)).toEqual([]);
  });

  it('cannot claim states that only the hub gives', () => {
    for (const state of HUB_STATES) {
      const d = deployment('a', { state: 'offered', claim: { state } });
      expect(reconcileDevice({ ...base, desired: desired(1, { default: wish('a') }), deployments: [d] }, 0)).toEqual(
        [],
      );
    }
  });

  it('takes the newest of several; what has not reached the swap is superseded, what has is let finish', () => {
    const started = deployment('a', { state: 'probation', claim: { state: 'probation' } });
    const snapshot = {
      ...base,
      desired: desired(1, { default: wish('a') }),
      deployments: [started, deployment('b'), deployment('c')],
    };
    expect(reconcileDevice(snapshot, 0)).toEqual([
      { kind: 'move', deployment: 'b', to: 'superseded', detail: 'By deployment c.' },
      { kind: 'move', deployment: 'c', to: 'offered' },
      { kind: 'issue', slots: { default: wish('c') } },
    ]);
    const later = {
      ...snapshot,
      deployments: [started, deployment('c', { state: 'offered', claim: { state: 'accepted' } })],
    };
    expect(reconcileDevice(later, 0)).toContainEqual({
      kind: 'move',
      deployment: 'a',
      to: 'superseded',
      detail: 'By deployment c.',
    });
  });

  it('that goes back keeps what waits for later, and what waits twice is meant once', () => {
    const wait = { isAdmitted: false };
    const snapshot = {
      ...base,
      desired: desired(1, { default: wish('a') }),
      deployments: [deployment('b', wait), deployment('c', wait), deployment('d', { isRevert: true })],
    };
    const steps = reconcileDevice(snapshot, 0);
    expect(steps).toEqual([
      { kind: 'move', deployment: 'b', to: 'superseded', detail: 'By deployment c.' },
      { kind: 'move', deployment: 'd', to: 'offered' },
      { kind: 'issue', slots: { default: wish('d') } },
    ]);
  });

  it('goes back to what was good after a cancel, and keeps what it has when it is past the swap', () => {
    const cancelled = deployment('b', { state: 'cancelled' });
    const at = { ...base, desired: desired(2, { default: wish('b') }), deployments: [cancelled] };
    expect(reconcileDevice({ ...at, lastGood: { default: wish('a') } }, 0)).toEqual([
      { kind: 'issue', slots: { default: wish('a') } },
    ]);
    expect(reconcileDevice(at, 0)).toEqual([{ kind: 'issue', slots: {} }]);
    const past = { ...at, deployments: [{ ...cancelled, claim: { state: 'activating' as const } }] };
    expect(reconcileDevice(past, 0)).toEqual([]);
  });

  it.each([
    ['holds a later generation than a restored hub', { reportedGeneration: 9 }],
    ['holds the same generation with other content', { reportedGeneration: 3, isConflicting: true }],
    ['was told another policy', { policy: 'q' }],
  ])('that %s gets a new document once', (_, over) => {
    const snapshot: DeviceSnapshot = { ...base, desired: desired(3, { default: wish('a') }), ...over };
    const steps = reconcileDevice(snapshot, 0);
    expect(steps).toEqual([{ kind: 'issue', slots: { default: wish('a') } }]);
    const next = apply(snapshot, steps, 0);
    expect(next.desired?.generation).toBeGreaterThan(Math.max(3, snapshot.reportedGeneration));
    expect(reconcileDevice(next, 0)).toEqual([]);
  });

  it('gets a fresh document before the old one expires, while it still has to install something', () => {
    const d = deployment('a', { state: 'downloading', claim: { state: 'downloading' } });
    const snapshot = { ...base, desired: desired(1, { default: wish('a') }), deployments: [d] };
    expect(reconcileDevice(snapshot, 499)).toEqual([]);
    expect(reconcileDevice(snapshot, 501)).toEqual([{ kind: 'issue', slots: { default: wish('a') } }]);
    expect(reconcileDevice({ ...snapshot, deployments: [{ ...d, state: 'committed' }] }, 900)).toEqual([]);
  });

  it('with all its slots in use is offered no further one', () => {
    const full = { ...base, maxSlots: 1, desired: desired(1, { other: wish('x') }), deployments: [deployment('a')] };
    expect(reconcileDevice(full, 0)).toMatchObject([{ to: 'incompatible', code: 'slot_not_allowed' }]);
  });

  it('is not offered what its document has no room for, and keeps what it was offered before', () => {
    const snapshot = {
      ...base,
      desired: desired(1, { other: wish('x'), twin: wish('x'), default: wish('a') }),
      deployments: [deployment('a', { state: 'offered' }), deployment('b')],
      manifestBytes: { 'm-x': 600, 'm-a': 300, 'm-b': 401 },
    };
    const steps = reconcileDevice(snapshot, 0);
    expect(steps).toMatchObject([{ deployment: 'b', to: 'incompatible', code: 'wire_too_large' }]);
    expect(reconcileDevice(apply(snapshot, steps, 0), 0)).toEqual([]);
    const fits = { ...snapshot, manifestBytes: { 'm-x': 600, 'm-a': 300, 'm-b': 400 } };
    expect(reconcileDevice(fits, 0)).toContainEqual({ kind: 'move', deployment: 'b', to: 'offered' });
  });
});

describe('a shadow', () => {
  const slot = 'default.shadow';
  const shadow = (over: Partial<DeploymentSnapshot> = {}) => deployment('s', { slot, state: 'committed', ...over });
  const held = { ...base, desired: desired(1, { [slot]: wish('s'), default: wish('a') }) };

  it('is wished for as long as its rollout goes on, and what answers is not touched', () => {
    expect(reconcileDevice({ ...held, deployments: [shadow()] }, 0)).toEqual([]);
    const gone = [{ kind: 'issue', slots: { default: wish('a') } }];
    expect(reconcileDevice({ ...held, deployments: [shadow({ isOver: true })] }, 0)).toEqual(gone);
    expect(reconcileDevice({ ...held, deployments: [shadow({ state: 'cancelled' })] }, 0)).toEqual(gone);
    expect(reconcileDevice(held, 0)).toEqual(gone);
  });

  it('is not given to an agent that would let it answer, nor to a device whose model it is', () => {
    const waiting = { ...base, deployments: [deployment('s', { slot })] };
    expect(reconcileDevice(waiting, 0)[0]).toMatchObject({ to: 'offered' });
    expect(reconcileDevice({ ...waiting, limits: { ...limits, features: [] } }, 0)).toMatchObject([
      { to: 'incompatible', code: 'feature_missing' },
    ]);
    expect(reconcileDevice({ ...waiting, running: { default: 'm-s' } }, 0)).toMatchObject([
      { to: 'already_installed' },
    ]);
    // The shadow of a rollout that is over may still be there, and goes.
    expect(reconcileDevice({ ...waiting, running: { [slot]: 'm-s' } }, 0)[0]).toMatchObject({ to: 'offered' });
  });
});

describe('whatever is recorded', () => {
  const state = fc.constantFrom<DeploymentState>(...DEVICE_STATES, ...HUB_STATES);
  const claim = fc.option(
    fc.record({ state, code: fc.constantFrom('disk_full', 'artifact_timeout') }, { requiredKeys: ['state'] }),
    { nil: undefined },
  );
  const slot = fc.constantFrom('default', 'other', 'default.shadow');
  const manifest = fc.constantFrom('m1', 'm2', 'm3');
  const one = fc.record({
    slot,
    manifest,
    state,
    claim,
    isAdmitted: fc.boolean(),
    isOver: fc.boolean(),
    opset: fc.constantFrom(21, 27),
  });
  const snapshots: fc.Arbitrary<DeviceSnapshot> = fc
    .record({
      isHeard: fc.boolean(),
      reportedGeneration: fc.nat(5),
      isConflicting: fc.boolean(),
      running: fc.dictionary(slot, manifest),
      generation: fc.option(fc.nat(5), { nil: undefined }),
      named: fc.array(fc.nat(5), { maxLength: 2 }),
      all: fc.array(one, { maxLength: 6 }),
      maxSlots: fc.constantFrom(1, 16),
      maxManifestBytes: fc.constantFrom(1, 2, 3),
      policy: fc.constantFrom('p', 'q'),
      hasGood: fc.boolean(),
      features: fc.constantFrom([], ['shadow/1']),
    })
    .map(
      ({
        isHeard,
        generation,
        named,
        all,
        hasGood,
        features,
        reportedGeneration,
        isConflicting,
        running,
        maxSlots,
        maxManifestBytes,
        policy,
      }) => {
        const deployments = all.map(({ claim: c, opset, ...rest }, i) => ({
          id: `${i}`,
          ...rest,
          isRevert: false,
          windows: [],
          needs: { ...needs, opset },
          ...(c && { claim: c }),
        }));
        const slots = Object.fromEntries(
          named.flatMap((i) =>
            deployments[i] ? [[deployments[i].slot, { deploymentId: `${i}`, manifest: deployments[i].manifest }]] : [],
          ),
        );
        return {
        ...(isHeard && { limits: { ...limits, features } }),
        reportedGeneration, isConflicting, running, maxSlots, policy, deployments,
        manifestBytes: { m1: 1, m2: 1, m3: 1 }, maxManifestBytes,
        ...(generation !== undefined && { desired: desired(generation, slots) }),
        lastGood: hasGood ? { default: { deploymentId: 'good', manifest: 'm1' } } : {},
      }; // biome-ignore format: one row
      },
    );

  it('no terminal state is left, nothing incompatible is offered, success is proven, and no model is taken away', () => {
    fc.assert(
      fc.property(snapshots, fc.nat(2000), (snapshot, now) => {
        for (const step of reconcileDevice(snapshot, now)) {
          if (step.kind === 'issue') {
            for (const w of Object.values(step.slots)) expect(w.manifest).not.toBeNull();
            for (const [name, w] of Object.entries(step.slots)) {
              const d = snapshot.deployments.find((other) => other.id === w.deploymentId);
              if (d) expect(d.slot).toBe(name);
            }
            continue;
          }
          const d = snapshot.deployments.find((other) => other.id === step.deployment);
          if (step.kind === 'note') continue;
          if (!d) throw new Error('a step moves a deployment that does not exist');
          expect(TERMINAL.has(d.state)).toBe(false);
          if (step.to === 'offered') expect(d.isAdmitted || d.claim !== undefined).toBe(true);
          if (step.to === 'offered')
            expect(snapshot.limits && checkCompat(d.needs, snapshot.limits, d.slot).ok).toBe(true);
          if (step.to === 'committed' || step.to === 'already_installed')
            expect([snapshot.running[d.slot], snapshot.running[slotBeside(d.slot)]]).toContain(d.manifest);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('comes to rest: after a few rounds there is nothing left to do, at most one open offer a slot is named', () => {
    fc.assert(
      fc.property(snapshots, fc.nat(2000), (start, now) => {
        let snapshot = start;
        let rounds = 0;
        for (let steps = reconcileDevice(snapshot, now); steps.length > 0; steps = reconcileDevice(snapshot, now)) {
          snapshot = apply(snapshot, steps, now);
          expect(++rounds).toBeLessThan(5);
        }
        for (const name of ['default', 'other']) {
          const waiting = snapshot.deployments.filter(
            (d) => d.slot === name && ['queued', 'offered'].includes(d.state) && !d.claim && d.isAdmitted,
          );
          expect(waiting.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
