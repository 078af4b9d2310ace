// A device in this process that carries out what the hub wishes, step by step, as an agent reports it; or fails, or stops in a
// step until it is released. Never asserts.
import { type DeviceState, TERMINAL } from '@drover/core/deployment/table';
import type { ReasonCode } from '@drover/core/reasons';
import { parseDesiredDoc } from '@drover/trust/documents';
import type { TestDevice } from './mqtt-bench.ts';

export interface CarryingDevice {
  readonly sessionId: string;
  running(): string | undefined;
  /** The manifest that the newest document names for its slot. */
  wish(): string | undefined;
  /** Stops when it gets there. */
  hold(state: DeviceState): void;
  release(): void;
  /** Further versions fail for this reason; undefined: they do not. */
  failWith(code: ReasonCode | undefined): void;
  end(): Promise<void>;
}

const STEPS: readonly DeviceState[] = [
  'accepted',
  'downloading',
  'verifying',
  'staged',
  'activating',
  'probation',
  'committed',
];
const SLOT = 'default';

export function carryOut(device: TestDevice, runs: string | undefined): CarryingDevice {
  let running = runs;
  let held: DeviceState | undefined;
  let code: ReasonCode | undefined;
  let generation = 0;
  let wished: { deploymentId: string; manifest: string | null } | undefined;
  let work:
    | { deploymentId: string; manifest: string; state: DeviceState; revision: number; code?: ReasonCode }
    | undefined;
  let revision = 0;

  const report = (): void =>
    device.send('state', {
      bootId: device.hello.bootId,
      revision: ++revision,
      generation,
      slots: [
        {
          slot: SLOT,
          ...(running !== undefined && { running }),
          ...(work && { deployment: { ...work, enteredAt: Date.now() } }),
        },
      ],
      health: {
        rssBytes: 1,
        cpuRatio: 0,
        diskFreeBytes: 1,
        uptimeMs: 1,
        outboxEntries: 0,
        outboxBytes: 0,
        outboxDropped: 0,
      },
    });

  /** As far as it gets; each step is told. */
  function go(): void {
    while (work && work.state !== held && !TERMINAL.has(work.state)) {
      const next = STEPS[STEPS.indexOf(work.state) + 1];
      if (next === undefined) throw new Error('a step that is not the last has a next one');
      const isFailing = next === 'committed' && code !== undefined;
      work = {
        ...work,
        state: isFailing ? 'rolled_back' : next,
        revision: work.revision + 1,
        ...(isFailing && code && { code }),
      };
      if (work.state === 'committed') running = work.manifest;
      report();
    }
  }

  function take(): void {
    const desired = device.all('desired').at(-1);
    const parsed = desired && parseDesiredDoc(desired.document.payload);
    if (!parsed?.ok) return;
    ({ generation } = parsed.value);
    wished = parsed.value.slots[SLOT];
    const isSwitching = work !== undefined && ['activating', 'probation'].includes(work.state);
    if (wished && wished.manifest !== null && wished.deploymentId !== work?.deploymentId && !isSwitching) {
      work = { deploymentId: wished.deploymentId, manifest: wished.manifest, state: 'accepted', revision: 1 };
      report();
      go();
    } else report();
  }

  device.client.on('message', (topic) => {
    if (topic.endsWith('/desired')) take();
  });
  take();
  return {
    sessionId: device.hello.sessionId,
    running: () => running,
    wish: () => wished?.manifest ?? undefined,
    hold: (state) => {
      held = state;
    },
    release: () => {
      held = undefined;
      go();
      take();
    },
    failWith: (given) => {
      code = given;
    },
    end: () => device.end(),
  };
}
