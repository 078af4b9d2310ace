// Decides how surely a device fails more often than it may, however often one looks at its counts. Never acts on it.
//
// An e-process for "the share of errors is at most `limit`": the likelihood ratio against shares above it, mixed by
// Jeffreys' Beta(½, ½) cut off at the limit (Robbins, Annals of Mathematical Statistics 1970; Howard et al. 2021).
// Each ratio against a share above the limit shrinks in the mean while the true share is below it, so that by Ville's
// inequality the chance that the mixture ever reaches 1 ÷ alpha is at most alpha. Answers of one device resemble each other: a burst
// of errors counts as what it is, for a limit on one device is meant for bursts too.
import { betaI, lnGamma } from '@drover/sketch/special';

const lnBeta = (a: number, b: number): number => lnGamma(a) + lnGamma(b) - lnGamma(a + b);

/** ln of the weight that Beta(a, b) has above `limit`; its far tail keeps its digits. */
const lnAbove = (a: number, b: number, limit: number): number => Math.log(betaI(b, a, 1 - limit));

/** ln of the evidence that more than `limit` (0 to 1, exclusive) of `n` fail. */
export function weighErrors(errors: number, n: number, limit: number): number {
  // Below the limit nothing speaks against it.
  if (n === 0 || errors <= limit * n) return 0;
  const [a, b] = [errors + 0.5, n - errors + 0.5];
  const mixed = lnBeta(a, b) + lnAbove(a, b, limit) - lnBeta(0.5, 0.5) - lnAbove(0.5, 0.5, limit);
  return mixed - errors * Math.log(limit) - (n - errors) * Math.log1p(-limit);
}
