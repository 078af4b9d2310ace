// Owns steps between neighbouring float32 numbers and their shortest decimal text. Never rounds to anything else.

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

export const MAX_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/** The smallest float32 above the float32 x; x is finite. The one above the largest is Infinity. */
export function nextUp(x: number): number {
  if (x === 0) return 2 ** -149;
  floats[0] = x;
  bits[0] = (bits[0] as number) + (x > 0 ? 1 : -1);
  return floats[0] + 0;
}

export const nextDown = (x: number): number => 0 - nextUp(-x);

/** The number with the fewest digits that rounds to the float32 x, so that JSON shows 295.4 and not 295.3999938964844. */
export function shorten(x: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return short;
  }
  return x;
}
