// Decides how much the install failures seen so far say against a version, however often one looks. Never stops anything.
//
// An e-process for "the share of failures is at most `ok`": a start mixed from the likelihood ratio of the whole stage
// (Wald, Sequential Analysis, 1947) and the Shiryaev-Roberts sum over every place at which it may have turned bad, each
// divided by the devices of the stage (Shin, Ramdas, Rinaldo: E-detectors, 2023). Both start at 1 at most in the mean
// and never grow in the mean beyond it while the share is at most `ok`, so that by Ville's and Doob's inequality the chance
// that it ever reaches 1 ÷ alpha is at most alpha. With 1 % against 5 % three failures in a row are enough at alpha 0.01,
// five at 0.001 (design: rollouts §7.1); a version that turns bad after thousands of good devices is found after about ten.

export interface FailureRates {
  /** Share of failures that is fine, 0 to 1. */
  readonly ok: number;
  /** Share that is not. */
  readonly bad: number;
}

/** Weight of the ratio over the whole stage; the rest is of the places at which it may turn. */
const WHOLE = 0.95;

export interface FailureEvidence {
  /** At most 1 in the mean while the version is fine; capped at 1e300. */
  readonly e: number;
  /** ln of the likelihood ratio of the whole stage: below 0 it is rather fine, above rather not. */
  readonly ratio: number;
  readonly attempted: number;
  readonly failed: number;
}

/** `failed`: one entry a device that tried, in the order in which they ended. `devices`: how many may try, at least 1. */
export function weighFailures(failed: readonly boolean[], { ok, bad }: FailureRates, devices: number): FailureEvidence {
  const onFailure = Math.log(bad / ok);
  const onSuccess = Math.log((1 - bad) / (1 - ok));
  let ratio = 0;
  let highest = 0;
  let sum = 0;
  let count = 0;
  // The chance is bounded for the highest value so far: what has once been reached stays reached.
  for (const isFailed of failed) {
    const step = isFailed ? onFailure : onSuccess;
    ratio += step;
    sum = Math.min(1e300, (1 + sum) * Math.exp(step));
    if (isFailed) count++;
    highest = Math.max(highest, Math.min(1e300, WHOLE * Math.exp(ratio) + ((1 - WHOLE) * sum) / Math.max(1, devices)));
  }
  return { e: highest, ratio, attempted: failed.length, failed: count };
}
