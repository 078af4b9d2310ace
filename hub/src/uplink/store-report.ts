// Turns hello, state and gone into the statements of a write transaction. Never runs them.
import type { Hello, SlotReport, State } from '@drover/wire/messages';
import { closeSession, type DeviceSlotRow, dropOtherSlots, openSession, storeSlot, storeState } from '../db/devices.ts';
import { storeDeviceClaim } from '../db/rollouts.ts';
import type { Statement } from '../db/store.ts';

function slotRow(device: string, { slot, running, previous, deployment: d }: SlotReport, now: number): DeviceSlotRow {
  return {
    device,
    slot,
    running: running ?? null,
    previous: previous ?? null,
    deploymentId: d?.deploymentId ?? null,
    deploymentManifest: d?.manifest ?? null,
    state: d?.state ?? null,
    revision: d?.revision ?? 0,
    code: d?.code ?? null,
    detail: d?.detail ?? null,
    enteredAt: d?.enteredAt ?? null,
    bytesDone: d?.bytesDone ?? 0,
    bytesTotal: d?.bytesTotal ?? 0,
    updatedAt: now,
    progressAt: now,
  };
}

/** The slots as they are now, and what each says about its deployment. */
export function writeSlots(device: string, slots: readonly SlotReport[], now: number): Statement[] {
  const statements = [
    dropOtherSlots(
      device,
      slots.map((s) => s.slot),
    ),
  ];
  for (const report of slots) {
    statements.push(storeSlot(slotRow(device, report, now)));
    const { deployment: d } = report;
    if (!d) continue;
    statements.push(
      storeDeviceClaim({
        id: d.deploymentId,
        device,
        deviceState: d.state,
        deviceRevision: d.revision,
        deviceCode: d.code ?? null,
        deviceDetail: d.detail ?? null,
      }),
    );
  }
  return statements;
}

/** What the device can, with what its agent can. */
export const writeCapabilities = ({ capabilities, features }: Pick<Hello, 'capabilities' | 'features'>): string =>
  JSON.stringify({ ...capabilities, ...(features && { features }) });

export function writeHello(device: string, hello: Hello, now: number): Statement[] {
  const { sessionId, bootId, outboxId, agentVersion, generation } = hello;
  return [
    openSession({
      id: device,
      sessionId,
      bootId,
      outboxId,
      agentVersion,
      capabilitiesJson: writeCapabilities(hello),
      reportedGeneration: generation,
      lastSeenAt: now,
    }),
    ...writeSlots(device, hello.slots, now),
  ];
}

/** Only for a state that is newer than the one stored: its slots replace what is there. */
export function writeState(device: string, state: State, now: number): Statement[] {
  const { bootId, revision, generation, health, desiredRefusal } = state;
  return [
    storeState({
      id: device,
      bootId,
      stateRevision: revision,
      reportedGeneration: generation,
      healthJson: JSON.stringify(health),
      desiredCode: desiredRefusal?.code ?? null,
      desiredDetail: desiredRefusal?.detail ?? null,
      lastSeenAt: now,
    }),
    ...writeSlots(device, state.slots, now),
  ];
}

export const writeGone = (device: string, sessionId: string, now: number): Statement[] => [
  closeSession(device, sessionId, now),
];
