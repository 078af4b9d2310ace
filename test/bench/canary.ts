// Measures how the rules that stop a rollout behave on the same simulated fleets: how often a sound version is stopped, how often
// and when a bad one is; ours beside pooled tests, thresholds and the failure rules of others. Never asserts.

import { weighFailures } from '@drover/core/rollout/failures';
import { PLAN_DEFAULTS } from '@drover/core/rollout/plan';
import { CANARY_FLEET, type CanaryFleet, drawErrors } from '@drover/sim/rollout/canary-fleet';
import {
  type CanaryRule,
  deviceAnytime,
  deviceDaily,
  devicePeeking,
  levelDaily,
  pooledAnytime,
  pooledPeeking,
  thresholdRule,
} from '@drover/sim/rollout/canary-rules';
import { splitMix } from '@drover/sketch/split-mix';
import { atMost, type BenchReport, type BenchRow } from './report.ts';

const RUNS = 300;
const BEFORE = 72;
const AFTER = 168;
const ALPHA = 0.05;

const RULES: readonly (readonly [string, CanaryRule])[] = [
  ['all answers pooled, each hour', pooledPeeking],
  ['all answers pooled, anytime limits', pooledAnytime],
  ['devices, t each hour', devicePeeking],
  ['devices, anytime limits (ours, looks: any)', deviceAnytime],
  ['devices, 7 daily looks (ours)', deviceDaily],
  ['devices without what was before, 7 daily looks', levelDaily],
  ['share above 3 %, 5 hours in a row (as Flagger)', thresholdRule(0.03, 5)],
];

const CASES: readonly (readonly [string, Partial<CanaryFleet>])[] = [
  ['sound, 5 devices a side', { perArm: 5 }],
  ['sound, 10', { perArm: 10 }],
  ['sound, 20', { perArm: 20 }],
  ['sound, 50', { perArm: 50 }],
  ['odds 1.5, 10', { perArm: 10, odds: 1.5 }],
  ['odds 1.5, 20', { perArm: 20, odds: 1.5 }],
  ['odds 1.5, 50', { perArm: 50, odds: 1.5 }],
  ['odds 1.5 ± 0.15, 10', { perArm: 10, odds: 1.5, oddsSd: 0.15 }],
  ['odds 1.5 ± 0.15, 20', { perArm: 20, odds: 1.5, oddsSd: 0.15 }],
  ['odds 2, 10', { perArm: 10, odds: 2 }],
];

function measureRules(name: string, over: Partial<CanaryFleet>): BenchRow[] {
  const fleet = { ...CANARY_FLEET, ...over };
  const hours = RULES.map((): number[] => []);
  for (let seed = 0; seed < RUNS; seed++) {
    const arms = drawErrors(fleet, { seed, hours: BEFORE + AFTER, changeAt: BEFORE });
    for (const [i, [, rule]] of RULES.entries()) {
      const at = rule(arms, fleet, BEFORE, ALPHA);
      if (at !== undefined) hours[i]?.push(at);
    }
  }
  return RULES.map(([rule, of], i) => {
    const found = (hours[i] ?? []).toSorted((a, b) => a - b);
    const median = found[Math.floor(found.length / 2)];
    const isOurs = of === deviceAnytime || of === deviceDaily;
    return {
      name: `${name}: ${rule}`,
      value: found.length / RUNS,
      unit: 'stopped',
      ...(isOurs && fleet.odds === 1 && { budget: atMost(ALPHA) }),
      ...(median !== undefined && fleet.odds > 1 && { note: `half of them within ${median} h` }),
    };
  });
}

const DEVICES = 1000;
let drawn = 0;
const draw = (): number => (splitMix(11, drawn++) >>> 0) / 2 ** 32;

/** Devices that failed before the rule stopped; all that fail when it never does. */
type FailureRule = (failed: readonly boolean[]) => number;

const ours: FailureRule = (failed) => {
  const { gate } = PLAN_DEFAULTS;
  for (let n = 1; n <= failed.length; n++) {
    // A failure alone raises the evidence.
    if (failed[n - 1] && weighFailures(failed.slice(0, n), gate, DEVICES).e >= 1 / gate.alpha) return n;
  }
  return Number.POSITIVE_INFINITY;
};
/** More than a share of all devices of the group, those that have not tried included (hawkBit's error condition). */
const ofAll =
  (share: number): FailureRule =>
  (failed) => {
    let count = 0;
    for (const [i, isFailed] of failed.entries()) if (isFailed && ++count > share * DEVICES) return i + 1;
    return Number.POSITIVE_INFINITY;
  };
/** At least a share of those that have tried, once so many have (abort criteria of AWS IoT jobs). */
const ofTried =
  (share: number, least: number): FailureRule =>
  (failed) => {
    let count = 0;
    for (const [i, isFailed] of failed.entries()) {
      if (isFailed) count++;
      if (i + 1 >= least && count >= share * (i + 1)) return i + 1;
    }
    return Number.POSITIVE_INFINITY;
  };

function measureFailures(): BenchRow[] {
  const rules: readonly (readonly [string, FailureRule])[] = [
    ['ours (1 % against 5 %, alpha 0.01)', ours],
    ['5 % of all devices (as hawkBit)', ofAll(0.05)],
    ['5 % of those that tried, 20 at least (as AWS jobs)', ofTried(0.05, 20)],
  ];
  const cases = [['installs fail on 1 %', 0.01], ['on 10 %', 0.1], ['on all', 1]] as const; // biome-ignore format: one list
  return cases.flatMap(([name, share]) => {
    const runs = Array.from({ length: RUNS }, () => Array.from({ length: DEVICES }, () => draw() < share));
    return rules.map(([rule, of]) => {
      const stops = runs.map(of);
      const stopped = stops.filter(Number.isFinite).toSorted((a, b) => a - b);
      const median = stopped[Math.floor(stopped.length / 2)];
      return {
        name: `${name} of ${DEVICES}: ${rule}`,
        value: stopped.length / RUNS,
        unit: 'stopped',
        ...(of === ours && share === 0.01 && { budget: atMost(PLAN_DEFAULTS.gate.alpha) }),
        ...(median !== undefined && share > 0.01 && { note: `half of them after ${median} devices` }),
      };
    });
  });
}

export async function bench(): Promise<BenchReport> {
  return {
    title: 'Canaries: how often a sound version is stopped, and a bad one found',
    rows: [...CASES.flatMap(([name, over]) => measureRules(name, over)), ...measureFailures()],
    notes: [
      `${RUNS} runs each; 2 % errors, 100 answers an hour, devices differ by 0.7 and hours by 0.3 in log odds, a daily wave; ${BEFORE} h before, ${AFTER} h since, alpha ${ALPHA}.`,
      'Stopped: called worse at some time in a week. Margins are 0 here; a rollout stops what is worse by more than its margin.',
    ],
  };
}
