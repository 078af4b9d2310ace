// Issues the desired document of a device anew, with the same content, so that it is good for longer: it is carried by hand.
// Never decides what is in it.

import { accept, type Result, refuse } from '@drover/core/reasons';
import type { SlotWish } from '@drover/core/rollout/reconcile';
import type { Signer } from '@drover/trust/dsse';
import { type DesiredRow, readDesired, storeDesired } from '../db/desired.ts';
import { readDevice } from '../db/devices.ts';
import type { Store } from '../db/store.ts';
import { type DesiredPolicy, signDesired } from './desired-document.ts';

export interface ExtendDeps {
  readonly store: Store;
  readonly director: Signer;
  readonly policy: DesiredPolicy;
  readonly now: () => number;
  /** The desired document of the device changed: it should be sent. */
  readonly onDesired: (device: string) => void;
}

/** A lost race is tried again from what won; more in a row is a defect. */
const TRIES = 20;

/** The document of `device` as it stands when it is good for `validMs` from now. */
export async function extendDesired(deps: ExtendDeps, device: string, validMs: number): Promise<Result<DesiredRow>> {
  const { store, director, policy, now } = deps;
  for (let tries = 0; tries < TRIES; tries++) {
    const [held, row] = await Promise.all([readDesired(store, device), readDevice(store, device)]);
    if (!row) return refuse('device_unknown', `"${device}".`);
    if (!held) return refuse('export_nothing', `"${device}" has no desired document.`);
    const at = now();
    if (held.expiresAt >= at + validMs) return accept(held);
    const slots = JSON.parse(held.slotsJson) as Record<string, SlotWish>;
    const order = {
      device,
      ownGeneration: held.generation,
      reportedGeneration: row.reportedGeneration,
      slots,
      policy,
      now: at,
      validMs,
    };
    const next = await signDesired(order, director);
    if (!(await store.commit([storeDesired(next, held.generation)])).ok) continue;
    deps.onDesired(device);
    return accept(next);
  }
  return refuse('write_conflict', `The desired document of "${device}" changes again and again.`);
}
