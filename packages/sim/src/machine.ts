// Decides how one machine of the simulated fleet behaves from row to row: jobs, heat, wear, faults, breakdowns, repairs.
// Knows the truth inside the machine; never what a sensor makes of it (sensors.ts).
import { openStream, type Random } from './random.ts';
import type { Surroundings } from './site.ts';

/*
 * Physics, per row of `minutes` length; ratios are against the rated value of the machine's kind.
 *   load     first-order lag towards the load of the current job; jobs last 4 to 24 rows
 *   speed    job speed less 3 % slip at full load
 *   torque   load · (1 + 0.18·wear + 0.05·bearing)                         a blunt tool and a dry bearing resist
 *   current  (0.22 + 0.78·torque) / voltage · (1 + 0.08·imbalance)         magnetising part + working part
 *   heat     current² + 0.25·speed·(1 + 1.2·bearing)                       copper loss + friction
 *   T        dT/dt = (ambient + rise·heat/cooling − T) · cooling/τ         τ = 35 min, solved exactly for one row
 *   cooling  device · (1 − 0.65·overheating)                               a clogged fan
 *   vibration base·(0.55 + 0.45·speed²)·(1 + 0.25·load + 0.35·wear) + 3.2·bearing^1.5·(0.5 + 0.5·speed) + 4.5·imbalance·speed²
 *   sound    62 + 10·log10(0.1 + load·speed) + 8·bearing + 3·wear (dB)
 * Faults have a hidden severity in [0, 1.4]: bearings age with load, fans clog, dirt collects on the rotor, tools blunt.
 * Breakdown: bearing beyond its own limit; temperature trip; tool wear × torque; imbalance × speed². See docs/generator.md.
 */

export const MACHINE_KINDS = ['lathe', 'mill', 'press'] as const;
export type MachineKind = (typeof MACHINE_KINDS)[number];

