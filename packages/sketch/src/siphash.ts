// Owns the keyed hash of texts: who lacks the key learns nothing of a text from it. Never makes a key.
// SipHash-2-4 (Aumasson, Bernstein: SipHash, a fast short-input PRF, INDOCRYPT 2012) over the code units, little-endian.

/** Four words of 32 bits. */
export type SipKey = readonly [number, number, number, number];

/** Values of `hash`: whole numbers below this, the highest 52 bits of the 64. */
export const HASHES = 2 ** 52;

/** Reused for each text: nothing is allocated. */
export class SipHash {
  private readonly key: SipKey;
  /** v0 to v3, each its low word, then its high one. */
  private readonly v = new Int32Array(8);

  constructor(key: SipKey) {
    this.key = key;
  }

  hash(text: string): number {
    const { v, key } = this;
    const [k0, k1, k2, k3] = key;
    v[0] = k0 ^ 0x70736575;
    v[1] = k1 ^ 0x736f6d65;
    v[2] = k2 ^ 0x6e646f6d;
    v[3] = k3 ^ 0x646f7261;
    v[4] = k0 ^ 0x6e657261;
    v[5] = k1 ^ 0x6c796765;
    v[6] = k2 ^ 0x79746573;
    v[7] = k3 ^ 0x74656462;
    const whole = text.length - (text.length % 4);
    for (let at = 0; at < whole; at += 4)
      this.take(
        text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16),
        text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16),
      );
    const rest = text.length - whole;
    const low = (rest > 0 ? text.charCodeAt(whole) : 0) | (rest > 1 ? text.charCodeAt(whole + 1) << 16 : 0);
    this.take(low, (rest > 2 ? text.charCodeAt(whole + 2) : 0) | (((2 * text.length) & 0xff) << 24));
    v[4] = (v[4] as number) ^ 0xff;
    for (let i = 0; i < 4; i++) this.round();
    const lower = (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number);
    const upper = (v[1] as number) ^ (v[3] as number) ^ (v[5] as number) ^ (v[7] as number);
    return (upper >>> 0) * 2 ** 20 + (lower >>> 12);
  }

  private take(low: number, high: number): void {
    const { v } = this;
    v[6] = (v[6] as number) ^ low;
    v[7] = (v[7] as number) ^ high;
    this.round();
    this.round();
    v[0] = (v[0] as number) ^ low;
    v[1] = (v[1] as number) ^ high;
  }

  private round(): void {
    this.add(0, 2);
    this.turn(2, 13);
    this.mix(2, 0);
    this.turn(0, 32);
    this.add(4, 6);
    this.turn(6, 16);
    this.mix(6, 4);
    this.add(0, 6);
    this.turn(6, 21);
    this.mix(6, 0);
    this.add(4, 2);
    this.turn(2, 17);
    this.mix(2, 4);
    this.turn(4, 32);
  }

  private add(to: number, other: number): void {
    const { v } = this;
    const low = ((v[to] as number) >>> 0) + ((v[other] as number) >>> 0);
    v[to] = low;
    v[to + 1] = (v[to + 1] as number) + (v[other + 1] as number) + (low > 0xffff_ffff ? 1 : 0);
  }

  /** To the left, by 32 or less. */
  private turn(at: number, bits: number): void {
    const { v } = this;
    const low = v[at] as number;
    const high = v[at + 1] as number;
    v[at] = bits === 32 ? high : (low << bits) | (high >>> (32 - bits));
    v[at + 1] = bits === 32 ? low : (high << bits) | (low >>> (32 - bits));
  }

  private mix(at: number, other: number): void {
    const { v } = this;
    v[at] = (v[at] as number) ^ (v[other] as number);
    v[at + 1] = (v[at + 1] as number) ^ (v[other + 1] as number);
  }
}
