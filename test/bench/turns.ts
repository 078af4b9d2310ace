// Measures several ways of doing one thing in turns, so that whatever else the machine does slows all of them.

/** One call; a promise is awaited, anything else is not. */
export type Sample = () => Promise<unknown> | undefined;

/** Microseconds of each call, sorted, in blocks that take turns, after two blocks each that are thrown away. */
export async function measureInTurn(
  samples: readonly Sample[],
  { block, rounds }: { readonly block: number; readonly rounds: number } = { block: 250, rounds: 40 },
): Promise<Float64Array[]> {
  const times = samples.map(() => new Float64Array(block * rounds));
  for (let round = -2; round < rounds; round += 1) {
    for (const [which, sample] of samples.entries()) {
      const own = times[which];
      for (let call = 0; call < block; call += 1) {
        const start = performance.now();
        const waiting = sample();
        if (waiting !== undefined) await waiting;
        const took = (performance.now() - start) * 1000;
        if (round >= 0 && own) own[round * block + call] = took;
      }
    }
  }
  return times.map((each) => each.toSorted());
}

export const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
