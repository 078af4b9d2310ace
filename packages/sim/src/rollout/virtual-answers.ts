// Owns what simulated devices answer in a rollout: how often they fail before and since, with the version and without. Never
// judges it.
import type { DeviceTotals, PeriodTotals } from '@drover/core/rollout/live';
import { openStream } from '../random.ts';

export interface AnswerBehaviour {
  readonly answersPerHour: number;
  /** Share of errors of a device in the middle, and how devices and days differ, in log odds. */
  readonly share: number;
  readonly deviceSd: number;
  readonly daySd: number;
  /** By how much the version multiplies the odds of an error. */
  readonly odds: number;
  /** By how much it multiplies latency. */
  readonly latency: number;
}

export const SOUND_ANSWERS: AnswerBehaviour = {
  answersPerHour: 100, share: 0.02, deviceSd: 0.7, daySd: 0.15, odds: 1, latency: 1,
}; // biome-ignore format: one row

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Means over a span: the more days, the less they differ. */
function drawPeriod(
  of: AnswerBehaviour,
  seed: number,
  label: string,
  level: number,
  ms: number,
  hasIt: boolean,
): PeriodTotals {
  const random = openStream(seed, label);
  const answers = Math.round((of.answersPerHour * ms) / HOUR);
  const drift = (of.daySd / Math.sqrt(Math.max(1, ms / DAY))) * random.normal();
  const x = Math.log(of.share / (1 - of.share)) + level + drift + (hasIt ? Math.log(of.odds) : 0);
  const p = 1 / (1 + Math.exp(-x));
  const errors = Math.max(
    0,
    Math.min(answers, Math.round(answers * p + Math.sqrt(answers * p * (1 - p)) * random.normal())),
  );
  const latencyP95 = 1000 * Math.exp(0.3 * level + 0.05 * random.normal()) * (hasIt ? of.latency : 1);
  return { answers: answers - errors, errors, labelled: 0, mistakes: 0, isRegression: false, latencyP95 };
}

/** @param beforeMs and sinceMs how long each time was. */
export function drawTotals(
  of: AnswerBehaviour,
  seed: number,
  device: string,
  spans: { readonly beforeMs: number; readonly sinceMs: number; readonly look: string; readonly hasIt: boolean },
): DeviceTotals {
  const level = of.deviceSd * openStream(seed, `answers of ${device}`).normal();
  return {
    before: drawPeriod(of, seed, `before of ${device}`, level, spans.beforeMs, false),
    since: drawPeriod(of, seed, `${spans.look} of ${device}`, level, spans.sinceMs, spans.hasIt),
  };
}
