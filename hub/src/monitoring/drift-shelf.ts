// Owns what is held in memory of each device: what is told of it, and its state; unpacked of those that were folded last, and in a quarter
// of the room, as bytes, of the others. Reads no database and folds nothing.
import { type DriftDevice, decodeDevice, encodeDevice } from './drift-device.ts';

interface Held<Told> {
  readonly told: readonly Told[];
  /** One of the two. */
  state: DriftDevice | Uint8Array;
}

export interface DriftShelf<Told> {
  /** The state, to be changed and put back. */
  take(id: string): DriftDevice | undefined;
  put(id: string, device: DriftDevice, told: readonly Told[]): void;
  drop(id: string): void;
  /** As it is written down. */
  bytesOf(id: string): Uint8Array | undefined;
  told(): Iterable<readonly Told[]>;
}

/** @param unpacked devices whose state is held ready: the others are packed, which costs each fold 0.05 ms a feature. */
export function openShelf<Told>(unpacked: number): DriftShelf<Told> {
  const held = new Map<string, Held<Told>>();
  /** In the order in which they were put. */
  const ready = new Set<string>();

  function pack(id: string): void {
    const one = held.get(id);
    if (one && !(one.state instanceof Uint8Array)) one.state = encodeDevice(one.state);
    ready.delete(id);
  }

  return {
    take(id) {
      const state = held.get(id)?.state;
      if (!(state instanceof Uint8Array)) return state;
      const device = decodeDevice(state);
      if (!device) throw new Error(`what was packed of the device "${id}" cannot be read`);
      return device;
    },
    put(id, device, told) {
      held.set(id, { told, state: device });
      ready.delete(id);
      ready.add(id);
      const [oldest] = ready;
      if (ready.size > unpacked && oldest !== undefined) pack(oldest);
    },
    drop(id) {
      held.delete(id);
      ready.delete(id);
    },
    bytesOf(id) {
      const state = held.get(id)?.state;
      return state === undefined || state instanceof Uint8Array ? state : encodeDevice(state);
    },
    *told() {
      for (const { told } of held.values()) yield told;
    },
  };
}
