// Decides the weather of a site and the drift planned for it. Never knows a machine.
import { openStream } from './random.ts';

/** The sites of the simulated company; devices are dealt to them in turn. */
export const SITES = ['north', 'south', 'coast', 'inland'] as const;
export type SiteName = (typeof SITES)[number];

interface Climate {
  /** Mean air temperature in the hall, °C. */
  readonly meanC: number;
  /** Half of the difference between afternoon and early morning, °C. */
  readonly dailyC: number;
  /** Mains voltage against nominal: a weak grid makes motors draw more current. */
  readonly voltage: number;
}

const CLIMATES: Readonly<Record<SiteName, Climate>> = {
  north: { meanC: 14, dailyC: 2.5, voltage: 1.01 },
  south: { meanC: 27, dailyC: 5, voltage: 0.97 },
  coast: { meanC: 20, dailyC: 2, voltage: 1 },
  inland: { meanC: 22, dailyC: 6.5, voltage: 0.99 },
};

/** A lasting change at one site, from `fromRow` on, reached linearly within `rampRows` rows (0 = at once). */
export interface Drift {
  readonly site: SiteName;
  readonly fromRow: number;
  readonly rampRows?: number;
  /** Added to the air temperature, °C. Covariates move and the cooling fault becomes more dangerous. */
  readonly ambientC?: number;
  /** Added to the load that jobs ask for, as a share of rated load. Covariates move. */
  readonly loadShift?: number;
  /** Multiplies how easily a worn or faulty machine breaks, 0 to 10: what a reading means changes, the readings hardly do. */
  readonly fragility?: number;
}

/** What a machine feels from its site in one row. */
export interface Surroundings {
  readonly ambientC: number;
  readonly voltage: number;
  readonly loadShift: number;
  readonly fragility: number;
}

const DAY_MS = 86_400_000;

/**
 * The surroundings of every row of one site, row 0 first. `startAt` is the time of row 0 (ms since epoch, UTC is taken
 * for local time). Weather is an AR(1) process around the daily sine, shared by all machines of the site.
 */
export function planSurroundings(
  site: SiteName,
  plan: {
    readonly seed: number;
    readonly startAt: number;
    readonly intervalMs: number;
    readonly rows: number;
    /** Rows before row 0 of the fleet, in which machines settle; drift counts from row 0. */
    readonly settleRows: number;
    readonly drift: readonly Drift[];
  },
): Surroundings[] {
  const random = openStream(plan.seed, `weather/${site}`);
  const climate = CLIMATES[site];
  const memory = Math.exp(-plan.intervalMs / (DAY_MS / 2));
  const push = 2.2 * Math.sqrt(1 - memory * memory);
  const drifts = plan.drift.filter((drift) => drift.site === site);
  let weather = 2.2 * random.normal();
  const result: Surroundings[] = [];
  for (let row = -plan.settleRows; row < plan.rows; row++) {
    weather = memory * weather + push * random.normal();
    const phase = ((plan.startAt + row * plan.intervalMs) % DAY_MS) / DAY_MS;
    // Coldest at 03:00, warmest at 15:00.
    let ambientC = climate.meanC + weather - climate.dailyC * Math.cos(2 * Math.PI * (phase - 0.125));
    let loadShift = 0;
    let fragility = 1;
    for (const drift of drifts) {
      const share = rampShare(row, drift);
      ambientC += share * (drift.ambientC ?? 0);
      loadShift += share * (drift.loadShift ?? 0);
      fragility *= 1 + share * ((drift.fragility ?? 1) - 1);
    }
    result.push({ ambientC, voltage: climate.voltage, loadShift, fragility });
  }
  return result;
}

/** How much of a drift is present in a row: 0 before it, 1 after its ramp. */
function rampShare(row: number, drift: Drift): number {
  if (row < drift.fromRow) return 0;
  const ramp = drift.rampRows ?? 0;
  return ramp <= 0 ? 1 : Math.min(1, (row - drift.fromRow + 1) / ramp);
}
