// Owns the byte forms: varints, little-endian floats and bit-packed count arrays. Never knows what the numbers mean.

const MAX_COUNT = Number.MAX_SAFE_INTEGER;
/** Highest Exp-Golomb order that may be declared: counts have at most 53 bits. */
const MAX_ORDER = 52;

/** Appends to one growing buffer. */
export class ByteWriter {
  private buffer = new Uint8Array(1024);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** A whole number 0..2^53-1, seven bits a byte, lowest first. @throws RangeError on anything else: a count that was subtracted but never added. */
  varint(value: number): void {
    checkCount(value);
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  float32(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
  }

  float64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /**
   * Counts as: index of the first that is not zero, how many from there to the last that is not zero, Exp-Golomb order, bits
   * padded to a byte. The order that gives the fewest bits is chosen (Teuhola 1978), so even counts near 156 cost 9 bits and
   * zeros between cost one. All zero is two bytes.
   */
  counts(values: Float64Array): void {
    let first = 0;
    let end = values.length;
    while (first < end && values[first] === 0) first++;
    while (end > first && values[end - 1] === 0) end--;
    if (first === end) {
      this.varint(0);
      this.varint(0);
      return;
    }
    this.varint(first);
    this.varint(end - first);
    const order = chooseOrder(values, first, end);
    this.byte(order);
    this.bits(values, first, end, order);
  }

  private bits(values: Float64Array, first: number, end: number, order: number): void {
    const unit = 2 ** order;
    let pending = 0;
    let filled = 0;
    const put = (value: number, width: number): void => {
      let left = width;
      while (left > 0) {
        const take = Math.min(left, 8 - filled);
        const chunk = Math.floor(value / 2 ** (left - take)) % 2 ** take;
        pending = (pending << take) | chunk;
        filled += take;
        left -= take;
        if (filled === 8) {
          this.byte(pending);
          pending = 0;
          filled = 0;
        }
      }
    };
    for (let i = first; i < end; i++) {
      const value = values[i] as number;
      const head = Math.floor(value / unit) + 1;
      const width = bitLength(head);
      put(0, width - 1);
      put(head, width);
      put(value % unit, order);
    }
    if (filled > 0) put(0, 8 - filled);
  }

  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + more));
    grown.set(this.buffer);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}

/**
 * Reads what ByteWriter wrote. The first thing that does not fit sets `failed`, after which every read answers 0; it never
 * throws and never allocates, so a decoder reads straight through and looks at `failed` once.
 */
export class ByteReader {
  failed = false;
  private position = 0;
  private bit = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.position === this.bytes.length;
  }

  /** Refuses the input: the caller found a value that cannot be. */
  fail(): number {
    this.failed = true;
    return 0;
  }

  byte(): number {
    if (this.failed || this.position >= this.bytes.length) return this.fail();
    return this.bytes[this.position++] as number;
  }

  /** A whole number of at most `limit`. */
  varint(limit: number = MAX_COUNT): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        // One number has one form, so that equal windows have equal bytes.
        if ((byte === 0 && i > 0) || value > limit) return this.fail();
        return this.failed ? 0 : value;
      }
      scale *= 0x80;
    }
    return this.fail();
  }

  /** A finite number. */
  float32(): number {
    if (this.failed || this.position + 4 > this.bytes.length) return this.fail();
    const value = this.view.getFloat32(this.position, true);
    this.position += 4;
    return Number.isFinite(value) ? value : this.fail();
  }

  /** A finite number. */
  float64(): number {
    if (this.failed || this.position + 8 > this.bytes.length) return this.fail();
    const value = this.view.getFloat64(this.position, true);
    this.position += 8;
    return Number.isFinite(value) ? value : this.fail();
  }

  /** Adds the counts to `target` and answers their total; the target decides how many there may be. */
  counts(target: Float64Array): number {
    const first = this.varint(target.length);
    const length = this.varint(target.length - first);
    if (this.failed || length === 0) return 0;
    const order = this.byte();
    if (order > MAX_ORDER) return this.fail();
    this.bit = 0;
    let total = 0;
    for (let i = first; i < first + length; i++) {
      const value = this.takeCount(order);
      total += value;
      if (this.failed || total > MAX_COUNT) return this.fail();
      target[i] = (target[i] as number) + value;
    }
    if (this.bit > 0) this.position++;
    return total;
  }

  /** One Exp-Golomb number: as many zeros as its head has bits after the first, the head, then `order` bits. */
  private takeCount(order: number): number {
    if (this.position + 4 <= this.bytes.length) {
      // A number that fits in what is left of four bytes is taken from one word; that is nearly every one.
      const word = this.view.getUint32(this.position) << this.bit;
      const width = 2 * Math.clz32(word) + 1 + order;
      if (width <= 25) {
        const code = word >>> (32 - width);
        this.bit += width;
        this.position += this.bit >> 3;
        this.bit &= 7;
        return code - (1 << order);
      }
    }
    let zeros = 0;
    while (this.takeBits(1) === 0) {
      if (this.failed || ++zeros > 53) return this.fail();
    }
    const head = 2 ** zeros + this.takeBits(zeros);
    return (head - 1) * 2 ** order + this.takeBits(order);
  }

  private takeBits(width: number): number {
    let value = 0;
    let left = width;
    while (left > 0) {
      if (this.position >= this.bytes.length) return this.fail();
      const free = 8 - this.bit;
      const take = left < free ? left : free;
      const chunk = ((this.bytes[this.position] as number) >> (free - take)) & ((1 << take) - 1);
      value = value * (1 << take) + chunk;
      this.bit += take;
      left -= take;
      if (this.bit === 8) {
        this.bit = 0;
        this.position++;
      }
    }
    return value;
  }
}

function checkCount(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a count`);
}

const bitLength = (value: number): number => {
  let bits = value < 2 ** 31 ? 32 - Math.clz32(value) : Math.floor(Math.log2(value)) + 1;
  // Math.log2 may round up just below a power of two.
  if (value >= 2 ** 31 && 2 ** (bits - 1) > value) bits--;
  return bits;
};

function chooseOrder(values: Float64Array, first: number, end: number): number {
  let largest = 0;
  for (let i = first; i < end; i++) {
    const value = values[i] as number;
    checkCount(value);
    if (value > largest) largest = value;
  }
  let best = 0;
  let bestBits = Number.POSITIVE_INFINITY;
  for (let order = 0; order < bitLength(largest + 1) && order <= MAX_ORDER; order++) {
    const unit = 2 ** order;
    let bits = 0;
    for (let i = first; i < end; i++) bits += 2 * bitLength(Math.floor((values[i] as number) / unit) + 1) - 1 + order;
    if (bits < bestBits) {
      bestBits = bits;
      best = order;
    }
  }
  return best;
}
