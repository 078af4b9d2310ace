// Owns the seeded generator of random numbers that every trainer draws from, so that one seed gives one model.

export interface Random {
  /** Uniform in [0, 1) with 32 bits. */
  next(): number;
  /** Uniform integer in 0..n-1; n from 1 to 2^32. */
  below(n: number): number;
  /** Standard normal (Box and Muller 1958). */
  normal(): number;
}

/** xoshiro128** (Blackman and Vigna 2018), its state filled from `seed` (any finite number) by splitmix32. */
export function createRandom(seed: number): Random {
  let mix = (Math.floor(seed) ^ Math.floor(seed / 2 ** 32)) | 0;
  const fill = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = fill();
  let b = fill();
  let c = fill();
  let d = fill();
  if ((a | b | c | d) === 0) a = 1;
  const next = (): number => {
    const r = Math.imul(b, 5);
    const out = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return out / 2 ** 32;
  };
  return {
    next,
    below: (n) => Math.floor(next() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

/** `count` of 0..n-1 in ascending order, each set equally likely (selection sampling, Knuth TAOCP 3.4.2 S). */
export function sampleAscending(random: Random, n: number, count: number, out: Uint32Array): void {
  let taken = 0;
  for (let i = 0; i < n && taken < count; i++) {
    if (random.next() * (n - i) < count - taken) out[taken++] = i;
  }
}

/** A random order of 0..n-1 (Fisher and Yates). */
export function shuffle(random: Random, n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const held = order[i] as number;
    order[i] = order[j] as number;
    order[j] = held;
  }
  return order;
}