export const FAULT_KINDS = ['bearing', 'overheating', 'tool', 'imbalance'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

interface Rating {
  readonly torqueNm: number;
  readonly speedRpm: number;
  readonly currentA: number;
  /** Temperature rise over ambient at heat 1 and intact cooling, °C. */
  readonly riseC: number;
  /** Winding temperature at which the protection trips every second row, °C. */
  readonly tripC: number;
  readonly vibrationMmS: number;
  /** Cutting minutes after which a tool is planned to be changed. */
  readonly toolLifeMin: number;
}

const RATINGS: Readonly<Record<MachineKind, Rating>> = {
  lathe: { torqueNm: 42, speedRpm: 1550, currentA: 12, riseC: 34, tripC: 96, vibrationMmS: 1.4, toolLifeMin: 900 },
  mill: { torqueNm: 28, speedRpm: 2900, currentA: 15, riseC: 38, tripC: 104, vibrationMmS: 1.9, toolLifeMin: 700 },
  press: { torqueNm: 95, speedRpm: 780, currentA: 21, riseC: 30, tripC: 88, vibrationMmS: 2.3, toolLifeMin: 1300 },
};

/** What is physically true of a machine in one row, in the units of its name. */
export interface MachineTruth {
  readonly ambientC: number;
  readonly load: number;
  readonly speedRpm: number;
  readonly torqueNm: number;
  readonly currentA: number;
  readonly temperatureC: number;
  readonly vibrationMmS: number;
  readonly acousticDb: number;
  readonly toolWearMin: number;
  readonly hoursSinceService: number;
  /** The fault that breaks the machine at the end of this row; it is repaired before the next one. */
  readonly breakdown: FaultKind | undefined;
}

export interface Machine {
  readonly kind: MachineKind;
  /** Advances the machine by one row of `minutes` and tells what happened in it. */
  step(surroundings: Surroundings, minutes: number): MachineTruth;
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
/** A factor of about `spread` around 1 that can never turn negative. */
const around1 = (random: Random, spread: number): number => Math.exp(spread * random.normal());

/**
 * The machine number `index` of the simulation `seed`; its own tolerances are drawn once.
 *
 * @param faultScale multiplies how often faults begin; 1 gives about 5 % of rows within a failure's horizon
 */
export function buildMachine(seed: number, index: number, faultScale: number): Machine {
  const random = openStream(seed, `machine/${index}`);
  const kind = MACHINE_KINDS[Math.floor(random.uniform() * MACHINE_KINDS.length)] ?? 'lathe';
  const rating = RATINGS[kind];
  const friction = around1(random, 0.05);
  const coolingOfDevice = around1(random, 0.07);
  const vibrationOfDevice = around1(random, 0.08);

  /** Most tools are changed in good time; some are forgotten and run on until they may break. */
  const planToolLife = (): number =>
    rating.toolLifeMin * (random.chance(0.2 * faultScale) ? random.between(1.3, 1.7) : random.between(0.7, 1.05));

  let job = { load: random.between(0.3, 0.95), speed: random.between(0.75, 1.05), rowsLeft: 5 };
  let load = job.load;
  let temperatureC = 45;
  let toolMinutes = random.between(0, rating.toolLifeMin * 0.8);
  let toolLife = planToolLife();
  let serviceHours = random.between(0, 200);
  let nextService = random.between(220, 320);
  let bearing = 0;
  let bearingGrowth = 0;
  let bearingLimit = 1;
  let overheating = 0;
  let overheatingGrowth = 0;
  let imbalance = 0;
  let imbalanceGrowth = 0;

  const repair = (fault: FaultKind): void => {
    if (fault === 'bearing') bearing = bearingGrowth = 0;
    else if (fault === 'overheating') overheating = overheatingGrowth = 0;
    else if (fault === 'imbalance') imbalance = imbalanceGrowth = 0;
    else {
      toolMinutes = 0;
      toolLife = planToolLife();
    }
  };

  const beginFaults = (share: number): void => {
    const stress = share * faultScale * (0.5 + 0.8 * load);
    if (bearingGrowth === 0 && random.chance(0.0017 * stress * (0.7 + serviceHours / 400))) {
      bearingGrowth = 1 / random.between(25, 75);
      bearingLimit = 1 + 0.1 * random.normal();
    }
    if (overheatingGrowth === 0 && random.chance(0.0022 * stress)) overheatingGrowth = 1 / random.between(20, 60);
    if (imbalanceGrowth === 0 && random.chance(0.0018 * stress)) imbalanceGrowth = 1 / random.between(20, 60);
  };

  const growFaults = (share: number): void => {
    bearing = Math.min(1.4, bearing + share * bearingGrowth * (0.45 + 0.9 * load) * around1(random, 0.3));
    overheating = Math.min(1, overheating + share * overheatingGrowth * around1(random, 0.3));
    imbalance = Math.min(1.4, imbalance + share * imbalanceGrowth * around1(random, 0.4));
  };

  /** Someone notices noise, heat or shaking in time now and then, and mends it without a failure. */
  const maintain = (share: number): void => {
    if (bearing > 0.5 && random.chance(0.012 * share)) repair('bearing');
    if (overheating > 0.5 && random.chance(0.02 * share)) repair('overheating');
    if (imbalance > 0.4 && random.chance(0.02 * share)) repair('imbalance');
    if (toolMinutes > toolLife) repair('tool');
    if (serviceHours > nextService) {
      serviceHours = 0;
      nextService = random.between(220, 320);
      for (const fault of ['bearing', 'overheating', 'imbalance'] as const) repair(fault);
    }
  };

  return {
    kind,
    step(surroundings, minutes) {
      // Rates were set for rows of ten minutes.
      const share = minutes / 10;
      maintain(share);
      beginFaults(share);
      growFaults(share);

      if (job.rowsLeft-- <= 0) {
        job = {
          load: random.between(0.3, 0.98),
          speed: random.between(0.75, 1.05),
          rowsLeft: Math.floor(random.between(4, 25)),
        };
      }
      const wanted = job.load + surroundings.loadShift;
      load = clamp(load + (1 - Math.exp(-0.7 * share)) * (wanted - load) + 0.03 * random.normal(), 0.05, 1.2);
      const speed = clamp(job.speed * (1 - 0.03 * load) + 0.005 * random.normal(), 0.3, 1.2);
      toolMinutes += minutes * load * speed;
      serviceHours += minutes / 60;

      const wear = toolMinutes / rating.toolLifeMin;
      const torque = load * (1 + 0.18 * wear + 0.05 * bearing) * friction;
      const current = ((0.22 + 0.78 * torque) / surroundings.voltage) * (1 + 0.08 * imbalance);
      const heat = current * current + 0.25 * speed * (1 + 1.2 * bearing);
      const cooling = coolingOfDevice * (1 - 0.65 * overheating);
      const settledC = surroundings.ambientC + (rating.riseC * heat) / cooling;
      temperatureC += (settledC - temperatureC) * (1 - Math.exp((-minutes * cooling) / 35));
      const spin = imbalance * speed * speed;
      const vibration =
        rating.vibrationMmS *
          vibrationOfDevice *
          (0.55 + 0.45 * speed * speed) *
          (1 + 0.25 * load + 0.35 * wear) *
          around1(random, 0.05) +
        3.2 * bearing ** 1.5 * (0.5 + 0.5 * speed) +
        4.5 * spin;

      // Sound machines break too, but rarely; a fleet without faults (scale 0) must not.
      const fragile = surroundings.fragility * share * Math.min(1, 5 * faultScale);
      let breakdown: FaultKind | undefined;
      const odds: Readonly<Record<FaultKind, number>> = {
        bearing: bearing >= bearingLimit / surroundings.fragility ? 1 : 0,
        overheating: (0.6 * fragile) / (1 + Math.exp((rating.tripC - temperatureC) / 1.5)),
        tool: Math.min(0.3, 0.03 * Math.exp(14 * (wear * (0.75 + 0.35 * torque) - 1.25))) * fragile,
        imbalance: 0.7 * Math.max(0, spin - 0.55) * fragile,
      };
      for (const fault of FAULT_KINDS) if (random.chance(odds[fault])) breakdown ??= fault;

      const truth: MachineTruth = {
        ambientC: surroundings.ambientC,
        load,
        speedRpm: speed * rating.speedRpm,
        torqueNm: torque * rating.torqueNm,
        currentA: current * rating.currentA,
        temperatureC,
        vibrationMmS: vibration,
        acousticDb: 62 + 10 * Math.log10(0.1 + load * speed) + 8 * bearing + 3 * wear,
        toolWearMin: toolMinutes,
        hoursSinceService: serviceHours,
        breakdown,
      };
      if (breakdown) repair(breakdown);
      return truth;
    },
  };
}
