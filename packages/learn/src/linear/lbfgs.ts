// Minimises a smooth convex function with limited-memory BFGS. It knows nothing of models; the same input gives the same bits.

/** Value at `at`; writes the gradient. */
export type Objective = (at: Float64Array, gradient: Float64Array) => number;

export interface MinimiseStep {
  readonly iteration: number;
  readonly value: number;
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};
const largest = (a: Float64Array): number => {
  let top = 0;
  for (const value of a) top = Math.max(top, Math.abs(value));
  return top;
};

/**
 * Two-loop recursion (Nocedal and Wright 2006, algorithm 7.4) with `memory` pairs and Armijo backtracking. Ends when the
 * largest gradient entry is at most `tolerance`, after `iterations`, or when no step lowers the value.
 */
export function* minimise(
  objective: Objective,
  start: Float64Array,
  rules: { iterations: number; tolerance: number; memory?: number },
): Generator<MinimiseStep, Float64Array, void> {
  const memory = rules.memory ?? 10;
  const n = start.length;
  let at = start.slice();
  let gradient = new Float64Array(n);
  let value = objective(at, gradient);
  const pairs: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let iteration = 1; iteration <= rules.iterations; iteration++) {
    if (largest(gradient) <= rules.tolerance) break;
    const direction = gradient.map((g) => -g);
    const alphas: number[] = [];
    for (let i = pairs.length - 1; i >= 0; i--) {
      const { s, y, rho } = pairs[i] as (typeof pairs)[number];
      const alpha = rho * dot(s, direction);
      alphas[i] = alpha;
      for (let j = 0; j < n; j++) direction[j] = (direction[j] as number) - alpha * (y[j] as number);
    }
    const newest = pairs.at(-1);
    const first = newest
      ? 1 / (newest.rho * dot(newest.y, newest.y))
      : 1 / Math.max(1, Math.sqrt(dot(gradient, gradient)));
    for (let j = 0; j < n; j++) direction[j] = (direction[j] as number) * first;
    for (let i = 0; i < pairs.length; i++) {
      const { s, y, rho } = pairs[i] as (typeof pairs)[number];
      const beta = rho * dot(y, direction);
      for (let j = 0; j < n; j++)
        direction[j] = (direction[j] as number) + ((alphas[i] as number) - beta) * (s[j] as number);
    }
    const slope = dot(gradient, direction);
    if (!(slope < 0)) break;
    let length = 1;
    let next = at;
    let nextGradient = gradient;
    let nextValue = value;
    let found = false;
    for (let attempt = 0; attempt < 40 && !found; attempt++) {
      next = at.map((v, j) => v + length * (direction[j] as number));
      nextGradient = new Float64Array(n);
      nextValue = objective(next, nextGradient);
      found = nextValue <= value + 1e-4 * length * slope;
      length /= 2;
    }
    if (!found) break;
    const s = next.map((v, j) => v - (at[j] as number));
    const y = nextGradient.map((v, j) => v - (gradient[j] as number));
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) {
      pairs.push({ s, y, rho: 1 / curvature });
      if (pairs.length > memory) pairs.shift();
    }
    at = next;
    gradient = nextGradient;
    value = nextValue;
    yield { iteration, value };
  }
  return at;
}
