// Decides which devices of a site fetch at the same time, and when the others ask again: first come, first served. Never
// sends an answer and never reads a clock.

export interface TurnLimits {
  /** Devices of one site that fetch at the same time. */
  readonly perSite: number;
  /** A device that is not heard for so long loses its turn, ms. */
  readonly leaseMs: number;
  /** Who waits asks again after this time, ms; one that does not is forgotten after three times as long. */
  readonly retryMs: number;
}

export const TURN_LIMITS: TurnLimits = { perSite: 4, leaseMs: 15_000, retryMs: 2000 };

interface Site {
  /** device → when it was heard last. */
  readonly holders: Map<string, number>;
  /** In the order in which they came. */
  readonly waiting: Map<string, number>;
}

function dropOld(devices: Map<string, number>, before: number): void {
  for (const [device, heardAt] of devices) if (heardAt <= before) devices.delete(device);
}

export class SiteTurns {
  readonly #limits: TurnLimits;
  readonly #sites = new Map<string, Site>();

  constructor(limits: TurnLimits = TURN_LIMITS) {
    this.#limits = limits;
  }

  /**
   * 0: the device has its turn, until it is released or not heard for a while. Otherwise the ms after which it asks again.
   * @param now ms of any monotonic clock.
   */
  ask(site: string, device: string, now: number): number {
    const { perSite, leaseMs, retryMs } = this.#limits;
    let own = this.#sites.get(site);
    if (!own) {
      own = { holders: new Map(), waiting: new Map() };
      this.#sites.set(site, own);
    }
    const { holders, waiting } = own;
    dropOld(holders, now - leaseMs);
    dropOld(waiting, now - 3 * retryMs);
    const ahead = [...waiting.keys()].indexOf(device);
    const place = ahead < 0 ? waiting.size : ahead;
    if (holders.has(device) || place < perSite - holders.size) {
      holders.set(device, now);
      waiting.delete(device);
      return 0;
    }
    waiting.set(device, now);
    return retryMs;
  }

  /**
   * The device has no turn any more, and waits for none unless it `keepsPlace`.
   * @returns who may ask now, if anyone waits for that.
   */
  release(site: string, device: string, keepsPlace = false): string | undefined {
    const own = this.#sites.get(site);
    if (!own) return undefined;
    own.holders.delete(device);
    if (!keepsPlace) own.waiting.delete(device);
    if (own.holders.size + own.waiting.size === 0) this.#sites.delete(site);
    if (own.holders.size >= this.#limits.perSite) return undefined;
    const [next] = own.waiting.keys();
    return next;
  }

  counts(): { readonly holding: number; readonly waiting: number } {
    let holding = 0;
    let waiting = 0;
    for (const site of this.#sites.values()) {
      holding += site.holders.size;
      waiting += site.waiting.size;
    }
    return { holding, waiting };
  }
}
