// Decides whether shadows agree with the models that answer as far as a plan asks. The device is the unit: more rows of the same
// devices are not more devices. One look, when the stage was watched. Never reads a window.
import type { Agreement } from '../shadow.ts';
import { studentLimit } from './compare.ts';
import type { Verdict } from './states.ts';

export interface AgreementGate {
  /** Share of the rows on which both have to agree, above 0 to below 1. */
  readonly min: number;
  /** Chance that a shadow passes which agrees less, and as much that one is stopped which agrees more. */
  readonly alpha: number;
  /** Devices that have to have been compared. */
  readonly minDevices: number;
  /** Rows that a device must have compared, to count. */
  readonly minCompared: number;
}

/** What one device saw, over all windows that count. */
export interface DeviceAgreement extends Agreement {
  readonly device: string;
}

export interface AgreementResult {
  readonly verdict: Verdict;
  readonly because: string;
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;

/** The mean share over devices with its one-sided t limits; no less uncertain than its counts alone. */
export function judgeAgreement(gate: AgreementGate, devices: readonly DeviceAgreement[]): AgreementResult {
  const told = devices.filter(({ compared }) => compared >= gate.minCompared);
  const n = told.length;
  if (n < Math.max(2, gate.minDevices)) {
    const because = `${n} shadows were compared on ${gate.minCompared} rows or more; ${Math.max(2, gate.minDevices)} are needed.`;
    return { verdict: 'not_enough_evidence', because };
  }
  const shares = told.map(({ agreed, compared }) => agreed / compared);
  const mean = shares.reduce((sum, x) => sum + x, 0) / n;
  const between = shares.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const within =
    told.reduce((sum, { agreed, compared }) => {
      const near = (agreed + 0.5) / (compared + 1);
      return sum + (near * (1 - near)) / compared;
    }, 0) / n;
  const half = studentLimit(gate.alpha, n - 1) * Math.sqrt(Math.max(between, within) / n);
  const [low, high] = [Math.max(0, mean - half), Math.min(1, mean + half)];
  const because = `${n} shadows agree on ${percent(mean)} of the rows (${percent(low)} to ${percent(high)}); ${percent(gate.min)} are asked for.`;
  return { verdict: low >= gate.min ? 'pass' : high < gate.min ? 'fail' : 'inconclusive', because };
}
