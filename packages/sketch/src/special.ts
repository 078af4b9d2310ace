// Owns the special functions behind tests from counts: gamma, beta, normal, Student, chi-square, Kolmogorov, hypergeometric.
// Never knows what is tested. Relative errors are about 1e-13 where the value is not below 1e-280 (checked in special.test.ts).

/** Terms after which a series or a fraction is given up: reached only far beyond what counts of a fleet need. */
const TERMS = 10_000;
const EPSILON = 2 ** -53;

/** Lanczos' coefficients for g = 7, n = 9 (Numerical Recipes 3rd ed. §6.1 gives the method). */
const LANCZOS = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_13,
  -176.615_029_162_140_6, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6,
  1.505_632_735_149_311_6e-7,
] as const; // biome-ignore format: one table

/** ln Γ(x) for x > 0. */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const z = x - 1;
  let sum: number = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) sum += (LANCZOS[i] as number) / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln of n over k. */
export const lnChoose = (n: number, k: number): number => lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1);

/** P(a, x) by its series (Abramowitz & Stegun 6.5.29), good for x < a + 1. */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < TERMS && Math.abs(term) > Math.abs(sum) * EPSILON; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * Math.exp(-x + a * Math.log(x) - lnGamma(a));
}

const TINY = 1e-300;
const notZero = (x: number): number => (x === 0 ? TINY : x);

/** Q(a, x) by its continued fraction (Abramowitz & Stegun 6.5.31) in Lentz' way, good for x >= a + 1. */
function upperFraction(a: number, x: number): number {
  let f = notZero(x + 1 - a);
  let c = f;
  let d = 0;
  for (let n = 1; n < TERMS; n++) {
    const top = n * (a - n);
    const bottom = x + 2 * n + 1 - a;
    d = 1 / notZero(bottom + top * d);
    c = notZero(bottom + top / c);
    f *= c * d;
    if (Math.abs(c * d - 1) < EPSILON * 4) break;
  }
  return Math.exp(-x + a * Math.log(x) - lnGamma(a)) / f;
}

/** The regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0. */
export function gammaQ(a: number, x: number): number {
  if (x <= 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  return x < a + 1 ? 1 - lowerSeries(a, x) : upperFraction(a, x);
}

/** The regularised lower incomplete gamma function P(a, x) = 1 − Q(a, x). */
export function gammaP(a: number, x: number): number {
  if (x <= 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return 1;
  return x < a + 1 ? lowerSeries(a, x) : 1 - upperFraction(a, x);
}

/** I_x(a, b), the regularised incomplete beta function by its continued fraction (Abramowitz & Stegun 26.5.8), a, b > 0. */
export function betaI(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaI(b, a, 1 - x);
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  let [f, c, d] = [1, 1, 0];
  for (let n = 1; n < TERMS; n++) {
    const m = n >> 1;
    const top =
      n % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + top * d);
    c = notZero(1 + top / c);
    f *= c * d;
    if (Math.abs(c * d - 1) < EPSILON * 4) break;
  }
  return front / f;
}

/** P(Z > z) of a standard normal Z; keeps its digits far out in the tail. */
export const normalSf = (z: number): number =>
  z < 0 ? 1 - 0.5 * gammaQ(0.5, (z * z) / 2) : 0.5 * gammaQ(0.5, (z * z) / 2);
export const normalCdf = (z: number): number => normalSf(-z);

/** Φ⁻¹(p), 0 < p < 1: Abramowitz & Stegun 26.2.23, then Halley's steps. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? Number.NEGATIVE_INFINITY : p === 1 ? Number.POSITIVE_INFINITY : Number.NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  let z = ((0.010_328 * t + 0.802_853) * t + 2.515_517) / (((0.001_308 * t + 0.189_269) * t + 1.432_788) * t + 1) - t;
  for (let i = 0; i < 3; i++) {
    const u = (normalCdf(z) - p) * Math.sqrt(2 * Math.PI) * Math.exp((z * z) / 2);
    z -= u / (1 + (z * u) / 2);
  }
  return z;
}

/** P(X > x) of chi-square with `df` degrees of freedom. */
export const chiSquareSf = (x: number, df: number): number => gammaQ(df / 2, x / 2);

/** P(T <= t) of Student's t. */
export function studentCdf(t: number, df: number): number {
  const tail = 0.5 * betaI(df / 2, 0.5, df / (df + t * t));
  return t > 0 ? 1 - tail : tail;
}

/** P(K > x) of Kolmogorov's limit distribution; both of its series converge where they are used (Marsaglia et al., JSS 2003, §1). */
export function kolmogorovSf(x: number): number {
  // Below this the complement is less than the least number.
  if (x < 0.04) return 1;
  let sum = 0;
  if (x < 1.18) {
    for (let k = 1; k <= 20; k++) sum += Math.exp((-((2 * k - 1) ** 2) * Math.PI ** 2) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  for (let k = 1; k <= 20; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return sum;
}

/** P(X >= k) of n trials with probability p. */
export const binomialSf = (k: number, n: number, p: number): number =>
  k <= 0 ? 1 : k > n ? 0 : betaI(k, n - k + 1, p);

/** P(X >= k) drawing `drawn` of `all`, of which `marked` are marked: whether a tag is over-represented (Fisher, one-sided). */
export function hypergeometricSf(k: number, all: number, marked: number, drawn: number): number {
  const least = Math.max(0, drawn + marked - all);
  const most = Math.min(drawn, marked);
  if (k <= least) return 1;
  let sum = 0;
  for (let i = k; i <= most; i++)
    sum += Math.exp(lnChoose(marked, i) + lnChoose(all - marked, drawn - i) - lnChoose(all, drawn));
  return Math.min(1, sum);
}
