// Generates the errors of devices with a version beside devices without it, hour by hour (design: statistics §4): each device
// has its own level, its hours resemble each other, and a day moves them all. Never judges them.
import { openStream, type Random } from '../random.ts';

export interface CanaryFleet {
  /** Devices with the version, and as many without. */
  readonly perArm: number;
  readonly answersPerHour: number;
  /** Share of errors of a device in the middle, and the standard deviation of devices and of hours around it, in log odds. */
  readonly share: number;
  readonly deviceSd: number;
  readonly hourSd: number;
  /** How much of an hour's deviation stays in the next, 0 to 1. */
  readonly carry: number;
  /** Half the height of the daily wave, in log odds. */
  readonly wave: number;
  /** By how much the version multiplies the odds of an error, and how that differs from device to device, in log odds. */
  readonly odds: number;
  readonly oddsSd: number;
}

/** The model of the design's table. */
export const CANARY_FLEET: CanaryFleet = {
  perArm: 10,
  answersPerHour: 100,
  share: 0.02,
  deviceSd: 0.7,
  hourSd: 0.3,
  carry: 0.3,
  wave: 0.3,
  odds: 1,
  oddsSd: 0,
};

/** Errors by hour of one device. */
export type Errors = Uint16Array;

/** A count of `n` tries; exact by sums of geometric waits, which is fast for small shares. */
function drawBinomial(random: Random, n: number, p: number): number {
  if (p <= 0) return 0;
  const log = Math.log1p(-p);
  let count = 0;
  for (
    let at = Math.log(1 - random.uniform()) / log;
    at < n;
    at += 1 + Math.floor(Math.log(1 - random.uniform()) / log)
  ) {
    at = Math.floor(at);
    count++;
  }
  return count;
}

/** Hours before `changeAt` are without the version for both. */
export function drawErrors(
  fleet: CanaryFleet,
  { seed, hours, changeAt }: { readonly seed: number; readonly hours: number; readonly changeAt: number },
): { readonly treated: readonly Errors[]; readonly control: readonly Errors[] } {
  const draw = (label: string, isTreated: boolean): Errors => {
    const random = openStream(seed, label);
    const level = Math.log(fleet.share / (1 - fleet.share)) + fleet.deviceSd * random.normal();
    const effect = isTreated ? Math.log(fleet.odds) + fleet.oddsSd * random.normal() : 0;
    const errors = new Uint16Array(hours);
    const innovation = fleet.hourSd * Math.sqrt(1 - fleet.carry ** 2);
    let hour = fleet.hourSd * random.normal();
    for (let t = 0; t < hours; t++) {
      hour = fleet.carry * hour + innovation * random.normal();
      const x = level + hour + fleet.wave * Math.sin((2 * Math.PI * t) / 24) + (t >= changeAt ? effect : 0);
      errors[t] = drawBinomial(random, fleet.answersPerHour, 1 / (1 + Math.exp(-x)));
    }
    return errors;
  };
  const arm = (name: string, isTreated: boolean) =>
    Array.from({ length: fleet.perArm }, (_, i) => draw(`${name} ${i}`, isTreated));
  return { treated: arm('treated', true), control: arm('control', false) };
}
